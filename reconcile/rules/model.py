"""The rules in force: what the declarations say, and what a rules file says otherwise.

Pure values. Knows no file format; read.py makes these of a file and write.py a file of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType

from cmdb.model.classes import CLASS_BY_NAME, CLASSES
from cmdb.model.declare import Attribute, Empty, KeyForm, Rank, Rule, Tolerance
from reconcile.account import UNKNOWN_CLASS
from reconcile.evidence import KEYS, SINGLE, Evidence

CROWDED = 24
"""A value that more records than this carry, scans aside, no longer identifies."""
SILENCE: Mapping[str, timedelta | None] = MappingProxyType({
    "agent": timedelta(days=30),
    "snmp": timedelta(days=90),
    "cloud": timedelta(days=90),
    "scan": timedelta(days=90),
    "import": None,
    "manual": None,
    "demo": None,
})  # fmt: skip
"""Silence after which a source's word no longer shows that a thing is there. Sources with runs
have long: while their runs fail, nothing is known."""
DEFAULT = "default"

_FIXED = frozenset({KeyForm.OBSERVER, KeyForm.NATIVE, KeyForm.ADDRESS})
SWITCHED = tuple(name for name, key in KEYS.items() if key.form not in _FIXED)
"""Keys that rules may switch off. An observer's own machine and a place are no matter of rules."""
VALUED = tuple(
    name for name, key in KEYS.items() if key.form in {KeyForm.ATTRIBUTE, KeyForm.NAME, KeyForm.MAC}
)
"""Keys of which rules may name values that identify nobody."""

Path = tuple[str, ...]
Values = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What a file says of an attribute of a class; None: as it would be without."""

    order: tuple[Rank, ...] | None = None
    rule: Rule | None = None
    empty: Empty | None = None
    compare: str | None = None
    tolerance: Tolerance | None = None

    def over(self, attribute: Attribute) -> Attribute:
        """The attribute as it is with this rule."""
        known = attribute.authority
        authority = replace(
            known,
            ranks=known.ranks if self.order is None else self.order,
            rule=self.rule or known.rule,
            empty=self.empty or known.empty,
            tolerance=known.tolerance if self.tolerance is None else self.tolerance,
        )
        return replace(attribute, authority=authority, normal=self.compare or attribute.normal)


@dataclass(frozen=True)
class ClassRules:
    """What a file says of a class, apart from what its parents are told."""

    values: Mapping[str, ValueRule] = field(default_factory=dict)
    retire_after: timedelta | None = None
    retires: bool | None = None
    """Whether it is ever retired by itself; None: the file does not say."""
    off: frozenset[str] = frozenset()
    """Keys that do not count."""
    placeholders: frozenset[tuple[str, str]] = frozenset()
    """Keys and normal values that identify nobody."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What of the identifying values of a class counts."""

    off: frozenset[str] = frozenset()
    placeholders: frozenset[tuple[str, str]] = frozenset()

    def of(self, evidence: Evidence) -> Evidence:
        """The evidence without what does not count."""
        kept = {
            key: left
            for key, values in evidence.values.items()
            if key not in self.off
            and (left := tuple(v for v in values if (key, v) not in self.placeholders))
        }
        return evidence if kept == dict(evidence.values) else replace(evidence, values=kept)


