"""The words in which classes, attributes, keys and relations are declared.

A class is declared once, in cmdb/model/classes/. Reconciliation, storage, search, impact, the
console and the reference page read the declarations; none of them knows the name of a class or
of an attribute. Plain dataclasses, because every command imports them: validation of outside
data lies with those who let it in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

SOURCE_KINDS = ("agent", "snmp", "cloud", "scan", "import", "manual", "demo")


class DeclarationError(TypeError):
    """Something is declared wrongly. Raised on import, never later."""


class ValueType(Enum):
    """What a value of an attribute is."""

    TEXT = "text"
    WHOLE = "whole number"
    REAL = "number"
    TRUTH = "yes or no"
    INSTANT = "instant"


NUMBERS = frozenset({ValueType.WHOLE, ValueType.REAL})


@dataclass(frozen=True)
class Rank:
    """A kind of source, or a single source, in an order of authority."""

    kind: str
    stale_after: timedelta | None
    """After this long without confirmation its word yields to fresh ones that were said later.
    None: never."""
    instance: str | None = None
    """The one source of the kind that is meant; None: all that are not named themselves."""

    def __str__(self) -> str:
        """As people write it."""
        return self.kind if self.instance is None else f"{self.kind}/{self.instance}"


class Rule(Enum):
    """How the winner among claims is chosen."""

    PRIORITY = "priority"
    LATEST = "latest"
    LARGEST = "largest"
    SMALLEST = "smallest"
    MOST_REPORTED = "most reported"


class Empty(Enum):
    """What it means that a source looked and found nothing."""

    IGNORED = "ignored"
    """It never wins over a value."""
    CLEARS = "clears"
    """It is an answer like any other: where it wins, there is no value."""


@dataclass(frozen=True)
class Tolerance:
    """By how much two numbers may differ and still be the same."""

    amount: float
    relative: bool = False
    """Whether the amount is a share of the larger of the two, and not in the attribute's unit."""

    def joins(self, one: float, two: float) -> bool:
        """Whether two numbers are the same."""
        allowed = self.amount * max(abs(one), abs(two)) if self.relative else self.amount
        return abs(one - two) <= allowed


@dataclass(frozen=True)
class Authority:
    """Whose claim wins. Under every rule a stale claim yields to what is fresh and was said later.

    PRIORITY takes the first kind in `ranks`; the others weigh the values and use `ranks` to
    settle what is even. Kinds that are not listed come last, in the order of their names.
    """

    ranks: tuple[Rank, ...]
    rule: Rule = Rule.PRIORITY
    empty: Empty = Empty.IGNORED
    tolerance: Tolerance | None = None
    singles: bool = field(init=False, compare=False, default=False)
    """Whether a rank names a single source."""

    def __post_init__(self) -> None:
        """Refuses unknown kinds and repeated sources."""
        object.__setattr__(self, "singles", any(rank.instance for rank in self.ranks))
        for rank in self.ranks:
            if rank.kind not in SOURCE_KINDS:
                raise DeclarationError(f"authority names {rank.kind!r}, which is no kind of source")
        named = [str(rank) for rank in self.ranks]
        if len(set(named)) != len(named):
            raise DeclarationError(f"authority names a source twice: {named}")


@dataclass(frozen=True)
class Span:
    """Which numbers a value can be, the ends included, in the attribute's unit."""

    least: float
    most: float

    def holds(self, number: float) -> bool:
        """Whether it lies in it."""
        return self.least <= number <= self.most

    def __str__(self) -> str:
        """As people write it."""
        return f"from {self.least} to {self.most}"


@dataclass(frozen=True)
class Attribute:
    """One attribute of a class."""

    name: str
    type: ValueType
    summary: str
    authority: Authority
    unit: str | None = None
    normal: str = "text"
    """Name of the normal form in which two values are compared (reconcile/normalise)."""
    searched: bool = False
    """Whether full-text search finds its words."""
    column: bool = False
    """Whether lists can sort by it: the embedded store keeps it in a column of its own."""
    span: Span | None = None
    """Which numbers a person may give; every number has one. Of what sources measure none is
    refused: it is their word."""

    def __post_init__(self) -> None:
        """Refuses a number without bounds, and bounds of what is none."""
        if (self.type in NUMBERS) is not (self.span is not None):
            raise DeclarationError(f"{self.name} is a {self.type.value}: numbers have a span")


class KeyForm(Enum):
    """What a key's value is made of."""

    ATTRIBUTE = "attribute"
    MAC = "mac"
    LOCAL_MAC = "mac given by software, in scope"
    ADDRESS = "address in scope"
    NAME = "name in scope"
    OBSERVER = "observer"
    NATIVE = "native key"


@dataclass(frozen=True)
class Key:
    """One way to identify a thing of a class; keys stand in order, strongest first.

    A `sole` key joins two records by itself; of the others, two different ones must agree.
    A key that is `single` has one value for one thing: where both sides have one and they
    differ, no key that is weaker can join them. Values of a key's `kin` count as its own: what
    one source calls the board's serial number another gives as the system's.
    """

    name: str
    form: KeyForm
    attribute: str | None = None
    normal: str = "text"
    sole: bool = True
    single: bool = False
    scoped: bool = False
    kin: tuple[str, ...] = ()
    """Names of other keys whose values are of the same space."""


class Impact(Enum):
    """Which end of a relation suffers when the other end fails."""

    NONE = "none"
    ON_SOURCE = "on source"
    """The source fails when the target does: it depends on it."""
    ON_TARGET = "on target"
    """The target fails when the source does."""
    MEMBER = "member"
    """The target is a group, which counts how many of its sources are up (min_up)."""


@dataclass(frozen=True)
class RelationType:
    """A kind of arrow from one CI to another."""

    name: str
    inverse: str
    summary: str
    impact: Impact


@dataclass(frozen=True)
class CIClass:
    """A kind of thing the organisation keeps track of."""

    name: str
    plural: str
    summary: str
    attributes: tuple[Attribute, ...] = ()
    keys: tuple[Key, ...] = ()
    extends: CIClass | None = None
    symbol: str = "box"
    """Name of the picture that stands for it in graphs."""
    retire_after: timedelta = field(default=timedelta(days=90))
    houses: bool = False
    """Whether what it holds prints its serial number as its own: a blade that of its enclosure."""

    def __post_init__(self) -> None:
        """Refuses what cannot work."""
        names = [attribute.name for attribute in self.all_attributes()]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"{self.name}.{name} is declared twice")
        for key in self.keys:
            if key.form is KeyForm.ATTRIBUTE and key.attribute not in names:
                raise DeclarationError(
                    f"{self.name}: key {key.name!r} names {key.attribute!r}, which is no attribute"
                )

    def all_attributes(self) -> tuple[Attribute, ...]:
        """The attributes, inherited ones first."""
        inherited = self.extends.all_attributes() if self.extends else ()
        return inherited + self.attributes

    def all_keys(self) -> tuple[Key, ...]:
        """The keys, strongest first; a class without its own has those it extends."""
        if self.keys or self.extends is None:
            return self.keys
        return self.extends.all_keys()

    def lineage(self) -> tuple[str, ...]:
        """Its name and those of all it extends, nearest first."""
        return (self.name, *(self.extends.lineage() if self.extends else ()))
