"""What answers look like: frozen, plain, and the same for the command line, REST and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.query.past import PastNote


@dataclass(frozen=True, slots=True)
class AssetLine:
    """An asset as lists show it."""

    asset: str
    """Its id, such as ci-12."""
    cls: str
    name: str
    state: str
    scope: str
    parent: str | None
    attributes: Mapping[str, Json]
    source_kinds: tuple[str, ...]
    demo: bool
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class AssetList:
    """One page of a list of assets."""

    assets: tuple[AssetLine, ...]
    total: int
    cursor: str | None
    """Hand it in as `after` for the next page; None at the end."""
    as_of: datetime | None = None
    """The record's clock, against which ages count."""
    past: PastNote | None = None


@dataclass(frozen=True, slots=True)
class AttributeView:
    """One attribute of an asset, and whose word it is."""

    name: str
    value: Json
    unit: str | None
    source_kind: str
    source_instance: str
    observed_at: datetime
    stale: bool
    losers: int
    """Claims by other sources that did not win."""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One source's claim about an attribute, and why it won or lost."""

    value: Json
    source_kind: str
    source_instance: str
    observed_at: datetime
    stale: bool
    won: bool
    reason: str
    """In words: what the rule made of it."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """What one source says about the asset, and why it is thought to be about this one."""

    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    first_at: datetime
    seen_at: datetime
    rule: str
    evidence: Json
    linked_since: datetime


@dataclass(frozen=True, slots=True)
class RelationView:
    """A relation, read from this asset's end."""

    type: str
    verb: str
    """The relation as it reads from here: depends on, serves ..."""
    outward: bool
    """Whether it starts here."""
    other: str
    other_name: str
    other_cls: str
    other_state: str
    observed_at: datetime
    detail: Json
    via: str = ""
    """The part of this asset that has the relation; empty for the asset itself."""


@dataclass(frozen=True, slots=True)
class RelationList:
    """Relations of an asset; with the first page all but those of machines that use its sockets."""

    relations: tuple[RelationView, ...]
    more: int
    """How many follow, at least."""
    cursor: str | None
    """Hand it in as `after` for the next page; None at the end."""
    past: PastNote | None = None


@dataclass(frozen=True, slots=True)
class SectionView:
    """A list that a source gave: interfaces, disks, components, users ..."""

    kind: str
    source_kind: str
    source_instance: str
    observed_at: datetime
    rows: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True)
class ChangeView:
    """What changed about an asset at one time."""

    sequence: int
    at: datetime
    asset: str
    name: str
    cls: str
    what: str
    detail: Json


@dataclass(frozen=True, slots=True)
class History:
    """A stretch of the change feed, newest first."""

    changes: tuple[ChangeView, ...]
    before: int | None
    """Hand it in for older ones; None at the end."""


@dataclass(frozen=True, slots=True)
class ProgramView:
    """An installed program."""

    name: str
    version: str
    architecture: str
    publisher: str
    package_system: str


@dataclass(frozen=True, slots=True)
class ProgramList:
    """One page of the programs of an asset."""

    programs: tuple[ProgramView, ...]
    total: int
    cursor: str | None
    past: PastNote | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Why an asset is missing or retired."""

    since: datetime | None
    """Since when it is missing, or retired by a person."""
    why: str


@dataclass(frozen=True, slots=True)
class AssetPage:
    """All that is known about one asset, but for its programs and older history."""

    asset: AssetLine
    aliases: tuple[str, ...]
    revision: int
    as_of: datetime
    attributes: tuple[AttributeView, ...]
    records: tuple[RecordView, ...]
    relations: tuple[RelationView, ...]
    """At most 50 of each verb; /assets/{ref}/relations tells all."""
    relation_totals: Mapping[str, int]
    """How many there are, by verb; the least that it can be where many machines use it."""
    parts: tuple[AssetLine, ...]
    sections: tuple[SectionView, ...]
    programs_total: int
    history: History
    standing: Standing | None = None
    """Why it is not present; None: it is, or nothing more is known of then."""
    past: PastNote | None = None
    """Of which moment this is; None: it is so now."""
