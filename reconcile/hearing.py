"""From an observation to the sections of its record: what of it is new, and what was said before.

Knows nothing of identity and of assets: those follow from what the record says then.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import NamedTuple, cast

from cmdb.model.canonical import encode
from cmdb.model.observation import (
    Decision,
    Extent,
    Json,
    Observation,
    ProgramChange,
    ProgramList,
    RecordKey,
    RunEvent,
    Section,
    SectionKind,
)
from cmdb.model.programs import content_of
from cmdb.store.port import Ledger, RecordId, RecordRow, StoredSection
from reconcile.instants import from_micros, to_micros
from reconcile.late import ended, following
from reconcile.sayings import Sayings
from reconcile.sections import OVERLAID, Merged, merge, withdrawn
from reconcile.shrunken import Shrunken

_MOST_BASES = 32
"""Earlier lists of programs that are tried as what a change is the difference from."""


class _Word(NamedTuple):
    """What a section says."""

    body: bytes
    content: bytes | None = None
    changes: tuple[ProgramChange, ...] = ()
    """Of programs, where only those travelled."""


@dataclass
class Heard:
    """What a group of statements touched so far."""

    shrunken: Shrunken

    changed: dict[RecordId, set[SectionKind]] = field(default_factory=dict)
    """Records that say something else now, and in which sections."""
    late: set[RecordId] = field(default_factory=set)
    """Records that told something of their past."""
    confirmed: set[RecordId] = field(default_factory=set)
    """Records that said the same again."""
    talked: dict[RecordId, datetime] = field(default_factory=dict)
    """Records that told of the same connections again, and when."""
    unfit: set[RecordKey] = field(default_factory=set)
    """Records of which changes came to a list of programs that is not here."""
    related: set[RecordId] = field(default_factory=set)
    """Records that told of the same relations again."""
    runs: list[RunEvent] = field(default_factory=list)
    """Complete runs that ended, or of which it was learned when they began."""
    decisions: list[Decision] = field(default_factory=list)
    programs: dict[RecordId, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)


class _Telling(NamedTuple):
    """What an observation is, beside its sections."""

    before: RecordRow
    """The record before it."""
    at: datetime
    sayings: Sayings
    group: Heard

    def left_out(self, kind: SectionKind) -> datetime | None:
        """When a section of which nothing is known was left out last."""
        full_at = self.before.full_at
        found = self.sayings.left_out(kind, None if full_at is None else to_micros(full_at))
        return None if found is None else from_micros(found)

    def overtakes(self, current: StoredSection | None) -> bool:
        """Whether more is known of a time after it than that the same was said again."""
        full_at = self.before.full_at
        if full_at is not None and self.at < full_at:
            return True
        return current is not None and self.at < current.observed_at


class Hearing:
    """Takes observations into the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def meet(self, observation: Observation, group: Heard) -> RecordRow:
        """Notes that a record was heard; gives it as it was before."""
        at = min(observation.observed_at, observation.received_at)
        before = self._ledger.heard(observation.key, at, full=observation.full)
        group.shrunken.heard(before, at)
        return before

    def take(
        self, before: RecordRow, observation: Observation, sayings: Sayings, group: Heard
    ) -> None:
        """Notes what is said; the group learns whether that is anything new.

        Args:
            before: The record as it was before.
            observation: What is said.
            sayings: When the record spoke of what, this observation included.
            group: What it belongs to.
        """
        at = min(observation.observed_at, observation.received_at)
        record, known = before.id, self._ledger.kinds(before.id)
        telling = _Telling(before, at, sayings, group)
        changed = set(SectionKind) if not known or at < before.first_at else set()
        for kind, section, word in self._statements(observation, known):
            if section.extent is Extent.UNCHANGED:
                self._confirm_section(record, kind, at, group)
                continue
            current = self._ledger.section(record, kind) if kind in known else None
            told = self._whole(record, word, current) if word.changes else word
            if told is None:
                group.unfit.add(observation.key)
                continue
            current = current or self._left_out(kind, section.extent, telling)
            merged = merge(kind, current, section, told.body, at, told.content)
            if self._put(kind, current, merged, telling):
                changed.add(kind)
        if changed:
            group.changed.setdefault(record, set()).update(changed)
        else:
            group.confirmed.add(record)

    def _left_out(
        self, kind: SectionKind, extent: Extent, telling: _Telling
    ) -> StoredSection | None:
        """What a later report says of a section that was not known; or an earlier, of values."""
        left_out = telling.left_out(kind)
        if left_out is None or (extent is not Extent.PARTIAL and left_out <= telling.at):
            return None
        section = ended(kind, left_out)
        self._ledger.put_section(telling.before.id, kind, section)
        return section

    def _put(
        self, kind: SectionKind, current: StoredSection | None, merged: Merged, telling: _Telling
    ) -> bool:
        """Notes what a section says; whether the record says something else now."""
        record, at = telling.before.id, telling.at
        if merged.late and (
            merged.changed or telling.overtakes(current) or self._parted(kind, current, telling)
        ):
            self._put_late(kind, merged.section, telling)
        elif merged.changed:
            left_out = None if current is not None else telling.left_out(kind)
            self._put_new(kind, current, merged, telling)
            if left_out is not None:
                # Without it an older word that comes late would go on until now.
                self._ledger.put_late(record, kind, ended(kind, left_out))
            return True
        else:
            self._confirm_section(record, kind, at, telling.group)
        return False

    def _parted(self, kind: SectionKind, current: StoredSection | None, telling: _Telling) -> bool:
        """Whether something else is known to have been said after the current word began."""
        since = telling.at if current is None else current.observed_at
        past = self._ledger.past(telling.before.id, kind)
        return any(since < word.observed_at < telling.at for word in past)

    def _whole(self, record: RecordId, word: _Word, current: StoredSection | None) -> _Word | None:
        """Programs as they are after changes; None where nothing here is what they changed.

        Mostly that is the current word. It is an earlier one where the list that was changed came
        late, by a clock that was set back.
        """
        earlier = islice(self._ledger.past(record, SectionKind.PROGRAMS), _MOST_BASES)
        for base in chain([current] if current else [], earlier):
            revised = self._ledger.revise(base.body, word.changes)
            if revised is not None:
                return _Word(*revised)
        return None

    def _put_late(self, kind: SectionKind, section: StoredSection, telling: _Telling) -> None:
        record = telling.before.id
        current = self._ledger.section(record, kind)
        past = list(self._ledger.past(record, kind))
        self._ledger.put_late(record, kind, section)
        after = current and following(kind, section, current, past, telling.sayings)
        if after is not None:
            self._ledger.put_late(record, kind, after)
        telling.group.late.add(record)

    def _put_new(
        self, kind: SectionKind, current: StoredSection | None, merged: Merged, telling: _Telling
    ) -> None:
        record, group = telling.before.id, telling.group
        if merged.overtaken is not None:
            self._ledger.put_late(record, kind, merged.overtaken)
            group.late.add(record)
        self._ledger.put_section(record, kind, merged.section)
        self._note_programs(record, kind, current, merged.section.body, group)

    def _confirm_section(
        self, record: RecordId, kind: SectionKind, at: datetime, group: Heard
    ) -> None:
        self._ledger.confirm(record, kind, at)
        if kind is SectionKind.RELATIONS:
            group.related.add(record)
        if kind is SectionKind.CONNECTIONS:
            group.talked[record] = max(at, group.talked.get(record, at))

    def _statements(
        self, observation: Observation, known: Set[SectionKind]
    ) -> Iterable[tuple[SectionKind, Section, _Word]]:
        for kind, section in sorted(observation.sections.items(), key=lambda item: item[0].number):
            if section.extent is not Extent.NOT_COLLECTED:
                yield kind, section, self._word(kind, section)
        if observation.full:
            for kind in sorted(known - observation.sections.keys(), key=lambda kind: kind.number):
                section, body = withdrawn(kind)
                yield kind, section, _Word(body)

    def _word(self, kind: SectionKind, section: Section) -> _Word:
        if kind in OVERLAID or section.extent is Extent.UNCHANGED:
            return _Word(b"")
        if section.body is not None:
            return _Word(section.body)
        if kind is not SectionKind.PROGRAMS:
            return _Word(encode(cast("Json", section.value)))
        if section.extent is Extent.CHANGED:
            return _Word(b"", changes=cast("tuple[ProgramChange, ...]", section.value))
        programs = cast("ProgramList", section.value)
        return _Word(self._ledger.intern(programs), content_of(programs))

    def _note_programs(
        self,
        record: RecordId,
        kind: SectionKind,
        before: StoredSection | None,
        body: bytes,
        group: Heard,
    ) -> None:
        if kind is SectionKind.PROGRAMS and before is not None:
            group.programs[record] = self._ledger.came_and_went(before.body, body)
