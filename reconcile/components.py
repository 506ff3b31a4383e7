"""The components that a group of statements touches: their links, assets and projections.

A component is every record that can be reached from a touched one over shared identifying
values. It is identified as a whole, from what its records say now, so that the result does not
depend on the order in which they said it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from cmdb.model.observation import Json, RecordKey
from cmdb.store.port import (
    AssetId,
    Identifier,
    LinkRow,
    Record,
    RecordId,
    StoreError,
)
from reconcile import changes
from reconcile.account import Account, read
from reconcile.identify import CROWDED, Identified, Reason, identify
from reconcile.keys import key_values, reference, whole_key
from reconcile.project import project

_MOST_REFERRING = 10_000
_ROUNDS = 8
"""Depth to which a new asset may be needed by those that point at it."""


class Components:
    """Collects what is touched, then settles identity and projections once."""

    def __init__(self, record: Record, at: datetime) -> None:
        self._record = record
        self._ledger = record.ledger
        self._view = record.view
        self._at = at
        self._accounts: dict[RecordId, Account] = {}
        self._frontier: set[RecordId] = set()
        self._dirty: set[AssetId] = set()
        self._crowded: set[Identifier] = set()
        self._notes: dict[AssetId, dict[str, Json]] = defaultdict(dict)
        self._projected = 0

    def account(self, record: RecordId) -> Account:
        """What a record says now."""
        if record not in self._accounts:
            self._load([record])
        return self._accounts[record]

    def touch(self, record: RecordId, identifiers: Iterable[Identifier], *, same: bool) -> None:
        """A record says something else.

        Args:
            record: The record.
            identifiers: Values it had or has.
            same: Whether they are the same as before; then its links stand.
        """
        link = self._ledger.links([record]).get(record)
        if link is not None and same:
            self._dirty.add(link.asset)
            return
        self._frontier.add(record)
        for identifier in identifiers:
            # One more than count: those that the value joined until now come apart.
            holders = self._ledger.holders(identifier, CROWDED + 2)
            if len(holders) <= CROWDED + 1:
                self._frontier.update(holders)

    def settle(self) -> None:
        """Identifies what was touched and moves links where the outcome differs."""
        members = self._reach(self._frontier)
        if not members:
            return
        self._load(members)
        links = self._ledger.links(members)
        found = identify((self._accounts[record] for record in members), self._crowded)
        for identified, asset in self._with_assets(found, links):
            self._link(identified, asset, links)
        for record in members:
            self._refer(self._accounts[record].row.key)

    def note(self, record: RecordId, detail: dict[str, Json]) -> None:
        """Adds something to the change set of a record's asset."""
        link = self._ledger.links([record]).get(record)
        if link is not None and detail:
            self._notes[link.asset].update(detail)
            self._dirty.add(link.asset)

    def finish(self) -> int:
        """Projects every asset that may differ; says how many were."""
        for _ in range(_ROUNDS):
            due, self._dirty = sorted(self._dirty), set()
            if not due:
                break
            for asset in due:
                self.project(asset)
        return self._projected

    def project(self, asset: AssetId, *, erased: bool = False) -> None:
        """Makes the projection of one asset anew; drops it when no record is about it."""
        links = self._ledger.linked(asset)
        if not links:
            if self._view.asset(asset) is not None:
                self._view.drop(asset, None)
                self._view.add_change(asset, "erased" if erased else "dissolved", {})
            return
        self._load([link.record for link in links])
        accounts = [self._accounts[link.record] for link in links]
        after = project(accounts, self._targets(accounts), self._at)
        before = self._view.asset(asset)
        if before is not None and before.id != asset:
            self._view.revive(asset)
            before = None
        parts = self._view.parts(asset) if before else ()
        self._view.put(asset, after)
        self._projected += 1
        detail = changes.merged(changes.altered(before, parts, after), self._notes.pop(asset, {}))
        if detail:
            self._view.add_change(asset, "changed" if before else "created", detail)
        if before is None or detail.keys() & {"parts_added", "parts_removed"}:
            for account in accounts:
                self._refer(account.row.key)

    def _with_assets(
        self, found: list[Identified], links: dict[RecordId, LinkRow]
    ) -> list[tuple[Identified, AssetId]]:
        """Gives each thing its asset: an asset follows its oldest linked record."""
        by_record = {record.row.id: item for item in found for record in item.records}
        claims: dict[int, list[AssetId]] = defaultdict(list)
        for asset in sorted({link.asset for link in links.values()}):
            oldest = min(link.record for link in self._ledger.linked(asset))
            if oldest in by_record:
                claims[id(by_record[oldest])].append(asset)
        result = []
        for item in found:
            claimed = claims.get(id(item), [])
            asset = claimed[0] if claimed else self._view.new_asset()
            for gone in claimed[1:]:
                self._join(gone, asset)
            result.append((item, asset))
        return result

    def _join(self, gone: AssetId, into: AssetId) -> None:
        self._view.drop(gone, into)
        self._view.add_change(into, "joined", {"from": f"ci-{gone}"})
        self._notes.pop(gone, None)
        self._dirty.discard(gone)

    def _link(self, item: Identified, asset: AssetId, links: dict[RecordId, LinkRow]) -> None:
        self._dirty.add(asset)
        for account in item.records:
            record = account.row.id
            evidence = _evidence(account, item.reasons[record])
            rule = _rule(item.reasons[record])
            before = links.get(record)
            if before and (before.asset, before.rule, before.evidence) == (asset, rule, evidence):
                continue
            if before and before.asset != asset:
                self._dirty.add(before.asset)
            since = account.row.first_at
            self._ledger.set_link(LinkRow(record, asset, rule, evidence, since, self._at))

    def _refer(self, key: RecordKey) -> None:
        """Assets that point at this record are projected again."""
        pointing = self._ledger.holders(reference(key), _MOST_REFERRING)
        for link in self._ledger.links(pointing).values():
            self._dirty.add(link.asset)

    def _targets(self, accounts: list[Account]) -> list[tuple[str, AssetId]]:
        stated = [pair for account in accounts for pair in account.relations]
        stated += [("parent", account.parent) for account in accounts if account.parent]
        found = []
        for type_, key in stated:
            target = self._target(key)
            if target is not None and (type_, target) not in found:
                found.append((type_, target))
        return found

    def _target(self, key: RecordKey) -> AssetId | None:
        row = self._ledger.record(whole_key(key))
        link = self._ledger.links([row.id]).get(row.id) if row else None
        if link is None:
            return None
        local = key.native_key.partition("#")[2]
        return self._view.part(link.asset, local) if local else link.asset

    def _reach(self, start: set[RecordId]) -> list[RecordId]:
        """Every record that shares identifying values with these, directly or not."""
        seen, waiting = set(start), sorted(start)
        while waiting:
            record = waiting.pop()
            account = self.account(record)
            for value in key_values(account):
                for other in self._holders(value.identifier(account.family)):
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
        return sorted(seen)

    def _holders(self, identifier: Identifier) -> tuple[RecordId, ...]:
        holders = self._ledger.holders(identifier, CROWDED + 1)
        if len(holders) <= CROWDED:
            return holders
        self._crowded.add(identifier)
        return ()

    def _load(self, records: Iterable[RecordId]) -> None:
        missing = [record for record in records if record not in self._accounts]
        for record, row in self._ledger.records(missing).items():
            self._accounts[record] = read(row, self._ledger.sections(record))
        absent = [record for record in missing if record not in self._accounts]
        if absent:
            raise StoreError(f"records {absent} are linked and not there: restore a backup")


def _evidence(account: Account, reasons: tuple[Reason, ...]) -> Json:
    def shown(reason: Reason) -> Json:
        source = reason.other.source
        other: list[Json] = [
            source.kind,
            source.instance,
            reason.other.scope,
            reason.other.native_key,
        ]
        return {"key": reason.key, "value": reason.value, "record": other, "why": reason.why}

    keys: list[Json] = [
        {"key": value.key.name, "value": value.value.rpartition("\0")[2]}
        for value in key_values(account)
    ]
    return {
        "keys": keys,
        "joined_by": [shown(reason) for reason in reasons if reason.counted],
        "ignored": [shown(reason) for reason in reasons if not reason.counted],
    }


def _rule(reasons: tuple[Reason, ...]) -> str:
    counted = [reason.key for reason in reasons if reason.counted]
    return "+".join(dict.fromkeys(counted)) if counted else "first of its kind"
