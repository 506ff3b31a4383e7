"""Which records are about one thing, and when: the first of two steps, without scans.

A pure function of what records say and of what people decided. Its grains are the distinct
evidences of records, not the records: under one native key a machine may be replaced by another.
Grains are put together by the keys of their class, strongest first, in an order that depends on
content alone. Where two sides differ in a key of which a thing has only one, or were live at once
in two places, they are two things. A value that such sides share identifies nobody by itself:
who is meant is then settled by what else they share, or left to a person. What was weighed and
did not count is kept with the reason.

Scans, which know an address and at best a MAC, come second: reconcile/sightings.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations, pairwise, product

from cmdb.store.port import RecordId
from reconcile.cluster import LISTS, Cluster, Grain, Reason
from reconcile.evidence import KEYS, LENT, MODEL, SINGLE, SOLE
from reconcile.grains import grains_of
from reconcile.labels import PAIRS
from reconcile.objections import Objection, Objections
from reconcile.rules.model import CROWDED
from reconcile.rulings import Rulings
from reconcile.strangers import in_three
from reconcile.stretches import Clusters, Identified, Subject, cut
from reconcile.unlike import speaks_for

Ignored = Collection[tuple[str, str]]
"""Keys and values on the stop-list."""

_SUPPORT: tuple[tuple[str, int], ...] = (
    ("instance_id", 8), ("bios_uuid", 8), ("mac", 4), ("local_mac", 4), ("machine_id", 4),
    ("name", 4), ("asset_tag", 4), (MODEL, 1),
)  # fmt: skip
"""What settles who is meant where a value leaves a choice, with its weight."""
_ENOUGH = 4
_PAIR = 2
_ADAPTERS = frozenset({"mac", "local_mac"})


def identify(
    subjects: Iterable[Subject],
    rulings: Rulings,
    ignored: Ignored = (),
    order: Sequence[str] = SINGLE,
) -> list[Identified]:
    """Puts together what is about one thing; each stretch of a record is in one of the results.

    Args:
        subjects: A component: no record outside it shares an identifying value with one in it.
        rulings: What people decided about these records.
        ignored: Values that identify nobody: on the stop-list, or on too many records.
        order: Keys of which a thing has one value, the strongest first.
    """
    ordered = sorted(subjects, key=lambda subject: subject.key)
    if len(ordered) == 1 and len(ordered[0].timeline.nodes) == 1:
        return [cut_alone(ordered[0])]
    work = _Work(grains_of(ordered), rulings, ignored, order)
    work.run()
    found = cut(ordered, work.clusters())
    for thing in found:
        thing.watched = work.watched()
    return found


def cut_alone(subject: Subject) -> Identified:
    """The plain case: one record that always said the same."""
    (grain,) = grains_of([subject])
    return cut([subject], {(subject.record, 0): Cluster.of_grain(grain)})[0]


class _Work:
    """The state of one identification."""

    def __init__(
        self, grains: Sequence[Grain], rulings: Rulings, ignored: Ignored, order: Sequence[str]
    ) -> None:
        self._order = order
        self._grains = [grain for grain in grains if grain.counts]
        self._cluster = {
            (grain.record, grain.node): Cluster.of_grain(grain) for grain in self._grains
        }
        self._objections = Objections(rulings, self._grains)
        self._ignored = ignored
        self._unsettled: dict[tuple[str, str], Sequence[Grain]] = {}
        """Of keys of which a thing has one the values that were left on several."""

    def clusters(self) -> Clusters:
        """The cluster of each grain, by record and place of the evidence."""
        return self._cluster

    def watched(self) -> frozenset[RecordId]:
        """Records whose next words may speak against a join."""
        return frozenset(self._objections.watched)

    def run(self) -> None:
        """All joins, strongest first."""
        self._join_by_decision()
        for name in self._order:
            self._join_by(name, KEYS[name].kin)
        self._join_by("native key")
        self._join_by("observer")
        self._join_parts_of_reports()
        self._join_managed()
        self._join_own_adapters()
        self._join_own_name()
        self._join_by("mac")
        self._join_rows_anew()
        self._join_by_continuity()
        self._join_unsettled()
        for name in SOLE:
            if name not in {*SINGLE, "mac", "observer"}:
                self._join_by(name)
        self._join_by_labels()

    def _of(self, grain: Grain) -> Cluster:
        return self._cluster[grain.record, grain.node]

    def _join_by_decision(self) -> None:
        for one, two, why in self._objections.bonds():
            self._bind(one, two, why)

    def _bind(self, one: Grain, two: Grain, why: str) -> None:
        self._merge(one, two, "person", why)

    def _join_by(self, name: str, kin: Sequence[str] = ()) -> None:
        for value, holders in self._holders(name, kin):
            self._join_over(name, value, holders)

    def _join_over(self, name: str, value: str, holders: Sequence[Grain]) -> None:
        clusters = list(dict.fromkeys(self._of(grain) for grain in holders))
        if len(clusters) < _PAIR:
            return
        pairs = list(combinations(clusters, 2))
        against = [self._objections.between(one, two, name) for one, two in pairs]
        if not any(against) and not self._on_strangers(name, clusters):
            for grain in holders[1:]:
                self._join(holders[0], grain, name, value)
        elif any(against) and _only_parted(clusters, pairs, against):
            # People parted some of them: that is no word about those who stay together.
            for one, two in combinations(holders, 2):
                self._join(one, two, name, value)
        else:
            self._settle(name, value, holders)

    def _join_unsettled(self) -> None:
        """What gives a value that two carried, of which their native key has said: they are one.

        A board was replaced: nothing but the system's serial number is as it was before.
        """
        for (name, value), holders in sorted(self._unsettled.items(), key=lambda item: item[0]):
            self._join_over(name, value, holders)

    def _join_rows_anew(self) -> None:
        """What a row tells under another asset number goes with who has that and its name.

        Before the native key goes on: a row is written over for another machine.
        """
        for grains in self._by_record():
            if grains[0].key.source.kind not in LISTS or len(grains) < _PAIR:
                continue
            if frozenset.intersection(*(grain.of("asset_tag") for grain in grains)):
                continue
            for row, other in product(grains, self._grains):
                tags = row.of("asset_tag") & other.of("asset_tag")
                if (
                    tags
                    and other.key.source.kind not in LISTS
                    and row.of("name") & other.of("name")
                ):
                    self._join(row, other, "asset_tag", min(tags))

    def _on_strangers(self, name: str, clusters: Sequence[Cluster]) -> bool:
        """Whether a value is on three that have nothing else in common: it identifies nobody."""
        if name not in SINGLE or len(clusters) <= _PAIR:
            return False
        pairs = combinations(range(len(clusters)), 2)
        against = self._objections.strangers
        strange = {(a, b) for a, b in pairs if against(clusters[a], clusters[b], name)}
        return in_three(clusters, strange)

    def _holders(self, name: str, kin: Sequence[str]) -> list[tuple[str, list[Grain]]]:
        """Values of a key with the grains that carry them, in order of content."""
        found: dict[str, list[Grain]] = {}
        for grain in self._grains:
            values = {*grain.of(name), *(v for other in kin for v in grain.of(other))}
            for value in values:
                found.setdefault(value, []).append(grain)
        return [
            (value, sorted(holders, key=Grain.order))
            for value, holders in sorted(found.items())
            if len(holders) > 1 and (name, value) not in self._ignored
        ]

    def _settle(self, name: str, value: str, holders: Sequence[Grain]) -> None:
        """A value that two different things carry: joins only those whom more ties together."""
        self._unsettled[name, value] = holders
        scored = [
            (-self._support(self._of(one), self._of(two), name), place, one, two)
            for place, (one, two) in enumerate(combinations(holders, 2))
            if self._of(one) is not self._of(two)
        ]
        for weight, _, one, two in sorted(scored, key=lambda entry: entry[:2]):
            if -weight >= _ENOUGH:
                self._join(one, two, name, value)
        self._ask(name, value, holders)

    def _support(self, one: Cluster, two: Cluster, but: str) -> int:
        weight = sum(points for key, points in _SUPPORT if key != but and one.of(key) & two.of(key))
        return weight + (8 if one.records() & two.records() else 0)

    def _ask(self, name: str, value: str, holders: Sequence[Grain]) -> None:
        """Notes why they stay apart; where nothing but doubt speaks against it, asks."""
        sides = len({id(self._of(grain)) for grain in holders})
        for one, two in combinations(holders, 2):
            first, second = self._of(one), self._of(two)
            if first is second:
                continue
            against = self._objections.between(first, second, name)
            why = against.why if against else f"{name} {value} is on several things"
            note = Reason(name, value, two.key, counted=False, why=why)
            first.note(one, note)
            second.note(two, Reason(name, value, one.key, counted=False, why=why))
            doubtful = against is None or against.doubtful
            # A value that a third thing carries, too, is no reason to ask about two of them.
            asked = name in SINGLE or (against is not None and against.asked)
            if doubtful and sides == _PAIR and asked:
                first.rivals.add(second)
                second.rivals.add(first)

    def _join(self, one: Grain, two: Grain, name: str, value: str) -> None:
        first, second = self._of(one), self._of(two)
        against = None
        if first is not second:
            against = self._objections.between(first, second, name)
        if against is None:
            self._merge(one, two, name, value)
            return
        shown = value.rpartition("\0")[2]
        first.note(one, Reason(name, shown, two.key, counted=False, why=against.why))
        second.note(two, Reason(name, shown, one.key, counted=False, why=against.why))

    def _merge(self, one: Grain, two: Grain, name: str, value: str) -> None:
        first, second = self._of(one), self._of(two)
        shown = value.rpartition("\0")[2]
        first.note(one, Reason(name, shown, two.key, counted=True))
        second.note(two, Reason(name, shown, one.key, counted=True))
        if first is second:
            return
        first.take(second)
        for grain in second.grains:
            self._cluster[grain.record, grain.node] = first

    def _join_parts_of_reports(self) -> None:
        """What a record tells of adapters alone goes with what it told of its hardware before.

        Before adapters tie records together: a report of what changed may tell of a dongle alone.
        """
        for grains in self._by_record():
            for one, two in _in_turn(grains):
                if not any(one.of(key) for key in SINGLE) or not two.values.keys() <= _ADAPTERS:
                    continue
                # Where the record told of these adapters at another time, too, that says whose.
                if not any(two.of("mac") & other.of("mac") for other in grains if other is not two):
                    self._continue(one, two)

    def _join_managed(self) -> None:
        """What an agent tells goes with what its manager tells under the same name and adapter.

        Before what an agent tells of one name goes together: machines are started from one image
        with its native key and name, and its manager gives each a number.
        """
        managers = [grain for grain in self._grains if grain.key.source.kind == "cloud"]
        told = [grain for grain in self._grains if grain.key.source.kind == "agent"]
        for one, two in product(managers, told):
            shared = [(n, value) for n in _ADAPTERS for value in one.of(n) & two.of(n)]
            if shared and one.of("name") & two.of("name"):
                self._join(one, two, *min(shared))

    def _join_own_adapters(self) -> None:
        """What one record tells of the same adapters, the most alike first.

        Before adapters tie records together: one that is lent for an hour must find each record
        whole, with all that speaks against the loan.
        """
        for grains in self._by_record():
            pairs = [
                (-len(one.of("mac") & two.of("mac")), place, one, two)
                for place, (one, two) in enumerate(combinations(grains, 2))
                if one.of("mac") & two.of("mac")
            ]
            for _, _, one, two in sorted(pairs, key=lambda pair: pair[:2]):
                if self._of(one) is not self._of(two):
                    shared = min(one.of("mac") & two.of("mac"))
                    self._join(one, two, "mac", shared)

    def _join_own_name(self) -> None:
        """What an agent tells under one name, whatever adapters it sees.

        Before adapters tie records together, as above: a card may go from machine to machine. Not
        where it is the native key that went, and the machine speaks under another.
        """
        records = self._by_record()
        for grains in records:
            if len(grains) < _PAIR or grains[0].key.source.kind != "agent":
                continue
            for one, two in _in_turn(grains):
                first, second = self._of(one), self._of(two)
                if first is second or not one.of("name") & two.of("name"):
                    continue
                if not any(speaks_for(other, first, second) for other in records):
                    self._continue(one, two)

    def _by_record(self) -> list[list[Grain]]:
        records: dict[int, list[Grain]] = {}
        for grain in self._grains:
            records.setdefault(grain.record, []).append(grain)
        return list(records.values())

    def _join_by_continuity(self) -> None:
        """The native key goes on: the same thing, unless its hardware is another."""
        for grains in self._by_record():
            for one, two in _in_turn(grains):
                if self._of(one) is not self._of(two):
                    self._continue(one, two)

    def _continue(self, one: Grain, two: Grain) -> None:
        why = self._objections.replaced(self._of(one), self._of(two), one.key)
        known = ("native key", one.key.native_key)
        if why:
            self._of(one).note(one, Reason(*known, two.key, counted=False, why=why))
            self._of(two).note(two, Reason(*known, one.key, counted=False, why=why))
        else:
            self._merge(one, two, *known)

    def _join_by_labels(self) -> None:
        """Two weak keys that agree: an asset number and a name, a software MAC and an address."""
        for name, others in PAIRS:
            for value, holders in self._holders(name, ()):
                for one, two in combinations(holders, 2):
                    first, second = self._of(one), self._of(two)
                    if first is second:
                        continue
                    if any(check(first, second) for check in others):
                        self._join(one, two, name, value)


def _in_turn(grains: Sequence[Grain]) -> Iterable[tuple[Grain, Grain]]:
    """What one record told, each with what it told next."""
    visits = sorted((span, place) for place, grain in enumerate(grains) for span in grain.spans)
    return ((grains[before], grains[after]) for (_, before), (_, after) in pairwise(visits))


def _only_parted(
    clusters: Sequence[Cluster],
    pairs: Sequence[tuple[Cluster, Cluster]],
    against: Sequence[Objection | None],
) -> bool:
    """Whether nothing but people's words stands between some, and leaves nobody in between."""
    if any(found is not None and not found.ruled for found in against):
        return False
    parted = {pair for pair, found in zip(pairs, against, strict=True) if found}
    apart = {each: {two for one, two in _both(parted) if one is each} for each in clusters}
    return all(apart[one] == apart[two] for one, two in pairs if (one, two) not in parted)


def _both(pairs: Iterable[tuple[Cluster, Cluster]]) -> Iterable[tuple[Cluster, Cluster]]:
    for one, two in pairs:
        yield from ((one, two), (two, one))


__all__ = ("CROWDED", "LENT", "Identified", "Objection", "Subject", "identify")
