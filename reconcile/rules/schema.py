"""What a rules file may say: every name with its meaning and its values, once.

The reader takes the known names from here, the reference page its tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cmdb.model.declare import Empty, Rule, ValueType
from reconcile.normalise.forms import FORMS

COMPARE: Mapping[ValueType, tuple[str, ...]] = {
    ValueType.TEXT: ("text", "words", "name", "fqdn", "vendor", "system", "serial", "uuid"),
    ValueType.WHOLE: ("number", "bytes"),
    ValueType.REAL: ("number", "bytes"),
    ValueType.TRUTH: ("text",),
    ValueType.INSTANT: ("instant", "text"),
}
"""Normal forms that fit a type."""
RULES = {rule.value: rule for rule in Rule}
SIZED = frozenset({Rule.LARGEST, Rule.SMALLEST})
"""Rules that only numbers can follow."""
EMPTY = {each.value: each for each in Empty}
NEVER = "never"
FOREVER_YEARS = 100


@dataclass(frozen=True)
class Field:
    """A name that a file may hold."""

    name: str
    summary: str
    values: str


TOP = (
    Field("silence", "Silence after which a kind of source no longer shows that a thing is there",
          "kind of source: time"),
    Field("stop_list", "Values that too many records carry", "see below"),
    Field("classes", "What holds for a class and all that extend it", "class: see below"),
)  # fmt: skip
STOP_LIST = (
    Field("limit", "A value that more records than this carry identifies nobody, unless a person"
          " decided on another limit", "a whole number from 2 to 1000000"),
)  # fmt: skip
CLASS = (
    Field("retire_after", "Time for which a thing is missing before it is retired", "a time"),
    Field("identity", "What of the identifying values counts", "see below"),
    Field("attributes", "Whose word about an attribute wins", "name of the attribute: see below"),
)
IDENTITY = (
    Field("order", "Keys of which a thing has one value, the strongest first; at Device only",
          "a list of all of them"),
    Field("off", "Keys that do not count in statements of this class", "a list of keys"),
    Field("placeholders", "More values that identify nobody", "key: a list of values"),
)  # fmt: skip
ATTRIBUTE = (
    Field("order", "Sources, the most trusted first; others come after, by name. A single source"
          " is written kind/instance",
          "a list; each `source`, or `source: time` after which its word is stale"),
    Field("rule", "How the winner is chosen among fresh words; the order settles what is even",
          ", ".join(f"`{name}`" for name in RULES)),
    Field("empty", "What it means that a source looked and found nothing",
          ", ".join(f"`{name}`" for name in EMPTY)),
    Field("compare", "Form in which two values are compared",
          ", ".join(f"`{name}`" for name in FORMS)),
    Field("tolerance", "By how much numbers may differ and be the same",
          "a number in the attribute's unit, or a share such as `2 %`"),
)  # fmt: skip
SECTIONS: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    ("The file", "", TOP),
    ("stop_list", "stop_list", STOP_LIST),
    ("A class", "classes.NAME", CLASS),
    ("identity", "classes.NAME.identity", IDENTITY),
    ("An attribute", "classes.NAME.attributes.NAME", ATTRIBUTE),
)
UNITS_HOURS = {"hour": 1, "day": 24, "week": 7 * 24, "year": 365 * 24}
"""Words of times, with or without an s."""
