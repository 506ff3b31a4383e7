"""From rules to a complete file that reads back as the same rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

from cmdb.model.classes import WHOLE_CLASSES
from cmdb.model.declare import Attribute, CIClass, Rank, Tolerance
from reconcile.account import UNKNOWN_CLASS
from reconcile.evidence import KEYS
from reconcile.keys import goes_by_native_key, of_one_space
from reconcile.rules.model import VALUED, Rules, Weight
from reconcile.rules.schema import NEVER

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/.-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off"})


def text_of(rules: Rules) -> str:
    """The file, with every rule that holds."""
    return "\n".join(_lines(rules)) + "\n"


def time(after: timedelta | None) -> str:
    """A time as a file has it."""
    if after is None:
        return NEVER
    hours = int(after.total_seconds()) // 3600
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{count} {unit}" + ("" if count == 1 else "s")


def tolerance(allowed: Tolerance | None) -> str:
    """A tolerance as a file has it; nothing for none."""
    if allowed is None:
        return ""
    if allowed.relative:
        return f"{_number(allowed.amount * 100)} %"
    return _number(allowed.amount)


def ranked(rank: Rank) -> str:
    """A source of an order as a file has it."""
    return f"{_quoted(str(rank))}: {time(rank.stale_after)}"


def _lines(rules: Rules) -> Iterator[str]:
    yield "silence:"
    yield from (f"  {kind}: {time(after)}" for kind, after in rules.silence.items())
    yield f"stop_list:\n  limit: {rules.crowded}"
    yield "classes:"
    for cls in WHOLE_CLASSES:
        yield from _class(rules, cls)


def _class(rules: Rules, cls: CIClass) -> Iterator[str]:
    told = [
        *_retirement(rules, cls),
        *_identity(rules, cls),
        *_attributes(rules, cls),
    ]
    if told:
        yield f"  {cls.name}:"
        yield from told


def _retirement(rules: Rules, cls: CIClass) -> Iterator[str]:
    # Without a rule each class has its own time: it does not inherit that of a declaration.
    yield f"    retire_after: {time(rules.retire_after(cls.name))}"


def _identity(rules: Rules, cls: CIClass) -> Iterator[str]:
    if goes_by_native_key(cls.lineage()[-1]):
        return
    own, above = rules.weight(cls.name), Weight()
    if cls.extends is not None:
        above = rules.weight(cls.extends.name)
    off, values = own.off - above.off, own.placeholders - above.placeholders
    told = [f"      order: [{', '.join(rules.order)}]"] if cls.name == UNKNOWN_CLASS else []
    if off:
        told.append(f"      off: [{', '.join(name for name in KEYS if name in off)}]")
    if values:
        told.append("      placeholders:")
        told += _placeholders(values)
    if told:
        yield "    identity:"
        yield from told


def _placeholders(values: frozenset[tuple[str, str]]) -> Iterator[str]:
    done: set[str] = set()
    for name in VALUED:
        # Keys of one space share their values: one of them names them for all.
        if name not in done:
            done.update(of_one_space(name))
            found = sorted(value for key, value in values if key == name)
            if found:
                yield f"        {name}:"
                yield from (f"          - {json.dumps(value)}" for value in found)


def _attributes(rules: Rules, cls: CIClass) -> Iterator[str]:
    above = {each.name: each for each in rules.attributes(cls.extends.name)} if cls.extends else {}
    differing = [each for each in rules.attributes(cls.name) if above.get(each.name) != each]
    if differing:
        yield "    attributes:"
    for attribute in differing:
        yield f"      {attribute.name}:"
        yield from (f"        {line}" for line in _attribute(attribute))


def _attribute(attribute: Attribute) -> Iterator[str]:
    authority = attribute.authority
    yield "order:"
    yield from (f"  - {ranked(rank)}" for rank in authority.ranks)
    yield f"rule: {authority.rule.value}"
    yield f"empty: {authority.empty.value}"
    yield f"compare: {attribute.normal}"
    if authority.tolerance is not None:
        yield f"tolerance: {tolerance(authority.tolerance)}"


def _number(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=True)
