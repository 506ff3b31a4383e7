"""From what was said to what is so: the one way into the record.

A group of statements becomes one transaction: records and their sections, then identity for the
components that they touch, then the projection of every asset that may differ. The state that
results is a function of the records, whatever the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cmdb.model.observation import (
    Decision,
    Extent,
    Observation,
    RunEvent,
    Section,
    SectionKind,
    Statement,
)
from cmdb.store.port import Installed, Record, RecordId, StoredSection
from reconcile import changes
from reconcile.components import Components
from reconcile.keys import key_values, references
from reconcile.sections import OVERLAID, encode, merge, withdrawn

_CATCH_UP = timedelta(hours=20)
"""Silence after which a mere confirmation weighs the claims again: some may have been stale."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a group of statements did."""

    statements: int = 0
    assets: int = 0
    """Assets whose projection changed."""


@dataclass
class _Group:
    """What a group of statements touched so far."""

    changed: set[RecordId] = field(default_factory=set)
    """Records that say something else now."""
    confirmed: dict[RecordId, datetime] = field(default_factory=dict)
    """Records that said the same again."""
    talked: dict[RecordId, datetime] = field(default_factory=dict)
    """Records that told of the same connections again, and when."""
    related: set[RecordId] = field(default_factory=set)
    """Records that told of the same relations again."""
    programs: dict[RecordId, tuple[tuple[Installed, ...], tuple[Installed, ...]]] = field(
        default_factory=dict
    )


