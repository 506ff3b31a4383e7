"""What explanations say: shapes that the command line, REST and pages show. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Json
from reconcile.uncounted import Uncounted


@dataclass(frozen=True, slots=True)
class ClaimExplained:
    """One claim about an attribute."""

    value: Json
    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    said_at: datetime
    rank: int
    """Place of its kind of source in the attribute's authority, from 1."""
    stale: bool
    wins: bool
    why: str


@dataclass(frozen=True, slots=True)
class AttributeExplained:
    """An attribute with every claim about it, the winner first."""

    name: str
    summary: str
    unit: str | None
    value: Json
    rule: str
    order: tuple[str, ...]
    """Sources, most trusted first."""
    origin: str
    """Where the rule comes from: the default, or a line of the rules in force."""
    empty: str
    """What it means that a source looked and found nothing."""
    compare: str
    """In which form, and within which tolerance, values are compared."""
    claims: tuple[ClaimExplained, ...]


@dataclass(frozen=True, slots=True)
class StretchExplained:
    """A time in which a record was about the asset."""

    since: datetime
    until: datetime | None
    """None: it goes on."""


@dataclass(frozen=True, slots=True)
class LinkExplained:
    """Why a record belongs to the asset, by one rule."""

    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    rule: str
    since: datetime
    until: datetime | None
    """End of the last stretch in which the record was about this asset; None: it goes on."""
    state: str
    decided_at: datetime
    last_seen: datetime
    keys: tuple[str, ...]
    """Identifying values that it gave in that time, as key=value."""
    uncounted: tuple[Uncounted, ...]
    """Values that it gives now and that identify nothing."""
    evidence: Json
    """joined_by and ignored: keys that tie it to other records, and why some did not count. Each is
    told once; `stretches` numbers those that it holds for, from 1, where they are not all."""
    stretches: tuple[StretchExplained, ...] = ()
    """When it was about the asset, one after the other; `since` is the beginning of the first."""


@dataclass(frozen=True, slots=True)
class ExcludedExplained:
    """A record that would be about the asset, had nobody excluded it."""

    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    last_seen: datetime
    how: str
    """How it was linked; or what it shares, where it was excluded before it spoke."""
    why: str
    """The decision that excludes it, whose it is, and when it was made."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Identity and values of one asset, with their reasons."""

    asset: str
    name: str
    cls: str
    state: str
    state_since: datetime | None
    state_why: str
    state_rule: str
    """How long it may be silent and missing, and where that comes from."""
    identity_rules: tuple[str, ...]
    """What a rules file says of identity for its class, and where."""
    attributes: tuple[AttributeExplained, ...]
    links: tuple[LinkExplained, ...]
    excluded: tuple[ExcludedExplained, ...]
    as_of: datetime
    """The clock against which claims are stale."""
