"""What people set, as decisions: each tells who set what and why, and is undone by itself.

The value is the word of a record (reconcile/setting.py); the decision beside it keeps what that
record said before. Where one is undone the record says again what those that hold leave of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cmdb.model.canonical import decode, encode
from cmdb.model.observation import (
    Decision,
    Extent,
    Json,
    Observation,
    RecordKey,
    Section,
    SectionKind,
)
from cmdb.store.port import Ledger
from reconcile.decisions import spoken_of, standing
from reconcile.sections import read_values

SET = "set"
VALUES = "values"
"""In `extra` of `set`: a JSON object of each attribute with two values, that which the record said
before and that which was set; null: nothing."""

Told = Mapping[str, tuple[Json, Json]]


def written(before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """The field `values` of a decision."""
    return encode({name: [before.get(name), value] for name, value in after.items()}).decode()


def told(text: str) -> Told:
    """What such a field says.

    Raises:
        ValueError: It is none.
    """
    found = decode(text.encode())
    if not isinstance(found, dict) or not found:
        raise ValueError("it is no object of attributes")
    for name, pair in found.items():
        if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - before and after
            raise ValueError(f"{name} has not two values")
    return cast("Told", {name: tuple(cast("list[Json]", pair)) for name, pair in found.items()})


def said(ledger: Ledger, key: RecordKey) -> Mapping[str, Json]:
    """What people have set by a record; None: taken back."""
    row = ledger.record(key)
    section = None if row is None else ledger.section(row.id, SectionKind.ATTRIBUTES)
    return {} if section is None else read_values(section.body).values


def restored(ledger: Ledger, decision: Decision) -> tuple[Observation, ...]:
    """What a record says anew once a word about values that were set is undone, or brought back."""
    every = dict(ledger.decisions())
    about = spoken_of(decision, every)
    if decision.act != "undo" or about is None or about.act != SET:
        return ()
    then = [*every.items(), (max(every) + 1, decision)]
    holding = {number for number, _ in standing(then)}
    now, values = said(ledger, about.records[0]), {}
    for name in told(about.extra[VALUES]):
        words = [
            (number, told(each.extra[VALUES])[name])
            for number, each in every.items()
            if each.act == SET and each.records == about.records
            if name in told(each.extra[VALUES])
        ]
        held = [after for number, (_, after) in words if number in holding]
        value = held[-1] if held else words[0][1][0]
        if now.get(name) != value:
            values[name] = value
    if not values:
        return ()
    section = Section(Extent.PARTIAL, values)
    sections = {SectionKind.ATTRIBUTES: section}
    return (Observation(about.records[0], decision.at, decision.at, full=False, sections=sections),)