class Pipeline:
    """Applies statements to a record. One at a time works on one record."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._ledger = record.ledger
        self._view = record.view
        self._aside: list[tuple[int, str, str, bytes]] = []

    def set_aside(self, sequence: int, origin: str, reason: str, body: bytes) -> None:
        """Keeps an entry that cannot be read, together with the next group."""
        self._aside.append((sequence, origin, reason, body))

    def apply(
        self,
        statements: Iterable[Statement],
        at: datetime,
        sequence: int | None = None,
        replay_clock: datetime | None = None,
    ) -> Applied:
        """Applies statements in one transaction; either all of it is there afterwards or nothing.

        Args:
            statements: In the order of the journal.
            at: The collector's clock: when the last of them arrived.
            sequence: Place in the journal up to which everything is then applied.
            replay_clock: Where the clock stands afterwards; None: it is now.
        """
        with self._record.transaction(at):
            group, count = _Group(), 0
            for statement in statements:
                self._take(statement, group)
                count += 1
            touched = self._settle(group, at)
            for entry in self._aside:
                self._ledger.set_aside(*entry)
            self._aside.clear()
            if sequence is not None:
                self._ledger.set_applied(sequence)
            if replay_clock != self._view.replay_clock():
                self._view.set_replay_clock(replay_clock)
        return Applied(count, touched)

    def refresh(self, at: datetime, limit: int = 500) -> int:
        """Projects assets anew whose claims have grown stale by now; says how many."""
        due = self._view.due(at, limit)
        if due:
            with self._record.transaction(at):
                components = Components(self._record, at)
                for asset in due:
                    components.project(asset)
                components.finish()
        return len(due)

    def erase_scope(self, scope: str, at: datetime, sequence: int | None = None) -> int:
        """Takes everything a scope's sources said out of the record, and what follows from it.

        Says how many records; `sequence` as in apply().
        """
        with self._record.transaction(at):
            records = [row for row in self._ledger.all_records() if row.key.scope == scope]
            links = self._ledger.links(row.id for row in records)
            self._ledger.erase_scope(scope)
            components = Components(self._record, at)
            for asset in sorted({link.asset for link in links.values()}):
                components.project(asset, erased=True)
            components.finish()
            if sequence is not None:
                self._ledger.set_applied(sequence)
        return len(records)

    def _take(self, statement: Statement, group: _Group) -> None:
        if isinstance(statement, Observation):
            self._observe(statement, group)
        elif isinstance(statement, RunEvent):
            self._ledger.add_run(statement)
        elif isinstance(statement, Decision):
            self._ledger.add_decision(statement)

    def _observe(self, observation: Observation, group: _Group) -> None:
        at = min(observation.observed_at, observation.received_at)
        before = self._ledger.heard(observation.key, at, full=observation.full)
        known = self._ledger.sections(before.id)
        overtaken = before.full_at is not None and at < before.full_at
        changed = not known or at < before.first_at
        for kind, section, body in self._statements(observation, set(known)):
            if section.extent is Extent.UNCHANGED:
                self._confirm_section(before.id, kind, at, group)
                continue
            merged = merge(kind, known.get(kind), section, body, at)
            if overtaken or (merged.late and merged.changed):
                self._ledger.put_late(before.id, kind, merged.section)
            elif merged.changed:
                self._ledger.put_section(before.id, kind, merged.section)
                self._note_programs(before.id, kind, known, merged.section.body, group)
                changed = True
            else:
                self._confirm_section(before.id, kind, at, group)
        if changed:
            group.changed.add(before.id)
        else:
            group.confirmed.setdefault(before.id, before.seen_at)

    def _confirm_section(
        self, record: RecordId, kind: SectionKind, at: datetime, group: _Group
    ) -> None:
        self._ledger.confirm(record, kind, at)
        if kind is SectionKind.RELATIONS:
            group.related.add(record)
        if kind is SectionKind.CONNECTIONS:
            group.talked[record] = max(at, group.talked.get(record, at))

    def _statements(
        self, observation: Observation, known: set[SectionKind]
    ) -> Iterable[tuple[SectionKind, Section, bytes]]:
        for kind, section in sorted(observation.sections.items(), key=lambda item: item[0].value):
            if section.extent is not Extent.NOT_COLLECTED:
                yield kind, section, self._body(kind, section)
        if observation.full:
            for kind in sorted(known - observation.sections.keys(), key=lambda kind: kind.value):
                yield kind, *withdrawn(kind)

    def _body(self, kind: SectionKind, section: Section) -> bytes:
        if kind in OVERLAID or section.extent is Extent.UNCHANGED:
            return b""
        if kind is SectionKind.PROGRAMS:
            assert isinstance(section.value, tuple)
            return self._ledger.intern(section.value)
        assert not isinstance(section.value, tuple)
        return encode(section.value)

    def _note_programs(
        self,
        record: RecordId,
        kind: SectionKind,
        known: Mapping[SectionKind, StoredSection],
        body: bytes,
        group: _Group,
    ) -> None:
        before = known.get(kind)
        if kind is SectionKind.PROGRAMS and before is not None:
            group.programs[record] = self._ledger.difference(before.body, body)

    def _settle(self, group: _Group, at: datetime) -> int:
        """Identity and projection of whatever the group touched."""
        components = Components(self._record, at)
        for record in sorted(group.changed):
            account = components.account(record)
            values = frozenset(value.identifier(account.family) for value in key_values(account))
            before = self._ledger.identifiers(record)
            after = values | references(account)
            if before != after:
                self._ledger.set_identifiers(record, after)
            components.touch(record, before | after, same=before == after)
        components.settle()
        for record, (come, gone) in sorted(group.programs.items()):
            components.note(record, changes.programs(come, gone))
        self._confirm(group, components, at)
        return components.finish()

    def _confirm(self, group: _Group, components: Components, at: datetime) -> None:
        quiet = {
            record: seen for record, seen in group.confirmed.items() if record not in group.changed
        }
        for record, link in sorted(self._ledger.links(quiet).items()):
            if record in group.related or at - quiet[record] > _CATCH_UP:
                components.project(link.asset)
            else:
                seen = self._ledger.records([record])[record].seen_at
                self._view.touch(link.asset, seen, group.talked.get(record))
