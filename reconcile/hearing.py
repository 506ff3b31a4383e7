"""From an observation to the sections of its record: what of it is new, and what was said before.

Knows nothing of identity and of assets: those follow from what the record says then.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.observation import (
    Decision,
    Extent,
    Observation,
    RunEvent,
    Section,
    SectionKind,
)
from cmdb.store.port import Installed, Ledger, RecordId, StoredSection
from reconcile.authority import SOONEST_STALE
from reconcile.sections import OVERLAID, encode, merge, withdrawn


@dataclass
class Heard:
    """What a group of statements touched so far."""

    now: datetime
    """The clock against which claims grow stale."""
    changed: dict[RecordId, set[SectionKind]] = field(default_factory=dict)
    """Records that say something else now, and in which sections."""
    late: set[RecordId] = field(default_factory=set)
    """Records that told something of their past."""
    confirmed: set[RecordId] = field(default_factory=set)
    """Records that said the same again."""
    talked: dict[RecordId, datetime] = field(default_factory=dict)
    """Records that told of the same connections again, and when."""
    related: set[RecordId] = field(default_factory=set)
    """Records that told of the same relations again."""
    runs: list[RunEvent] = field(default_factory=list)
    """Complete runs that ended."""
    decisions: list[Decision] = field(default_factory=list)
    programs: dict[RecordId, tuple[tuple[Installed, ...], tuple[Installed, ...]]] = field(
        default_factory=dict
    )


class Hearing:
    """Takes observations into the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, observation: Observation, group: Heard) -> RecordId:
        """Notes what is said; the group learns whether that is anything new. Gives the record."""
        at = min(observation.observed_at, observation.received_at)
        before = self._ledger.heard(observation.key, at, full=observation.full)
        known = self._ledger.kinds(before.id)
        overtaken = before.full_at is not None and at < before.full_at
        changed = set(SectionKind) if not known or at < before.first_at else set()
        for kind, section, body in self._statements(observation, known):
            if section.extent is Extent.UNCHANGED:
                changed |= self._confirm_section(before.id, kind, at, group)
                continue
            current = self._ledger.section(before.id, kind) if kind in known else None
            merged = merge(kind, current, section, body, at)
            earlier = current is not None and at < current.observed_at
            if overtaken or (merged.late and (merged.changed or earlier)):
                self._ledger.put_late(before.id, kind, merged.section)
                group.late.add(before.id)
            elif merged.changed:
                if merged.overtaken is not None:
                    self._ledger.put_late(before.id, kind, merged.overtaken)
                    group.late.add(before.id)
                self._ledger.put_section(before.id, kind, merged.section)
                self._note_programs(before.id, kind, current, merged.section.body, group)
                changed.add(kind)
            else:
                changed |= self._confirm_section(before.id, kind, at, group)
        if changed:
            group.changed.setdefault(before.id, set()).update(changed)
        else:
            group.confirmed.add(before.id)
        return before.id

    def _confirm_section(
        self, record: RecordId, kind: SectionKind, at: datetime, group: Heard
    ) -> set[SectionKind]:
        """Notes that the same was said; the section, where its claims may have been stale."""
        before = self._ledger.confirm(record, kind, at)
        if kind is SectionKind.RELATIONS:
            group.related.add(record)
        if kind is SectionKind.CONNECTIONS:
            group.talked[record] = max(at, group.talked.get(record, at))
        return {kind} if before is not None and group.now - before >= SOONEST_STALE else set()

    def _statements(
        self, observation: Observation, known: Set[SectionKind]
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
        before: StoredSection | None,
        body: bytes,
        group: Heard,
    ) -> None:
        if kind is SectionKind.PROGRAMS and before is not None:
            group.programs[record] = self._ledger.difference(before.body, body)
