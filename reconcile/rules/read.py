"""From a rules file to rules: all that is wrong in it is told at once, each with its line.

What is wrong is left out, and the rest holds: so an estate keeps working where a later version of
the product knows an attribute no more. Whoever puts rules in force refuses files with problems.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import TypeVar

from cmdb.model.classes import CLASS_BY_NAME, WHOLE_CLASSES
from cmdb.model.declare import SOURCE_KINDS, Attribute, Rank, Tolerance, ValueType
from reconcile.account import UNKNOWN_CLASS
from reconcile.evidence import KEYS, SINGLE
from reconcile.keys import goes_by_native_key, of_one_space
from reconcile.normalise.forms import FORMS, mac
from reconcile.rules import schema
from reconcile.rules.model import (
    CROWDED,
    SILENCE,
    SWITCHED,
    VALUED,
    ClassRules,
    Path,
    Rules,
    ValueRule,
)
from reconcile.rules.nodes import (
    MOST_PROBLEMS,
    Entries,
    Items,
    Malformed,
    Node,
    Problem,
    Text,
    decoded,
    tree,
)
from reconcile.rules.shapes import never

T = TypeVar("T")

_TIME = re.compile(r"(\d{1,6}) ?(hour|day|week|year)s?", re.ASCII)
_NUMBER = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?(%?)", re.ASCII)
_MOST_LIMIT = 1_000_000
_OF_PARTS = "{} lie inside machines and have their values from there: no rule changes that"
_MOST_SHOWN = 12


@dataclass(frozen=True)
class Loaded:
    """A file that was read."""

    rules: Rules
    problems: tuple[Problem, ...]
    named: tuple[tuple[int, int, str], ...] = ()
    """Single sources that it names, kind/instance, each with line and column."""


def load(body: bytes | str) -> Loaded:
    """The rules of a file, and all that is wrong in it by line; nothing is raised."""
    try:
        text = decoded(body) if isinstance(body, bytes) else body
    except Malformed as error:
        return Loaded(Rules(), (error.problem,))
    return _loaded(text)


@lru_cache(maxsize=8)
def _loaded(text: str) -> Loaded:
    problems: list[Problem] = []
    try:
        root = tree(text, problems)
    except Malformed as error:
        return Loaded(Rules(), tuple(sorted({*problems, error.problem})))
    reading = _Reading(problems)
    rules = reading.rules(root)
    return Loaded(rules, tuple(sorted(set(problems)))[:MOST_PROBLEMS], tuple(reading.named))


@dataclass
class _Reading:
    """Reads one file; what is wrong is noted and passed over."""

    problems: list[Problem]
    lines: dict[Path, int] = field(default_factory=dict)
    named: list[tuple[int, int, str]] = field(default_factory=list)

    def rules(self, root: Node | None) -> Rules:
        """All of it."""
        silence, crowded, order = dict(SILENCE), CROWDED, SINGLE
        classes: dict[str, ClassRules] = {}
        for key, node in self._entries(root, "the file", _names(schema.TOP)):
            if key.text == "silence":
                silence.update(self._silence(node))
            elif key.text == "stop_list":
                crowded = self._stop_list(node) or CROWDED
            else:
                for name, each in self._entries(node, "classes", tuple(CLASS_BY_NAME), "class"):
                    if CLASS_BY_NAME[name.text] not in WHOLE_CLASSES:
                        self._wrong(name, _OF_PARTS.format(CLASS_BY_NAME[name.text].plural))
                        continue
                    classes[name.text], single = self._class(name.text, each)
                    order = single or order
        return Rules(classes, silence, crowded, order, self.lines)

    def _silence(self, node: Node) -> Iterator[tuple[str, timedelta | None]]:
        for key, each in self._entries(node, "silence", SOURCE_KINDS, "kind of source"):
            found = self._time(each)
            if found is not None:
                self.lines["silence", key.text] = key.line
                yield key.text, found[0]

    def _stop_list(self, node: Node) -> int | None:
        found = None
        for key, each in self._entries(node, "stop_list", _names(schema.STOP_LIST)):
            text = self._text(each)
            if text is None:
                continue
            if text.isascii() and text.isdecimal() and 2 <= int(text[:9]) <= _MOST_LIMIT:  # noqa: PLR2004
                found = int(text[:9])
                self.lines["stop_list", "limit"] = key.line
            else:
                self._wrong(
                    each, f"limit is {text!r}; it is a whole number from 2 to {_MOST_LIMIT}"
                )
        return found

    def _class(self, cls: str, node: Node) -> tuple[ClassRules, tuple[str, ...] | None]:
        at: Path = ("classes", cls)
        rules, order = ClassRules(), None
        for key, each in self._entries(node, cls, _names(schema.CLASS)):
            if key.text == "retire_after":
                time = self._time(each)
                if time is not None:
                    self.lines[(*at, "retire_after")] = key.line
                    rules = replace(rules, retire_after=time[0], retires=time[0] is not None)
            elif key.text == "identity":
                off, placeholders, order = self._identity(cls, each)
                rules = replace(rules, off=off, placeholders=placeholders)
            else:
                rules = replace(rules, values=dict(self._attributes(cls, each)))
        return rules, order

    # Identity

    def _identity(
        self, cls: str, node: Node
    ) -> tuple[frozenset[str], frozenset[tuple[str, str]], tuple[str, ...] | None]:
        if goes_by_native_key(CLASS_BY_NAME[cls].lineage()[-1]):
            self._wrong(node, f"a {cls} goes by the native key of its source: no rule changes that")
            return frozenset(), frozenset(), None
        off: set[str] = set()
        placeholders: set[tuple[str, str]] = set()
        order = None
        for key, each in self._entries(node, "identity", _names(schema.IDENTITY)):
            self.lines["classes", cls, "identity", key.text] = key.line
            if key.text == "off":
                off.update(self._switched_off(each))
            elif key.text == "placeholders":
                placeholders.update(self._placeholders(cls, each))
            else:
                order = self._key_order(cls, key, each)
        return frozenset(off), frozenset(placeholders), order

    def _switched_off(self, node: Node) -> Iterator[str]:
        for each in self._items(node):
            text = self._text(each)
            if text in KEYS and text not in SWITCHED:
                self._wrong(each, f"{text} cannot be switched off: it says where, or by whom")
            elif text is not None and self._known(each, text, SWITCHED, "key"):
                yield text

    def _key_order(self, cls: str, key: Text, node: Node) -> tuple[str, ...] | None:
        if cls != UNKNOWN_CLASS:
            self._wrong(
                key,
                f"things of all kinds of hardware are identified together: give the order at"
                f" {UNKNOWN_CLASS}",
            )
            return None
        named = []
        for each in self._items(node):
            text = self._text(each)
            if text in KEYS and text not in SINGLE:
                self._wrong(
                    each, f"{text} keeps its place: only {', '.join(SINGLE)} can be ordered"
                )
            elif text is not None and self._known(each, text, SINGLE, "key"):
                named.append(text)
        if sorted(named) != sorted(SINGLE):
            self._wrong(node, f"order names each of {', '.join(SINGLE)} once")
            return None
        return tuple(named)

    def _placeholders(self, cls: str, node: Node) -> Iterator[tuple[str, str]]:
        for key, each in self._entries(node, "placeholders", VALUED, "key"):
            declared = KEYS[key.text]
            form = mac if declared.attribute is None else FORMS[declared.normal]
            for item in self._items(each):
                text = self._text(item)
                if text is None:
                    continue
                if reason := never(declared, text):
                    self._wrong(item, f"{_shown(text)} is never a {key.text}: {reason}")
                    continue
                value = form(text)
                # What the product knows as a placeholder by itself may stand in a list.
                if value is not None:
                    self.lines["classes", cls, "identity", "placeholders", key.text, value] = (
                        item.line
                    )
                    for name in of_one_space(key.text):
                        yield name, value

    # Values

    def _attributes(self, cls: str, node: Node) -> Iterator[tuple[str, ValueRule]]:
        declared = {each.name: each for each in CLASS_BY_NAME[cls].all_attributes()}
        what = f"attribute of {cls}"
        for key, each in self._entries(node, "attributes", tuple(declared), what):
            yield key.text, self._value_rule(cls, declared[key.text], each)

    def _value_rule(self, cls: str, attribute: Attribute, node: Node) -> ValueRule:
        found: dict[str, object] = {}
        readers: dict[str, Callable[[Attribute, Node], object | None]] = {
            "order": self._order,
            "rule": self._rule,
            "empty": self._empty,
            "compare": self._compare,
            "tolerance": self._tolerance,
        }
        for key, each in self._entries(node, attribute.name, _names(schema.ATTRIBUTE)):
            value = readers[key.text](attribute, each)
            if value is not None:
                found[key.text] = value
                self.lines["classes", cls, "attributes", attribute.name, key.text] = key.line
        return ValueRule(**found)  # type: ignore[arg-type]

    def _order(self, attribute: Attribute, node: Node) -> tuple[Rank, ...] | None:
        usual = {rank.kind: rank.stale_after for rank in attribute.authority.ranks}
        ranks: list[Rank] = []
        for item in self._items(node):
            pair = self._ranked(item)
            if pair is None:
                continue
            name, time = pair
            kind, mark, instance = name.text.partition("/")
            if not self._known(name, kind, SOURCE_KINDS, "kind of source"):
                continue
            if mark and not instance:
                self._wrong(name, f"{name.text!r} names no source: write kind/instance")
                continue
            if time is None and ": " in instance:
                self._wrong(name, f"{name.text!r} has a time in its name: quote the source alone")
                continue
            after = usual.get(kind) if time is None else time[0]
            rank = Rank(kind, after, instance or None)
            if any(str(rank) == str(other) for other in ranks):
                self._wrong(name, f"{rank} stands in this order already")
                continue
            ranks.append(rank)
            if instance:
                self.named.append((name.line, name.column, f"{kind}/{instance}"))
        return tuple(ranks) or None

    def _ranked(self, item: Node) -> tuple[Text, tuple[timedelta | None] | None] | None:
        """A source, and its time if one is given."""
        if isinstance(item, Text):
            return item, None
        if isinstance(item, Entries) and len(item.entries) == 1:
            name, node = item.entries[0]
            time = self._time(node)
            return None if time is None else (name, time)
        self._wrong(
            item, "an entry of an order is a source, or a source and a time: agent: 30 days"
        )
        return None

    def _rule(self, attribute: Attribute, node: Node) -> object | None:
        found = self._named(node, schema.RULES, "rule")
        numbers = attribute.type in {ValueType.WHOLE, ValueType.REAL}
        if found in schema.SIZED and not numbers:
            self._wrong(node, f"{found.value} is for numbers; {_typed(attribute)}")
            return None
        return found

    def _empty(self, _attribute: Attribute, node: Node) -> object | None:
        return self._named(node, schema.EMPTY, "word for an empty answer")

    def _compare(self, attribute: Attribute, node: Node) -> str | None:
        found = self._named(node, {name: name for name in FORMS}, "normal form")
        fitting = schema.COMPARE[attribute.type]
        if found is not None and found not in fitting:
            self._wrong(node, f"{found} does not fit: {_typed(attribute)}; {_or(fitting)} does")
            return None
        return found

    def _tolerance(self, attribute: Attribute, node: Node) -> Tolerance | None:
        text = self._text(node)
        match = _NUMBER.fullmatch(text or "")
        if text is None:
            return None
        if attribute.type not in {ValueType.WHOLE, ValueType.REAL}:
            self._wrong(node, f"only numbers have a tolerance; {_typed(attribute)}")
            return None
        if match is None or (match[2] and float(match[1]) >= 100):  # noqa: PLR2004 - per cent
            self._wrong(node, f"tolerance is {text!r}; it is a number, or a share below 100 %")
            return None
        amount = float(match[1])
        return Tolerance(amount / 100, relative=True) if match[2] else Tolerance(amount)

    # Plain values

    def _entries(
        self, node: Node | None, where: str, known: Sequence[str], what: str = "name"
    ) -> Iterator[tuple[Text, Node]]:
        """Names that are known with what is said of them."""
        if node is None or (isinstance(node, Text) and not node.text):
            return
        if not isinstance(node, Entries):
            self._wrong(node, f"{where} holds names with values: name: value")
            return
        for key, value in node.entries:
            if self._known(key, key.text, known, what):
                yield key, value

    def _items(self, node: Node) -> Iterator[Node]:
        if isinstance(node, Items):
            yield from node.items
        elif not (isinstance(node, Text) and not node.text):
            self._wrong(node, "a list is wanted here: [one, two], or a dash before each")

    def _text(self, node: Node) -> str | None:
        if isinstance(node, Text) and node.text:
            return node.text
        self._wrong(node, "a value is wanted here")
        return None

    def _named(self, node: Node, known: dict[str, T], what: str) -> T | None:
        text = self._text(node)
        if text is None or not self._known(node, text, tuple(known), what):
            return None
        return known[text]

    def _time(self, node: Node) -> tuple[timedelta | None] | None:
        """A time in a tuple of one: there `never` is None, apart from what is no time."""
        text = self._text(node)
        if text is None:
            return None
        if text == schema.NEVER:
            return (None,)
        match = _TIME.fullmatch(text)
        hours = int(match[1]) * schema.UNITS_HOURS[match[2]] if match else 0
        if not 0 < hours <= schema.FOREVER_YEARS * schema.UNITS_HOURS["year"]:
            self._wrong(
                node,
                f"{_shown(text)} is no time: write 36 hours, 30 days, 2 weeks, 1 year"
                f" (at most {schema.FOREVER_YEARS}), or {schema.NEVER}",
            )
            return None
        return (timedelta(hours=hours),)

    def _known(self, node: Node, text: str, known: Sequence[str], what: str) -> bool:
        if text in known:
            return True
        near = get_close_matches(text[:64], known, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"there is {_or(known)}"
        self._wrong(node, f"unknown {what} {_shown(text)}; {hint}")
        return False

    def _wrong(self, node: Node, text: str) -> None:
        self.problems.append(node.problem(text))


def _names(fields: Sequence[schema.Field]) -> tuple[str, ...]:
    return tuple(each.name for each in fields)


def _or(names: Sequence[str]) -> str:
    more = "" if len(names) <= _MOST_SHOWN else " ..."
    return ", ".join(names[:_MOST_SHOWN]) + more


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else f"{text[:61]}...")  # noqa: PLR2004


def _typed(attribute: Attribute) -> str:
    return f"{attribute.name} is a {attribute.type.value}"
