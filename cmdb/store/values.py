"""What goes into a store and comes out of it: plain and frozen, the same for every adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, NewType

from cmdb.model.observation import Json, RecordKey

RecordId = NewType("RecordId", int)
AssetId = NewType("AssetId", int)
Identifier = NewType("Identifier", int)
"""64-bit hash of a key's name and normal value."""


class StoredSection(NamedTuple):
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
    """When it was found wrong; None: it is what is believed."""
    until: datetime | None = None
    """First observation to which it applies no longer; None: it goes on."""
    last: datetime | None = None
    """Last observation in it, once it has ended."""
    state: str = "linked"
    """linked; twin: kept apart for now, and a person is asked."""


@dataclass(frozen=True, slots=True)
class StoredTimeline:
    """When a record gave which evidence, as the engine packed it."""

    body: bytes = b""
    last: int = 0
    """When the newest was last given, in microseconds since 1970."""
    watched: bool = False
    """Whether it matters when the record is heard again, saying nothing new."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A complete run of a source over a scope."""

    run: str
    began_at: datetime
    ended_at: datetime
    covers_all: bool
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hearings:
    """When the records of a source in a scope were heard; instants are microseconds since 1970."""

    records: Sequence[tuple[str, int, int]]
    """Native key, first and last time."""
    silences: Sequence[tuple[str, int, int]]
    """Native key, begin and end of each time of over 36 hours between two hearings."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction changed about one asset."""

    sequence: int
    at: datetime
    asset: AssetId
    what: str
    """created, changed, joined, dissolved, erased, or returned: there again under its old id."""
    detail: Json
    """{attribute: [old, new], ...} and counts for the lists."""


class Part(NamedTuple):
    """A thing inside an asset that is a CI of its own: a service of a machine."""

    local: str
    """Names it inside the asset, such as tcp/5432."""
    cls: str
    attributes: Mapping[str, Json]


class Edge(NamedTuple):
    """A relation that starts at an asset or one of its parts.

    A tuple, because a report makes dozens.
    """

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
    other_names: tuple[str, ...] = ()
    """Names that one of its records says and that are not those it goes by: they find it, too."""
    parts: tuple[Part, ...] = ()
    edges: tuple[Edge, ...] = ()
    stale_at: datetime | None = None
    """When time alone may change the projection."""
    contested: bool = False
    """Whether it may change when somebody merely says the same again: of words of equal weight the
    newest counts."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Of a projection what lies inside the asset, and its relations."""

    parts: tuple[Part, ...]
    edges: tuple[Edge, ...] | None
    """None: those to sockets are as before, and each part runs on the asset."""


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
class Headline:
    """What others that name an asset show of it."""

    id: AssetId
    cls: str
    name: str
    state: str
    parent: AssetId | None
    scope: str
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class RelationRow:
    """A typed relation between two assets."""

    source: AssetId
    type: str
    target: AssetId
    observed_at: datetime
    detail: Json = None


@dataclass(frozen=True, slots=True)
class Related:
    """Relations around an asset."""

    rows: tuple[RelationRow, ...]
    more: int
    """How many users of its sockets were not read, at least, each socket counted by itself."""
    following: AssetId | None
    """The last user that was read, to read on from; None: there is no other."""


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


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a title."""

    id: int
    version: str
    architecture: str


@dataclass(frozen=True, slots=True)
class HoldersPage:
    """Assets that have some releases installed."""

    rows: tuple[tuple[AssetId, tuple[int, ...]], ...]
    """In order of id, each with the groups of releases that it has, ascending."""
    total: int
    """Assets on all pages."""
    counts: Mapping[int, int]
    """Assets on all pages by group; one that nobody has is not in it."""
    more: bool
    """Whether a page follows."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what."""

    at: datetime
    account: str
    action: str
    target: str
    detail: Mapping[str, str] = field(default_factory=dict)
