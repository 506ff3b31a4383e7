"""Settles what scans saw, against what others know; reconcile/sightings.py judges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cmdb.model.observation import RecordKey
from cmdb.store.port import AssetId, Ledger, LinkRow, RecordId
from reconcile import keys
from reconcile.account import normal_address
from reconcile.decisions import BY_HAND, Decided
from reconcile.evidence import LENT
from reconcile.instants import to_micros
from reconcile.links import stands
from reconcile.reach import Reach
from reconcile.rulings import Ruling, by_record
from reconcile.sightings import Candidate, Known, Sighting, judge
from reconcile.timeline import Timeline
from reconcile.times import At, Span, Time, stretch_at
from reconcile.witness import Witness

_MOST_HOLDERS = 64
"""Records that were ever at one address; of more the ones that came last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A time in which a scan's record was about one thing."""

    first: int
    last: int
    thing: AssetId | None
    anchor: str | None
    """The name of a thing that scans alone know of."""
    why: str


class Scans:
    """Judges scan records one by one."""

    def __init__(self, ledger: Ledger, witness: Witness, reach: Reach, holding: Decided) -> None:
        self._ledger = ledger
        self._witness = witness
        self._reach = reach
        self._decided = holding
        self._same = by_record(holding.rulings.same)
        self._different = by_record(holding.rulings.different)

    def seen(self, record: RecordId) -> list[Seen]:
        """Whom a scan's record was about, in order of time."""
        key = self._reach.key(record)
        return self._as_ruled(record, key) or self._as_judged(record, key)

    def _as_ruled(self, record: RecordId, key: RecordKey) -> list[Seen]:
        """Whom a person said that it saw at all times; nobody where nobody said so."""
        visits = self._witness.weighed(record).visits
        for ruling in reversed(self._same.get(key, ())):
            who = None if ruling.time_of(key) else self._who(key, ruling)
            if who is not None:
                return [replace(who, first=visits[0].first, last=visits[-1].last)]
        return []

    def _who(self, key: RecordKey, ruling: Ruling) -> Seen | None:
        whom = self._whom(key, ruling)
        return None if whom is None else Seen(0, 0, *whom, ruling.why)

    def _whom(self, key: RecordKey, ruling: Ruling) -> tuple[AssetId | None, str | None] | None:
        other = ruling.other(key)
        row = self._ledger.record(other)
        if other.source == BY_HAND or row is None or self._decided.excludes(other):
            return None
        time = ruling.time_of(other)
        if keys.witnesses_only(other, self._witness.weighed(row.id)):
            # Of two scans one leads: else they would wait for each other.
            seen = self.seen(row.id) if other < key else []
            seen = [x for x in seen if time is None or time.holds(x.first, x.last)] or seen
            return (seen[-1].thing, seen[-1].anchor) if seen else None
        link = self._told(self._ledger.stretches([row.id]).get(row.id, ()), time)
        return (link.asset, None) if link else None

    @staticmethod
    def _told(links: Sequence[LinkRow], time: Time) -> LinkRow | None:
        """The stretch of a record of which a word speaks."""
        if isinstance(time, At):
            return stretch_at(links, time.at)
        meant = [x for i, x in enumerate(links) if time is None or time.meets(x, first=i == 0)]
        return meant[-1] if meant else None

    def _as_judged(self, record: RecordId, key: RecordKey) -> list[Seen]:
        timeline = self._witness.weighed(record)
        if key in self._same or key in self._different:
            return _as_runs(self._as_told(record, key, timeline))
        sightings = self._judged(key, timeline, frozenset())
        pairs = zip(timeline.visits, sightings, strict=True)
        return _as_runs(_seen(record, visit.first, visit.last, each) for visit, each in pairs)

    def _as_told(self, record: RecordId, key: RecordKey, timeline: Timeline) -> Iterator[Seen]:
        """Its sightings one by one, as people said of each."""
        told = _Told(key, timeline, self._same.get(key, ()), self._different.get(key, ()))
        judged: dict[frozenset[AssetId], Sequence[Sighting]] = {}
        for place, visit in enumerate(timeline.visits):
            claimed = (self._who(key, ruling) for ruling in told.claimed(place))
            new = next((x for x in claimed if x is not None), None)
            if new is not None:
                yield replace(new, first=visit.first, last=visit.last)
                continue
            apart = frozenset(self._apart(key, told.denied(place)))
            if apart not in judged:
                judged[apart] = self._judged(key, timeline, apart)
            new = _seen(record, visit.first, visit.last, judged[apart][place])
            alone = new.anchor is not None and told.stands_alone(place)
            yield replace(new, anchor=f"apart/{record}") if alone else new

    def _judged(
        self, key: RecordKey, timeline: Timeline, apart: frozenset[AssetId]
    ) -> Sequence[Sighting]:
        address = normal_address(key.native_key) or key.native_key
        judged = judge(timeline, address, self._known(key, timeline, address, apart))
        self._ledger.watch(map(RecordId, judged.watched))
        return judged.sightings

    def _known(
        self, key: RecordKey, timeline: Timeline, address: str, apart: Collection[AssetId]
    ) -> Known:
        macs = {mac for node in timeline.nodes for mac in node.of("mac")}
        by_mac, by_lent, lent = {}, {}, set()
        named = any("name" in node.values for node in timeline.nodes)
        for mac in sorted(macs):
            holders = self._ledger.holders(keys.carried(mac), self._decided.crowded + 1)
            if self._identifies_nobody(holders, mac):
                lent.add(mac)
                if named and len(holders) <= self._decided.crowded:
                    by_lent[mac] = tuple(self._candidates(holders, apart, mac=mac))
            elif holders:
                by_mac[mac] = tuple(self._candidates(holders, apart, mac=mac))
        held = self._ledger.holders(keys.held(key.scope, address), _MOST_HOLDERS)
        here = tuple(self._candidates(held, apart, address=address))
        return Known(by_mac, lent, by_lent, here)

    def _apart(self, key: RecordKey, denied: Iterable[Ruling]) -> Iterator[AssetId]:
        """Assets that a person said it did not see."""
        for ruling in denied:
            row = self._ledger.record(ruling.other(key))
            links = self._ledger.stretches([row.id]).get(row.id, ()) if row else ()
            time = ruling.time_of(ruling.other(key))
            for place, link in enumerate(links):
                if stands(link) and (time is None or time.meets(link, first=place == 0)):
                    yield link.asset

    def _identifies_nobody(self, holders: Collection[RecordId], mac: str) -> bool:
        if ("mac", mac) in self._decided.trusted:
            return False
        distrusted = ("mac", mac) in self._decided.distrusted
        crowded = len(holders) > self._decided.crowded
        return distrusted or crowded or self._lends(holders, mac)

    def _lends(self, holders: Iterable[RecordId], mac: str) -> bool:
        return any(
            mac in node.of(LENT)
            for record in holders
            for node in self._witness.weighed(record).nodes
        )

    def _candidates(
        self,
        records: Iterable[RecordId],
        apart: Collection[AssetId],
        *,
        mac: str | None = None,
        address: str | None = None,
    ) -> list[Candidate]:
        wanted = tuple(records)
        self._reach.load(wanted)
        links = self._ledger.stretches(wanted)
        found = []
        for record in sorted(wanted, key=self._reach.key):
            timeline = self._witness.weighed(record)
            if keys.witnesses_only(self._reach.key(record), timeline):
                continue
            names = frozenset(name for node in timeline.nodes for name in node.of("name"))
            for link in links.get(record, ()):
                since, until = _span(link)
                if link.asset not in apart and _matters(
                    timeline, since, until, mac=mac, address=address
                ):
                    found.append(Candidate(link.asset, names, timeline, since, until, record))
        return found


