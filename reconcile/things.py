"""Which asset a thing is: an asset follows the record that has been linked to it longest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.classes.authority import MEASURED
from cmdb.model.observation import RecordKey, Source
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, RunRow
from reconcile.account import UNKNOWN_CLASS, Account
from reconcile.class_claim import class_of
from reconcile.decisions import Decided, LifeWord, decided
from reconcile.instants import to_micros
from reconcile.lifecycle import Lapse, Life, life, retired
from reconcile.links import stands
from reconcile.shrunken import counting
from reconcile.stretches import Identified, Stretch

Believed = Mapping[RecordId, Sequence[LinkRow]]


@dataclass(frozen=True, slots=True)
class Assets:
    """The assets of things."""

    kept: list[AssetId]
    """One for each thing, in their order."""
    joined: list[tuple[AssetId, AssetId]] = field(default_factory=list)
    """Assets that became aliases, and of which."""


class Things:
    """Gives things their assets."""

    def __init__(self, record: Record, holding: Decided | None = None) -> None:
        self._ledger = record.ledger
        self._view = record.view
        self._decided = decided(self._ledger.decisions()) if holding is None else holding
        self._runs: dict[tuple[Source, str], tuple[datetime, tuple[RunRow, ...]]] = {}
        """Of each source and scope the runs that count after a time: the earliest asked for."""

    def assets(self, things: Sequence[Identified], before: Believed) -> Assets:
        """The assets of a component's things.

        Args:
            things: All things of the component.
            before: What was believed of its records.
        """
        claimed = self._claims(things, before)
        taken = {asset for found in claimed for _, asset in found}
        result = Assets([])
        for thing, found in zip(things, claimed, strict=True):
            asset = self._asset(thing, found, taken)
            taken.add(asset)
            result.kept.append(asset)
            result.joined.extend((gone, asset) for _, gone in found if gone != asset)
        return result

    def _asset(
        self, thing: Identified, claims: Sequence[tuple[RecordId, AssetId]], taken: set[AssetId]
    ) -> AssetId:
        """Of several the one with the oldest record: it is the one that a split gives back.

        Also where that record is back from a join that left the asset without any.
        """
        if not claims:
            return self._new(thing, taken)
        record, asset = claims[0]
        oldest = min(stretch.record for stretch in thing.stretches)
        former = self._former(thing, taken) if oldest < record else None
        return asset if former is None else former

    def _claims(
        self, things: Sequence[Identified], before: Believed
    ) -> list[list[tuple[RecordId, AssetId]]]:
        places: dict[RecordId, list[tuple[Stretch, int]]] = {}
        for number, thing in enumerate(things):
            for stretch in thing.stretches:
                places.setdefault(stretch.record, []).append((stretch, number))
        claimed: list[list[tuple[RecordId, datetime, AssetId]]] = [[] for _ in things]
        for asset in sorted({link.asset for links in before.values() for link in links}):
            # Records are numbered as they come: the lowest number is the oldest.
            held = sorted(filter(stands, self._ledger.linked(asset)), key=_by_record)
            if held and held[0].record in places:
                link, place = self._followed(held, places)
                claimed[place].append((link.record, link.since, asset))
        return [[(record, asset) for record, _, asset in sorted(found)] for found in claimed]

    def _followed(
        self,
        held: Sequence[LinkRow],
        places: Mapping[RecordId, Sequence[tuple[Stretch, int]]],
    ) -> tuple[LinkRow, int]:
        """Whom an asset follows, and its thing: its oldest record.

        Where its records part, the one that has been linked to it longest: an older record may have
        come to it by a join alone.
        """
        homes = [
            (link, _holding(places[link.record], to_micros(link.since)))
            for link in held
            if link.record in places
        ]
        if len({place for _, place in homes}) == 1:
            return homes[0]
        return min(homes, key=lambda home: (self._linked_at(home[0]), *_by_record(home[0])))

    def _linked_at(self, link: LinkRow) -> datetime:
        """When its record was first found to be about its asset."""
        rows = self._ledger.link_history(link.record)
        return min(row.decided_at for row in rows if row.asset == link.asset and stands(row))

    def _new(self, thing: Identified, taken: set[AssetId]) -> AssetId:
        """A fresh asset, or the one under which scans knew it so far."""
        macs = sorted({v for s in thing.stretches for key, v in s.keys if key == "mac"})
        for mac in macs:
            asset = self._ledger.anchor(f"mac/{mac}")
            if asset is not None and asset not in taken and self._scans_only(asset):
                return asset
        return self._former(thing, taken) or self._view.new_asset()

    def _former(self, thing: Identified, taken: set[AssetId]) -> AssetId | None:
        """The asset that its oldest record had before it was joined to another, or excluded."""
        oldest = min(thing.stretches, key=lambda stretch: (stretch.record, stretch.since))
        found = [
            link
            for link in reversed(self._ledger.link_history(oldest.record))
            if stands(link) and link.asset not in taken and not self._ledger.linked(link.asset)
        ]
        # Of a record that was about several things by turns: the one that this was, by its time.
        best = max(found, key=lambda link: _likeness(link, oldest), default=None)
        return best.asset if best else None

    def anchored(self, name: str) -> AssetId:
        """The asset of a thing that scans alone know of; a fresh one on first use.

        One that another source knows by now stays with that: the scans' is another then.
        """
        asset = self._ledger.anchor(name)
        if asset is not None and self._scans_only(asset):
            return asset
        asset = self._view.new_asset()
        self._ledger.set_anchor(name, asset)
        return asset

    def _scans_only(self, asset: AssetId) -> bool:
        """Whether nobody but scans speaks of an asset."""
        return not any(map(stands, self._ledger.linked(asset)))

    def life(self, accounts: Sequence[Account], now: datetime) -> Life:
        """The state of the thing that accounts are about."""
        by_person = retired(accounts, self._retired(accounts)) if self._decided.retired else None
        if by_person is not None:
            return by_person
        said = class_of(accounts, MEASURED, now).name
        rules = self._decided.rules
        after = rules.retire_after(said if said in CLASS_BY_NAME else UNKNOWN_CLASS)
        return life(accounts, self._complete_runs, now, Lapse(after, rules.silence))

    def _retired(self, accounts: Sequence[Account]) -> dict[RecordKey, LifeWord]:
        """Records of whose time in this thing people said last that it is retired."""
        found = {}
        for account in accounts:
            words = self._decided.retired.get(account.row.key, ())
            if any(word.time for word in words):
                links = self._ledger.stretches([account.row.id]).get(account.row.id, ())
                words = said_of(words, links, _asset_of(account, links))
            if words and words[-1].retires:
                found[account.row.key] = words[-1]
        return found

    def _complete_runs(self, key: RecordKey, after: datetime) -> Sequence[RunRow]:
        place = (key.source, key.scope)
        known = self._runs.get(place)
        if known is None or after < known[0]:
            known = self._runs[place] = after, counting(self._ledger, *place, after)
        since, runs = known
        if since == after or not runs:
            return runs
        return runs[bisect_right(runs, after, key=lambda run: run.began_at) :]


def said_of(
    words: Sequence[LifeWord], links: Sequence[LinkRow], asset: AssetId | None
) -> tuple[LifeWord, ...]:
    """Of words about a record those that are about an asset, by the stretches of the record."""
    own = [(link, place == 0) for place, link in enumerate(links) if link.asset == asset]
    return tuple(
        word
        for word in words
        if word.time is None or any(word.time.meets(link, first=first) for link, first in own)
    )


def _asset_of(account: Account, links: Sequence[LinkRow]) -> AssetId | None:
    return next((link.asset for link in links if link.since == account.since), None)


def _likeness(link: LinkRow, stretch: Stretch) -> tuple[bool, bool]:
    """How far a link that was once believed tells of the same time."""
    since, until = to_micros(link.since), None if link.until is None else to_micros(link.until)
    ends_before = until is not None and until <= stretch.since
    begins_after = stretch.until is not None and since >= stretch.until
    return since == stretch.since, not (ends_before or begins_after)


def _by_record(link: LinkRow) -> tuple[RecordId, datetime]:
    return link.record, link.since


def _holding(places: Sequence[tuple[Stretch, int]], at: int) -> int:
    """The thing that a record was about at a time."""
    for stretch, number in places:
        if stretch.since <= at and (stretch.until is None or at < stretch.until):
            return number
    return min(places, key=lambda place: place[0].since)[1]
