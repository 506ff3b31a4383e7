"""Rules, versions and problems as people and scripts read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME, WHOLE_CLASSES
from cmdb.model.declare import Attribute
from cmdb.store.port import Record
from reconcile.decisions import FILE, RULES, decided, rules_in_force, undone, versions
from reconcile.rules import carry_out
from reconcile.rules.identity import identity_rules
from reconcile.rules.model import Rules
from reconcile.rules.nodes import Problem
from reconcile.rules.read import load
from reconcile.rules.write import ranked, time, tolerance


@dataclass(frozen=True)
class RuleView:
    """A rule about a class, a kind of source or all of the estate."""

    about: str
    """A class, a kind of source, or nothing."""
    rule: str
    value: str
    origin: str
    """Where it comes from: default, or a line of the rules in force."""


@dataclass(frozen=True)
class ValueRuleView:
    """How the value of an attribute is chosen."""

    cls: str
    attribute: str
    order: tuple[str, ...]
    """Sources, the most trusted first, each with the time after which its word is stale."""
    rule: str
    empty: str
    compare: str
    tolerance: str
    origin: str


@dataclass(frozen=True)
class WorkView:
    """Rules that are being carried out on the estate."""

    version: int
    done: int
    total: int
    """Records and assets to go over."""


@dataclass(frozen=True)
class ProblemView:
    """What is wrong in a file."""

    line: int
    column: int
    text: str


@dataclass(frozen=True)
class RulesView:
    """The rules in force."""

    version: int
    """0: those that are shipped."""
    rules: tuple[RuleView, ...]
    values: tuple[ValueRuleView, ...]
    problems: tuple[ProblemView, ...]
    """What of the file in force this version of the product cannot read, and leaves out."""
    work: WorkView | None


@dataclass(frozen=True)
class VersionView:
    """A version of the rules."""

    version: int
    decision: int
    """Its number among all decisions."""
    at: datetime
    by: str
    note: str
    file: str
    in_force: bool
    undone_by: int | None
    """The decision that took it back."""


def shown(record: Record, cls: str | None = None) -> RulesView:
    """The rules in force; with a class all that holds for it, inherited rules too."""
    rules = decided(record.ledger.decisions()).rules
    names = [each.name for each in WHOLE_CLASSES] if cls is None else [cls]
    holding = rules_in_force(record.ledger.decisions())
    problems = load(holding[1].extra[RULES]).problems if holding else ()
    return RulesView(
        rules.version,
        tuple(_general(rules, names, all_=cls is None)),
        tuple(row for name in names for row in _values(rules, name, whole=cls is not None)),
        told(problems),
        work(record),
    )


def told(problems: tuple[Problem, ...]) -> tuple[ProblemView, ...]:
    """Problems as answers hold them."""
    return tuple(ProblemView(each.line, each.column, each.text) for each in problems)


def work(record: Record) -> WorkView | None:
    """What is still to be gone over."""
    left = carry_out.pending(record)
    return None if left is None else WorkView(left.version, left.done, left.total)


def version_list(record: Record) -> tuple[VersionView, ...]:
    """All versions, newest first."""
    every = record.ledger.decisions()
    numbers, gone, holding = versions(every), undone(every), rules_in_force(every)
    found = [
        VersionView(
            numbers[number],
            number,
            each.at,
            each.by,
            each.note,
            each.extra.get(FILE, ""),
            holding is not None and holding[0] == number,
            gone.get(number),
        )
        for number, each in every
        if each.act == RULES
    ]
    return tuple(reversed(found))


def _general(rules: Rules, names: list[str], *, all_: bool) -> Iterator[RuleView]:
    if all_:
        for kind, after in rules.silence.items():
            yield RuleView(kind, "silence", time(after), rules.origin("silence", kind))
        origin = rules.origin("stop_list", "limit")
        yield RuleView("", "stop-list limit", str(rules.crowded), origin)
    for name in names:
        origin = rules.origin_of_retirement(name)
        yield RuleView(name, "retire after", time(rules.retire_after(name)), origin)
        for each in identity_rules(rules, name):
            yield RuleView(name, each.what, each.value, each.origin)


def _values(rules: Rules, cls: str, *, whole: bool) -> Iterator[ValueRuleView]:
    parent = CLASS_BY_NAME[cls].extends
    above = {} if whole or parent is None else {a.name: a for a in rules.attributes(parent.name)}
    for attribute in rules.attributes(cls):
        if above.get(attribute.name) != attribute:
            yield _value(rules, cls, attribute)


def _value(rules: Rules, cls: str, attribute: Attribute) -> ValueRuleView:
    authority = attribute.authority
    return ValueRuleView(
        cls,
        attribute.name,
        tuple(map(ranked, authority.ranks)),
        authority.rule.value,
        authority.empty.value,
        attribute.normal,
        tolerance(authority.tolerance),
        rules.origin_of(cls, attribute.name),
    )