@dataclass(frozen=True)
class Rules:
    """Every rule, as it holds for each class and attribute."""

    classes: Mapping[str, ClassRules] = field(default_factory=dict)
    silence: Mapping[str, timedelta | None] = field(default_factory=lambda: SILENCE)
    crowded: int = CROWDED
    order: tuple[str, ...] = SINGLE
    """Keys of which a thing has one value, the strongest first."""
    lines: Mapping[Path, int] = field(default_factory=dict, compare=False)
    """Lines of the file that say something, by what they speak of."""
    version: int = field(default=0, compare=False)
    """Which version of the rules of this estate; 0: none is in force but the defaults."""

    @cached_property
    def _attributes(self) -> Mapping[str, tuple[Attribute, ...]]:
        return {each.name: tuple(self._attributes_of(each.name)) for each in CLASSES}

    def _attributes_of(self, cls: str) -> Iterator[Attribute]:
        above = [self.classes[name] for name in lineage(cls) if name in self.classes]
        for attribute in CLASS_BY_NAME[cls].all_attributes():
            made = attribute
            for said in above:
                rule = said.values.get(attribute.name)
                made = made if rule is None else rule.over(made)
            yield made

    @cached_property
    def _weights(self) -> Mapping[str, Weight]:
        if not any(said.off or said.placeholders for said in self.classes.values()):
            return {}
        found = {}
        for each in CLASSES:
            said = [self.classes[name] for name in lineage(each.name) if name in self.classes]
            off = frozenset[str]().union(*(one.off for one in said))
            none = frozenset[tuple[str, str]]().union(*(one.placeholders for one in said))
            found[each.name] = Weight(off, none)
        return found

    def attributes(self, cls: str) -> tuple[Attribute, ...]:
        """The attributes of a declared class, inherited ones first, with what holds for them."""
        return self._attributes[cls]

    def attribute(self, cls: str, name: str) -> Attribute | None:
        """One of them."""
        return next((each for each in self.attributes(cls) if each.name == name), None)

    def retire_after(self, cls: str) -> timedelta | None:
        """How long a thing of a declared class is missing before it is retired; None: for ever."""
        for name in reversed(lineage(cls)):
            said = self.classes.get(name)
            if said is not None and said.retires is not None:
                return said.retire_after
        return CLASS_BY_NAME[cls].retire_after

    def weight(self, cls: str | None) -> Weight:
        """What of the identifying values counts that a statement of this class gives."""
        return self._weights.get(cls if cls in CLASS_BY_NAME else UNKNOWN_CLASS, _ALL)

    @property
    def weighs(self) -> bool:
        """Whether not all that identifies counts."""
        return bool(self._weights)

    def origin(self, *path: str) -> str:
        """Where a rule comes from: the line of the file that is in force, or the default."""
        line = self.lines.get(path)
        return DEFAULT if line is None else f"{self.title}, line {line}"

    def origin_of(self, cls: str, attribute: str) -> str:
        """Where the rule of an attribute comes from, by its fields."""
        found: dict[str, int] = {}
        for name in lineage(cls):
            for each in VALUE_FIELDS:
                line = self.lines.get(("classes", name, "attributes", attribute, each))
                if line is not None:
                    found[each] = line
        if not found:
            return DEFAULT
        told = ", ".join(f"line {line} ({each})" for each, line in found.items())
        return f"{self.title}, {told}"

    def origin_of_retirement(self, cls: str) -> str:
        """Where the time until retirement comes from."""
        for name in reversed(lineage(cls)):
            if ("classes", name, "retire_after") in self.lines:
                return self.origin("classes", name, "retire_after")
        return DEFAULT

    @property
    def title(self) -> str:
        """What people call them."""
        return f"rules version {self.version}" if self.version else "the rules file"

    def identifies_as(self, other: Rules) -> bool:
        """Whether both identify alike, so that only values and states may differ."""
        return (
            self.order == other.order
            and self.crowded == other.crowded
            and all(self.weight(each.name) == other.weight(each.name) for each in CLASSES)
        )

    def same_as(self, other: Rules) -> bool:
        """Whether both decide everything alike, however they are written."""
        return (
            self.identifies_as(other)
            and dict(self.silence) == dict(other.silence)
            and all(
                self.attributes(each.name) == other.attributes(each.name)
                and self.retire_after(each.name) == other.retire_after(each.name)
                for each in CLASSES
            )
        )


def lineage(cls: str) -> tuple[str, ...]:
    """A class and all that it extends, the most general first."""
    return tuple(reversed(CLASS_BY_NAME[cls].lineage()))


VALUE_FIELDS = ("order", "rule", "empty", "compare", "tolerance")
"""What may be said of an attribute."""
_ALL = Weight()
DEFAULTS = Rules()
"""The rules as shipped."""
