"""What the rest of the product may ask of a store: Ledger, View and Desk.

An adapter is right when tests/contract passes for it. The ledger is what was said and decided,
append-only. The view is what is so now, and can be rebuilt from the ledger. The desk is what
people work with. Ledger and view are written by one process, inside `transaction()`; any number
of others read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

from cmdb.model.observation import Decision, Json, Programs, RecordKey, RunEvent, SectionKind

RecordId = NewType("RecordId", int)
AssetId = NewType("AssetId", int)
Identifier = NewType("Identifier", int)
"""64-bit hash of a key's name and normal value."""


class StoreError(Exception):
    """The store could not do what was asked. The cause is chained.

    StoreError
    ├── StoreUnavailable   trying again later may work
    ├── StoreFull          no room on the disk; nothing was written
    ├── StoreForeign       not a store of ours, or of a newer version
    ├── UnknownAsset       no asset answers to that name
    └── BadSearch          the search names what is not there
    """


class StoreUnavailable(StoreError):
    """The store did not answer. Trying again later may work."""


class StoreFull(StoreError):
    """There is no room. Nothing was written."""


class StoreForeign(StoreError):
    """The file is not a store of ours, or one of a newer version."""


class BadSearch(StoreError, ValueError):
    """The search names something that is not there; the message says what there is."""


class UnknownAsset(StoreError, LookupError):
    """No asset, or more than one, answers to that name."""


@dataclass(frozen=True, slots=True)
class StoredSection:
    """What a record says in one part, as last heard."""

    body: bytes
    """Canonical JSON, or packed release ids with days for programs."""
    digest: bytes
    """BLAKE2b-128 of the body."""
    observed_at: datetime
    """Since when it says this, by the observer's clamped clock."""
    confirmed_at: datetime
    """When it last said this whole, changed or not."""


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record and when it was heard."""

    id: RecordId
    key: RecordKey
    first_at: datetime
    seen_at: datetime
    """Newest observation, changed or not."""
    full_at: datetime | None
    """Newest observation that told all; what was said before it and not in it no longer holds."""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """This record is about that asset, with the reasons."""

    record: RecordId
    asset: AssetId
    rule: str
    evidence: Json
    since: datetime
    """First observation to which it applies."""
    decided_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction changed about one asset."""

    sequence: int
    at: datetime
    asset: AssetId
    what: str
    """created, changed, joined, erased ..."""
    detail: Json
    """{attribute: [old, new], ...} and counts for the lists."""


@dataclass(frozen=True, slots=True)
class Part:
    """A thing inside an asset that is a CI of its own: a service of a machine."""

    local: str
    """Names it inside the asset, such as tcp/5432."""
    cls: str
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation that starts at an asset or one of its parts."""

    source_local: str | None
    """Part it starts at; None for the asset itself."""
    type: str
    target: AssetId | None
    """An asset ..."""
    target_socket: tuple[str, str, int] | None = None
    """... or whoever listens there: address, protocol, port in the asset's scope."""
    target_part: str | None = None
    """... or a part of the asset itself (target None)."""
    detail: Json = None
    """What was counted, for a relation that connections tell of; None for others."""
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """All that is so about one asset, made from its records."""

    cls: str
    attributes: Mapping[str, Json]
    scope: str
    state: str
    first_seen: datetime
    last_seen: datetime
    source_kinds: tuple[str, ...]
    demo: bool
    addresses: tuple[tuple[str, str, datetime, str], ...] = ()
    """Scope, address, when it was seen there, and who says so: of two assets seen at an address at
    one time the one whose witness sorts first holds it."""
    macs: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    edges: tuple[Edge, ...] = ()
    stale_at: datetime | None = None
    """When time alone may change the projection."""


@dataclass(frozen=True, slots=True)
class AssetRow:
    """An asset as lists show it."""

    id: AssetId
    cls: str
    name: str
    state: str
    parent: AssetId | None
    scope: str
    first_seen: datetime
    last_seen: datetime
    attributes: Mapping[str, Json]
    source_kinds: tuple[str, ...]
    demo: bool
    revision: int
    aliases: tuple[AssetId, ...] = ()


@dataclass(frozen=True, slots=True)
class RelationRow:
    """A typed relation between two assets."""

    source: AssetId
    type: str
    target: AssetId
    observed_at: datetime
    detail: Json = None


@dataclass(frozen=True, slots=True)
class Search:
    """Which assets, in which order, which page."""

    text: str = ""
    cls: str | None = None
    """A class, subclasses included."""
    state: str | None = None
    scope: str | None = None
    source_kind: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    """Attribute and value, equal without regard to case; only attributes kept as columns."""
    parts: bool = False
    """Whether services of machines are listed when no class asks for them."""
    order: str = "name"
    """A column, with - before it for descending."""
    after: str | None = None
    """Cursor from the page before."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    rows: tuple[AssetRow, ...]
    cursor: str | None
    """Where the next page starts; None at the end."""
    total: int


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed release."""

    name: str
    version: str
    architecture: str
    publisher: str
    package_system: str


@dataclass(frozen=True, slots=True)
class Title:
    """A program name as inventories show it."""

    id: int
    package_system: str
    name: str
    publisher: str


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


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what."""

    at: datetime
    account: str
    action: str
    target: str
    detail: Mapping[str, str] = field(default_factory=dict)


Clock = Callable[[], datetime]
