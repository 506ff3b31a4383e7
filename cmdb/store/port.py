"""What the rest of the product may ask of a store: Ledger, View and Desk.

An adapter is right when tests/contract passes for it. The ledger is what was said and decided,
append-only. The view is what is so now, and can be rebuilt from the ledger. The desk is what
people work with. Ledger and view are written by one process, inside `transaction()`; any number
of others read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cmdb.model.observation import Decision, Json, Programs, RecordKey, RunEvent, SectionKind
from cmdb.store.errors import (
    BadSearch,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreUnavailable,
    UnknownAsset,
)
from cmdb.store.values import (
    AssetId,
    AssetRow,
    AuditEntry,
    Change,
    Edge,
    Identifier,
    Installed,
    LinkRow,
    Page,
    Part,
    Projection,
    RecordId,
    RecordRow,
    RelationRow,
    Search,
    StoredSection,
    Title,
)

__all__ = (
    "AssetId",
    "AssetRow",
    "AuditEntry",
    "BadSearch",
    "Change",
    "Clock",
    "Edge",
    "Identifier",
    "Installed",
    "Ledger",
    "LinkRow",
    "Page",
    "Part",
    "Projection",
    "Record",
    "RecordId",
    "RecordRow",
    "RelationRow",
    "Search",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreUnavailable",
    "StoredSection",
    "Title",
    "UnknownAsset",
    "View",
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

    def links(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """The links that hold now."""
        ...

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """The links to an asset that hold now, oldest first."""
        ...

    def link_history(self, record: RecordId) -> tuple[LinkRow, ...]:
        """All links of a record, oldest first."""
        ...

    def set_link(self, link: LinkRow) -> None:
        """Ends the record's link, if it has another, and starts this one."""
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

    def intern(self, programs: Sequence[Programs]) -> bytes:
        """Gives every entry its release id and packs them, ascending, with their days."""
        ...

    def difference(
        self, before: bytes, after: bytes
    ) -> tuple[tuple[Installed, ...], tuple[Installed, ...]]:
        """What came and what went between two packed sets of programs, by name."""
        ...

    def unpack(self, packed: bytes) -> tuple[tuple[Installed, int], ...]:
        """Programs of a packed set with their day of installation, by name."""
        ...

    def erase_scope(self, scope: str) -> int:
        """Removes every record of a scope with all that was said, links and runs; says how many.

        The one exception to "nothing is lost": for the sample estate and for people's rights.
        """
        ...

    def applied(self) -> int:
        """Journal sequence up to which everything is in the store."""
        ...

    def set_applied(self, sequence: int) -> None:
        """Moves it, in the same transaction as what was applied."""
        ...


class View(Protocol):
    """What is so now."""

    def new_asset(self) -> AssetId:
        """A fresh id."""
        ...

    def put(self, asset: AssetId, projection: Projection) -> None:
        """Makes this the projection of the asset, parts, edges and search included."""
        ...

    def touch(self, asset: AssetId, last_seen: datetime, connections: datetime | None) -> None:
        """Notes when the asset, and perhaps its connections, were seen again, all as before."""
        ...

    def part(self, asset: AssetId, local: str) -> AssetId | None:
        """The id of a part, by its name inside the asset."""
        ...

    def revive(self, asset: AssetId) -> None:
        """Lets an id that became an alias stand for itself again."""
        ...

    def drop(self, asset: AssetId, into: AssetId | None) -> None:
        """Takes an asset out; its id stays as an alias of `into`."""
        ...

    def asset(self, asset: AssetId) -> AssetRow | None:
        """The asset, or the one that its id is an alias of; None if there is none."""
        ...

    def find(self, text: str) -> AssetRow:
        """The one asset that an id (ci-12), name or fully qualified name means.

        Raises:
            UnknownAsset: None does, or several do; the message lists them.
        """
        ...

    def search(self, search: Search) -> Page:
        """A page of assets."""
        ...

    def parts(self, asset: AssetId) -> tuple[AssetRow, ...]:
        """CIs inside it, by name."""
        ...

    def relations(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """Relations that start or end at it."""
        ...

    def all_relations(self) -> Iterator[RelationRow]:
        """Every relation between assets that are there, in order of source and target."""
        ...

    def all_assets(self, cls: str | None = None) -> Iterator[AssetRow]:
        """Every asset in order of id, parts included; of one class and those that extend it."""
        ...

    def changes(self, asset: AssetId | None, limit: int, before: int | None) -> tuple[Change, ...]:
        """Change sets, newest first."""
        ...

    def add_change(self, asset: AssetId, what: str, detail: Json) -> None:
        """Appends to the change feed."""
        ...

    def installed(self, asset: AssetId) -> tuple[Installed, ...]:
        """Programs of an asset, by name."""
        ...

    def titles(self) -> Iterator[Title]:
        """Every program name ever seen, in order of id."""
        ...

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """Assets that have the title installed, with the versions."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Number of assets by class."""
        ...

    def due(self, at: datetime, limit: int) -> tuple[AssetId, ...]:
        """Assets whose projection time alone may have changed by then."""
        ...

    def change_sequence(self) -> int:
        """Grows with every transaction that changed the view."""
        ...

    def replay_clock(self) -> datetime | None:
        """Where the clock stands after a replay; None: it is now."""
        ...

    def set_replay_clock(self, at: datetime | None) -> None:
        """Sets it."""
        ...


class Record(Protocol):
    """Ledger and view of one estate, kept together so that both change at once."""

    @property
    def ledger(self) -> Ledger:
        """What was said and decided."""
        ...

    @property
    def view(self) -> View:
        """What is so now."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""
        ...

    def transaction(self, at: datetime) -> AbstractContextManager[None]:
        """All writes inside take effect together, or none does when it raises."""
        ...

    def close(self) -> None:
        """Lets go of files and connections. Closing twice is closing once."""
        ...


Clock = Callable[[], datetime]
