"""Settles what scans saw, against what others know; reconcile/sightings.py judges."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from cmdb.model.observation import RecordKey
from cmdb.store.port import AssetId, Ledger, LinkRow, RecordId
from reconcile import keys
from reconcile.account import normal_address
from reconcile.decisions import BY_HAND, Decided
from reconcile.evidence import LENT
from reconcile.instants import to_micros
from reconcile.links import stands
from reconcile.objections import by_record
from reconcile.reach import Reach
from reconcile.sightings import Candidate, Known, Sighting, judge
from reconcile.timeline import Timeline
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
        """Whom a person said that it saw; nobody where nobody said so."""
        visits = self._witness.weighed(record).visits
        for ruling in reversed(self._same.get(key, ())):
            whom = self._whom(key, ruling.other(key))
            if whom is not None:
                return [Seen(visits[0].first, visits[-1].last, *whom, ruling.why)]
        return []

    def _whom(self, key: RecordKey, other: RecordKey) -> tuple[AssetId | None, str | None] | None:
        row = self._ledger.record(other)
        if other.source == BY_HAND or row is None or self._decided.excludes(other):
            return None
        if keys.witnesses_only(other, self._witness.weighed(row.id)):
            # Of two scans one leads: else they would wait for each other.
            seen = self.seen(row.id) if other < key else []
            return (seen[-1].thing, seen[-1].anchor) if seen else None
        link = self._ledger.links([row.id]).get(row.id)
        return (link.asset, None) if link else None

    def _as_judged(self, record: RecordId, key: RecordKey) -> list[Seen]:
        timeline = self._witness.weighed(record)
        address = normal_address(key.native_key) or key.native_key
        alone = self._stands_alone(key)
        judged = judge(timeline, address, self._known(key, timeline, address))
        self._ledger.watch(map(RecordId, judged.watched))
        found: list[Seen] = []
        for visit, sighting in zip(timeline.visits, judged.sightings, strict=True):
            new = _seen(record, visit.first, visit.last, sighting)
            if alone and new.anchor is not None:
                new = replace(new, anchor=f"apart/{record}")
            if found and (found[-1].thing, found[-1].anchor) == (new.thing, new.anchor):
                before = found[-1]
                found[-1] = Seen(before.first, new.last, new.thing, new.anchor, before.why)
            else:
                found.append(new)
        return found

    def _known(self, key: RecordKey, timeline: Timeline, address: str) -> Known:
        macs = {mac for node in timeline.nodes for mac in node.of("mac")}
        by_mac, by_lent, lent = {}, {}, set()
        named = any("name" in node.values for node in timeline.nodes)
        apart = self._apart(key)
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

    def _apart(self, key: RecordKey) -> set[AssetId]:
        """Assets that a person said it did not see."""
        rows = [self._ledger.record(each.other(key)) for each in self._different.get(key, ())]
        links = self._ledger.stretches(row.id for row in rows if row is not None)
        return {link.asset for found in links.values() for link in found if stands(link)}

    def _stands_alone(self, key: RecordKey) -> bool:
        """Whether a person parted it from another scan, of which it is the later by name."""
        others = (each.other(key) for each in self._different.get(key, ()))
        return any(other.source.kind == keys.SCAN and other < key for other in others)

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
