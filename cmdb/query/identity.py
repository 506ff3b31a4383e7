"""What answers about identity look like: decisions, questions, and what a report would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.observation import Json, RecordKey
from cmdb.store.port import AssetId

_IN_WORDS: Mapping[str, str] = {"native key": "native key", "person": "a person"}
"""Reasons that are no names of keys; another rule of several words is a sentence."""
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class RecordRef:
    """Names a record."""

    source_kind: str
    source_instance: str
    scope: str
    native_key: str

    def __str__(self) -> str:
        """As commands take it."""
        return "/".join((self.source_kind, self.source_instance, self.scope, self.native_key))


def ref_of(key: RecordKey) -> RecordRef:
    """The name of a record."""
    return RecordRef(key.source.kind, key.source.instance, key.scope, key.native_key)


def asset_ref(asset: AssetId) -> str:
    """The id as people see it: ci-12."""
    return f"ci-{asset}"


def how_linked(rule: str) -> str:
    """The rule by which a record is about an asset, as people read it."""
    way, _, what = rule.partition(" by ")
    if way == "seen":
        its = "the" if what.startswith("same ") else "its"
        return rule if what == "nobody else" else f"seen by {its} {what}"
    keys = rule.split("+")
    if len(keys) == 1 and " " in rule and rule not in _IN_WORDS:
        return rule
    return f"joined by {' and '.join(_IN_WORDS.get(key, key) for key in keys)}"


def in_stretches(reason: Mapping[str, Json]) -> str:
    """Of which of a record's stretches a piece of evidence holds, in words; nothing for all."""
    numbers = reason.get("stretches")
    if not isinstance(numbers, list) or not numbers:
        return ""
    shown = ", ".join(str(number) for number in numbers[:_MOST_NAMED])
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f" (in {shown}{more})"


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A person's word."""

    number: int
    act: str
    """As it was said; set for what binds set values, unset where all are taken back."""
    at: datetime
    by: str
    note: str
    text: str
    """What it does, in words."""
    records: tuple[RecordRef, ...]
    extra: Mapping[str, str]
    undone_by: int | None
    """Number of the decision that took it back; None: it holds."""
    assets: tuple[str, ...]
    """Assets that its records are about now."""
    source: str = ""
    """The whole source that it is about, as kind/instance; empty: it is about records or values."""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value that would be another."""

    name: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """An asset that would not be as it is."""

    asset: str
    """Its id; "new 1" and so on for those that are not there yet."""
    name: str
    cls: str
    what: str
    """created, returned, changed, joined (into another) or dissolved."""
    into: str = ""
    """The asset that it would be joined to."""
    values: tuple[ValueChange, ...] = ()
    more: Mapping[str, Json] = field(default_factory=dict)
    """Parts and programs that would come and go."""


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A record that would be about something else."""

    record: RecordRef
    before: tuple[str, ...]
    after: tuple[str, ...]
    rule: str
    evidence: Json
    state: str
    """linked; twin: a person would be asked; nothing: about no asset."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What statements would change; nothing of it was kept."""

    statements: int
    summary: tuple[str, ...]
    """Assets that would join or come apart, a sentence each."""
    assets: tuple[AssetPlan, ...]
    links: tuple[LinkPlan, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was made, or rehearsed."""

    number: int | None
    """None: it was rehearsed, or is journalled and not yet in the record."""
    text: str
    effects: tuple[str, ...]
    """Assets that joined or came apart, or would: a sentence each."""
    rehearsal: Rehearsal | None
    """All that it would change; None once it is made."""
    sequence: int
    """Place in the journal; 0 for a rehearsal."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two things of a question."""

    asset: str
    name: str
    cls: str
    state: str
    last_seen: datetime
    records: tuple[RecordRef, ...]
    keys: Mapping[str, tuple[str, ...]]
    """Identifying values, by key."""


@dataclass(frozen=True, slots=True)
class Question:
    """Two assets of which a person is asked whether they are one."""

    number: int
    """Stays the same as long as the two have the same first records."""
    sides: tuple[Side, Side]
    because: tuple[str, ...]
    """Why it is asked."""
    suggestion: str
    """same or different."""
    why: str


@dataclass(frozen=True, slots=True)
class StopValue:
    """A value that identifies nobody, or identifies although many carry it."""

    key: str
    value: str
    records: int
    why: str
    decision: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one key: how many values stand on how many records."""

    key: str
    values: int
    by_records: Mapping[str, int]
    """Values by the number of records that carry them, in steps: 1, 2, 3-4, 5-8 ..."""
    most: int


@dataclass(frozen=True, slots=True)
class StopList:
    """Values that lost their weight, and the limit beyond which one does."""

    limit: int
    learned: bool
    """Whether the limit was derived from this estate."""
    origin: str
    """Where the limit comes from: default, a decision, or a line of the rules in force."""
    values: tuple[StopValue, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """A limit derived from the estate."""

    limit: int
    now: int
    why: str
    spreads: tuple[Spread, ...]