class _Told:
    """What people said of a scan's sightings: of all, or of those in some time."""

    def __init__(
        self, key: RecordKey, timeline: Timeline, same: Sequence[Ruling], other: Sequence[Ruling]
    ) -> None:
        self._key = key
        self._timeline = timeline
        self._same = [ruling for ruling in same if ruling.time_of(key)]
        self._different = [ruling for ruling in other if ruling.records[0] != ruling.records[1]]
        self._itself = [ruling for ruling in other if ruling.records[0] == ruling.records[1]]

    def claimed(self, place: int) -> list[Ruling]:
        """Words that say whom a sighting was of, the last first."""
        said = [each for each in self._same if self._is_of(each.time_of(self._key), place)]
        return [each for each in reversed(said) if not self._taken_back(each, place)]

    def denied(self, place: int) -> list[Ruling]:
        """Words that say whom a sighting was not of."""
        return [each for each in self._different if self._is_of(each.time_of(self._key), place)]

    def stands_alone(self, place: int) -> bool:
        """Whether a person parted it from a scan, of which it is the later by name or time."""
        others = (each.other(self._key) for each in self.denied(place))
        if any(other.source.kind == keys.SCAN and other < self._key for other in others):
            return True
        later = (max(each.times, key=_begin) for each in self._itself)
        return any(self._is_of(time, place) for time in later)

    def _taken_back(self, said: Ruling, place: int) -> bool:
        return any(
            set(each.records) == set(said.records) and each.at > said.at
            for each in self.denied(place)
        )

    def _is_of(self, time: Time, place: int) -> bool:
        if isinstance(time, At):
            return place == self._timeline.place(time.at)
        return time is None or time.holds(*[self._timeline.visits[place].first] * 2)


def _begin(time: Time) -> int:
    return (time.since or 0) if isinstance(time, Span) else time.at if time else 0


def _as_runs(found: Iterable[Seen]) -> list[Seen]:
    """Sightings of one thing that follow each other, as one."""
    runs: list[Seen] = []
    for new in found:
        if runs and (runs[-1].thing, runs[-1].anchor) == (new.thing, new.anchor):
            before = runs[-1]
            runs[-1] = Seen(before.first, new.last, new.thing, new.anchor, before.why)
        else:
            runs.append(new)
    return runs


def _span(link: LinkRow) -> tuple[int, int | None]:
    return to_micros(link.since), None if link.until is None else to_micros(link.until)


def _matters(
    timeline: Timeline, since: int, until: int | None, *, mac: str | None, address: str | None
) -> bool:
    for visit in timeline.visits:
        if visit.last < since or (until is not None and visit.first >= until):
            continue
        said = timeline.evidence(visit)
        if mac is not None and (mac in said.of("mac") or mac in said.of(LENT)):
            return True
        if address is not None and address in (visit.addresses or ()):
            return True
    return False


def _seen(record: RecordId, first: int, last: int, sighting: Sighting) -> Seen:
    if sighting.thing is not None:
        return Seen(first, last, AssetId(sighting.thing), None, sighting.why)
    anchor = f"mac/{sighting.mac}" if sighting.mac else f"stub/{record}/{sighting.mark}"
    return Seen(first, last, None, anchor, sighting.why)
