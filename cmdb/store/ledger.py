"""What a store promises of the ledger: what was said and decided, append-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cmdb.model.observation import (
    Decision,
    ProgramChange,
    ProgramColumns,
    Programs,
    RecordKey,
    RunEvent,
    SectionKind,
    Source,
)
from cmdb.store.values import (
    AssetId,
    Hearings,
    Identifier,
    Installed,
    LinkRow,
    RecordId,
    RecordRow,
    RunRow,
    StoredSection,
    StoredTimeline,
)


class Ledger(Protocol):
    """What was said and decided, append-only."""

    def record(self, key: RecordKey) -> RecordRow | None:
        """The record of that key, if anything was ever said under it."""
        ...

    def heard(self, key: RecordKey, observed_at: datetime, *, full: bool) -> RecordRow:
        """Finds or makes the record, notes that it was heard, and returns it as it was before.

        A new record has its first and last hearing at `observed_at` and was never told whole.
        """
        ...

    def records(self, ids: Iterable[RecordId]) -> dict[RecordId, RecordRow]:
        """Rows of these records; unknown ids are left out."""
        ...

    def kinds(self, record: RecordId) -> frozenset[SectionKind]:
        """What the record says anything about now."""
        ...

    def told_at(self, record: RecordId) -> Mapping[SectionKind, datetime]:
        """When each of these was last said whole."""
        ...

    def section(self, record: RecordId, kind: SectionKind) -> StoredSection | None:
        """What the record says now about one thing."""
        ...

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """What the record says now."""
        ...

    def put_section(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """Makes this the current word; the one before becomes past.

        For programs the index of who has what installed follows.
        """
        ...

    def confirm(self, record: RecordId, kind: SectionKind, at: datetime) -> None:
        """Notes that the current word was said again, whole, at a later time."""
        ...

    def put_late(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """Keeps a word that is older than the current one."""
        ...

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """Earlier words, newest first."""
        ...

    def identifiers(self, record: RecordId) -> frozenset[Identifier]:
        """Identifying values under which the record is found."""
        ...

    def set_identifiers(self, record: RecordId, identifiers: frozenset[Identifier]) -> None:
        """Replaces them."""
        ...

    def has_kind(self, kind: str) -> bool:
        """Whether anything was ever said by a source of a kind."""
        ...

    def sources(self) -> tuple[Source, ...]:
        """All that have records, by kind and instance."""
        ...

    def count(self) -> int:
        """Number of records."""
        ...

    def is_empty(self) -> bool:
        """Whether nothing was ever said."""
        ...

    def all_records(self) -> Iterator[RecordRow]:
        """Every record, by source, scope and native key."""
        ...

    def holders(self, identifier: Identifier, limit: int) -> tuple[RecordId, ...]:
        """Records that carry it, in order of id, at most so many."""
        ...

    def common(self, least: int) -> Iterator[tuple[Identifier, int, RecordId]]:
        """Identifying values that at least so many records carry: how many, and one of them."""
        ...

    def links(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """The stretch of each record that goes on."""
        ...

    def stretches(self, records: Iterable[RecordId]) -> dict[RecordId, tuple[LinkRow, ...]]:
        """All stretches of each record as they are believed now, in order of time."""
        ...

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """Stretches about an asset as they are believed now, oldest decision first."""
        ...

    def speakers(self, assets: Iterable[AssetId]) -> dict[AssetId, tuple[RecordId, ...]]:
        """Of assets of which each stretch goes on and is its record's only one: their records.

        Assets about which a record spoke once, and does not any more, are left out.
        """
        ...

    def twins(self) -> tuple[LinkRow, ...]:
        """Stretches of which a person is asked, oldest decision first."""
        ...

    def link_history(self, record: RecordId) -> tuple[LinkRow, ...]:
        """All that was ever believed of a record, oldest decision first."""
        ...

    def set_stretches(self, record: RecordId, links: Sequence[LinkRow]) -> None:
        """Makes these what is believed of a record; what stands already stays as it is."""
        ...

    def timeline(self, record: RecordId) -> StoredTimeline:
        """Identifying evidence by time."""
        ...

    def put_timeline(self, record: RecordId, body: bytes | None, last: int) -> None:
        """Replaces it; None leaves the body as it is and moves the last time."""
        ...

    def without_timeline(self, limit: int) -> tuple[RecordId, ...]:
        """Records of a time before there were timelines, at most so many."""
        ...

    def watch(self, records: Iterable[RecordId]) -> None:
        """Marks timelines: from now on it matters when their records are heard again."""
        ...

    def anchor(self, name: str) -> AssetId | None:
        """The asset of a thing that scans alone know of, by the name that the engine gave it."""
        ...

    def set_anchor(self, name: str, asset: AssetId) -> None:
        """Gives an asset such a name."""
        ...

    def records_of(self, source: Source, scope: str) -> tuple[RecordId, ...]:
        """Records of one source in one scope."""
        ...

    def complete_runs(self, source: Source, scope: str, after: datetime) -> tuple[RunRow, ...]:
        """Complete runs that began after a time, oldest first."""
        ...

    def newest_runs(self) -> Mapping[tuple[Source, str], datetime]:
        """Of each source and scope with complete runs when the last of them ended."""
        ...

    def hearings(self, source: Source, scope: str, after: datetime) -> Hearings:
        """When the records of one source in one scope were heard.

        Of silences only those that ended after a time: a source that comes by once a week is
        silent in between, and has one for each record and week.
        """
        ...

    def decisions(self) -> tuple[tuple[int, Decision], ...]:
        """Every word of people with its number, oldest first.

        The same object until one is added.
        """
        ...

    def add_run(self, event: RunEvent) -> None:
        """Keeps the start or end of a run."""
        ...

    def add_decision(self, decision: Decision) -> None:
        """Keeps a person's word."""
        ...

    def set_aside(self, sequence: int, origin: str, reason: str, body: bytes) -> None:
        """Keeps a journal entry that cannot be read, with the reason."""
        ...

    def aside(self, limit: int) -> tuple[tuple[int, str, str], ...]:
        """Sequence, origin and reason of entries that could not be read, newest first."""
        ...

    def intern(self, programs: Sequence[Programs | ProgramColumns]) -> bytes:
        """Gives every entry its release id and packs them, ascending, with their days."""
        ...

    def revise(self, before: bytes, changes: Sequence[ProgramChange]) -> tuple[bytes, bytes] | None:
        """Packed programs after changes, and their content (cmdb.model.programs.content_of).

        There is a change for each package system that there is then, perhaps without entries.
        None: these are not changes of `before`.
        """
        ...

    def came_and_went(self, before: bytes, after: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Releases that came and that went between two packed sets of programs.

        By number: the change feed tells them by name (`releases` in a detail).
        """
        ...

    def unpack(self, packed: bytes) -> tuple[tuple[Installed, int], ...]:
        """Programs of a packed set with their day of installation, by name."""
        ...

    def erase_scope(self, scope: str) -> int:
        """Removes every record of a scope with all that was said, links and runs; says how many.

        The one exception to "nothing is lost": for the sample estate and for people's rights.
        """
        ...

    def memo(self, name: str) -> str | None:
        """What is to be remembered between transactions under that name."""
        ...

    def set_memo(self, name: str, text: str | None) -> None:
        """Remembers it, with the rest of the transaction; None forgets it."""
        ...

    def applied(self) -> int:
        """Journal sequence up to which everything is in the store."""
        ...

    def set_applied(self, sequence: int) -> None:
        """Moves it, in the same transaction as what was applied."""
        ...
