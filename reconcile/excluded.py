"""Who would speak of an asset if people had not excluded them: told with the decision, never heard.

A record that is excluded has no link. It is about what it was about when it was excluded, or, where
it was excluded before it ever spoke, about what shares its strongest identifying value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cmdb.model.observation import Decision, RecordKey
from cmdb.query.identity import how_linked
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, RecordRow
from cmdb.store.speaking import speaking
from reconcile import keys, timeline
from reconcile.account import Account
from reconcile.decisions import Decided, decided, excluding
from reconcile.evidence import LENT
from reconcile.voices import Voices
from reconcile.witness import Witness

_MOST = 100
"""Excluded records told of one asset."""
_MOST_SCANS = 512
"""Scans of one place that are looked through."""
_NEVER = "never linked: shares {} {}"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A record of which nothing counts, and what it says."""

    row: RecordRow
    accounts: tuple[Account, ...]
    how: str
    """How it was linked, or what it shares, in words."""
    why: str
    """Which decision excludes it, whose that is, and when it was made."""


def excluded_from(
    record: Record, asset: AssetId, links: Sequence[LinkRow], holding: Decided | None = None
) -> tuple[Excluded, ...]:
    """The excluded records that would be about an asset, in order of their keys.

    Args:
        record: The store.
        asset: The asset.
        links: All that are about it.
        holding: What people decided.
    """
    holding = decided(record.ledger.decisions()) if holding is None else holding
    if not holding.records and not holding.sources:
        return ()
    return _Looking(record, asset, holding).found({link.record for link in links})


def told(number: int, decision: Decision) -> str:
    """The reason that a claim or a record does not count."""
    by = decision.by or "a person"
    return f"excluded by decision {number} ({by}, {decision.at:%Y-%m-%d %H:%M} UTC)"


class _Looking:
    """Finds them for one asset."""

    def __init__(self, record: Record, asset: AssetId, holding: Decided) -> None:
        self._record = record
        self._ledger = record.ledger
        self._asset = asset
        self._decided = holding
        self._decisions = record.ledger.decisions()
        self._witness = Witness(record.ledger)
        self._voices = Voices(record.ledger)

    def found(self, linked: set[RecordId]) -> tuple[Excluded, ...]:
        """Those that would be about it beside these."""
        rows = self._ledger.records(self._near(linked))
        out = (row for row in rows.values() if self._decided.excludes(row.key))
        told = (self._told(row, linked) for row in sorted(out, key=lambda row: row.key))
        return tuple(each for each in told if each is not None)[:_MOST]

    def _near(self, linked: set[RecordId]) -> set[RecordId]:
        """Records that share anything with these, were joined to them, or are out by name."""
        found: set[RecordId] = set()
        most = self._decided.crowded
        for record in linked:
            for identifier in self._ledger.identifiers(record):
                found.update(self._ledger.holders(identifier, most))
            found |= self._scans(record)
        held = {row.key for row in self._ledger.records(linked).values()}
        pairs = (ruling.records for ruling in self._decided.rulings.same)
        named = {key for pair in pairs if held.intersection(pair) for key in pair}
        return found | self._ids({*named, *self._decided.records})

    def _ids(self, wanted: Iterable[RecordKey]) -> set[RecordId]:
        rows = (self._ledger.record(key) for key in wanted)
        return {row.id for row in rows if row is not None}

    def _scans(self, record: RecordId) -> set[RecordId]:
        """Scans that may have seen what a record is about."""
        if not any(source.kind == keys.SCAN for source in self._decided.sources):
            return set()
        known = self._witness.timeline(record)
        scope = self._ledger.records([record])[record].key.scope
        macs = {mac for node in known.nodes for mac in (*node.of("mac"), *node.of(LENT))}
        places = [keys.seen_mac(mac) for mac in sorted(macs)]
        places += [keys.seen_at(scope, each) for each in sorted(timeline.addresses([known]))]
        return {each for place in places for each in self._ledger.holders(place, _MOST_SCANS)}

    def _told(self, row: RecordRow, linked: set[RecordId]) -> Excluded | None:
        links, how = self._linked(row, linked)
        by = excluding(self._decisions, row.key)
        if not links or by is None:
            return None
        accounts = tuple(self._voices.account(row, link) for link in speaking(links, {row.id: row}))
        return Excluded(row, accounts, how, told(*by))

    def _linked(self, row: RecordRow, linked: set[RecordId]) -> tuple[list[LinkRow], str]:
        """The stretches of a record that would be about the asset, and by what."""
        history = self._ledger.link_history(row.id)
        if history:
            # What ended last was what was believed when it was excluded.
            last = max(link.ended_at or link.decided_at for link in history)
            about = [
                link
                for link in history
                if (link.ended_at or link.decided_at) == last and self._is_it(link.asset)
            ]
            return about, how_linked(about[-1].rule) if about else ""
        shared = self._shared(row.id, linked)
        if not shared:
            return [], ""
        return [LinkRow(row.id, self._asset, "", {}, row.first_at, row.first_at)], shared

    def _is_it(self, asset: AssetId) -> bool:
        row = self._record.view.asset(asset)
        return asset == self._asset or (row is not None and row.id == self._asset)

    def _shared(self, record: RecordId, linked: set[RecordId]) -> str:
        """The strongest value that a record shares with anyone who counts, if that is these."""
        for name, value, holders in self._reaching(record):
            others = self._ledger.links(holders - {record})
            if others:
                ours = linked.intersection(others)
                return _NEVER.format(name, value) if ours else ""
        return ""

    def _reaching(self, record: RecordId) -> Iterator[tuple[str, str, set[RecordId]]]:
        known = self._witness.timeline(record)
        for visit in reversed(known.visits):
            for name, value, identifier in keys.finds(known.evidence(visit)):
                holders = self._ledger.holders(identifier, self._decided.crowded + 1)
                counts = len(holders) <= self._decided.crowded
                if counts and (name, value) not in self._decided.distrusted:
                    yield name, value, set(holders)
