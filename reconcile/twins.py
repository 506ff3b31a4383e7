"""Questions: two things that may be one, what speaks for either, and what is suggested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from cmdb.model.observation import Decision, Json, RecordKey, Source
from cmdb.query.identity import Question, Side, asset_ref, ref_of
from cmdb.store.port import AssetId, LinkRow, Record
from reconcile.as_told import uuids_told
from reconcile.deciding import UnknownRecord, Word, join
from reconcile.evidence import MODEL, SINGLE
from reconcile.held import Holdings
from reconcile.instants import to_micros
from reconcile.witness import Witness

_NUMBERS = 1_000_000
_SAME, _DIFFERENT = "same", "different"
_HARDWARE = ("bios_uuid", "system_serial", "board_serial", "instance_id", "mac", "machine_id")
"""Values that two machines do not have in common by chance."""
_LABELS: Mapping[str, str] = {
    "bios_uuid": "UUIDs", "system_serial": "serial numbers", "board_serial": "board serial numbers",
    "chassis_serial": "chassis serial numbers", "instance_id": "instance ids", MODEL: "models",
    "name": "names", "mac": "sets of adapters", "machine_id": "machine ids",
}  # fmt: skip
_TOGETHER = {
    "live at once": "both report at the same time",
    "as copies are": "both were first heard within a day",
}
"""By words in the reason of an objection: that two were there at once."""


def questions(record: Record) -> tuple[Question, ...]:
    """All open questions, oldest first."""
    found: dict[frozenset[AssetId], Question] = {}
    taken: set[int] = set()
    for link in record.ledger.twins():
        for rival in _rivals(record, link):
            pair = frozenset({link.asset, rival.asset})
            if len(pair) < 2 or pair in found:  # noqa: PLR2004 - two sides
                continue
            question = _question(record, link, rival, taken)
            taken.add(question.number)
            found[pair] = question
    return tuple(found.values())


def answer(record: Record, number: int, *, same: bool, word: Word) -> Decision:
    """The decision that answers a question.

    Raises:
        UnknownRecord: There is no such question, or no more.
    """
    question = next((each for each in questions(record) if each.number == number), None)
    if question is None:
        raise UnknownRecord(
            f"there is no question {number}, or it was answered; 'stocktake twins' lists them"
        )
    one, two = question.sides
    if same:
        return join(record, (one.asset, two.asset), word)
    return _apart(record, [record.view.find(each.asset).id for each in (one, two)], word)


def _apart(record: Record, assets: Iterable[AssetId], word: Word) -> Decision:
    held = [Holdings(record, asset) for asset in assets]
    left, right = (each.spans(one.key for one in each.every) for each in held)
    return word.says(_DIFFERENT, (*left, *right), sides=str(len(left)))


def _rivals(record: Record, link: LinkRow) -> Iterable[LinkRow]:
    evidence = cast("Mapping[str, Json]", link.evidence or {})
    for written in cast("list[list[str]]", evidence.get("twins") or []):
        kind, instance, scope, native = written
        row = record.ledger.record(RecordKey(Source(kind, instance), scope, native))
        if row is not None:
            stretches = record.ledger.stretches([row.id]).get(row.id, ())
            twins = [each for each in stretches if each.state == "twin"]
            yield from (twins or stretches)[-1:]


def _question(record: Record, link: LinkRow, rival: LinkRow, taken: set[int]) -> Question:
    first, second = sorted((link.asset, rival.asset))
    sides = (_side(record, first), _side(record, second))
    because = tuple(_because(record, (first, second)))
    return Question(_number(sides, taken), sides, because, *suggestion(sides, because))


def _side(record: Record, asset: AssetId) -> Side:
    links = record.ledger.linked(asset)
    rows = record.ledger.records({link.record for link in links})
    keys: dict[str, set[str]] = {}
    as_told = uuids_told(record, links)
    for link in links:
        for name, values in _values(record, link):
            keys.setdefault(name, set()).update(as_told.get(value, value) for value in values)
    row = record.view.asset(asset)
    assert row is not None
    ordered = sorted({rows[link.record].key for link in links})
    return Side(
        asset_ref(asset),
        row.name,
        row.cls,
        row.state,
        row.last_seen,
        tuple(ref_of(key) for key in ordered),
        {name: tuple(sorted(found)) for name, found in sorted(keys.items())},
    )


def _values(record: Record, link: LinkRow) -> Iterable[tuple[str, set[str]]]:
    timeline = Witness(record.ledger).timeline(link.record)
    since = to_micros(link.since)
    until = None if link.until is None else to_micros(link.until)
    for visit in timeline.visits:
        if visit.last >= since and (until is None or visit.first < until):
            for name, values in timeline.evidence(visit).values.items():
                yield name, {value.rpartition("\0")[2] for value in values}


def _because(record: Record, pair: tuple[AssetId, AssetId]) -> Iterable[str]:
    """What the two share, and why it did not count."""
    told: dict[str, None] = {}
    for asset, other in (pair, pair[::-1]):
        theirs = {
            (row.key.source.kind, row.key.source.instance, row.key.scope, row.key.native_key)
            for row in record.ledger.records(
                link.record for link in record.ledger.linked(other)
            ).values()
        }
        links = record.ledger.linked(asset)
        as_told = uuids_told(record, links)
        for link in links:
            evidence = cast("Mapping[str, Json]", link.evidence or {})
            for reason in cast("list[dict[str, Json]]", evidence.get("ignored") or []):
                if tuple(cast("list[str]", reason["record"])) in theirs:
                    form = str(reason["value"]).rpartition("\0")[2]
                    value = as_told.get(form, form)
                    told[f"both give {reason['key']} {value}; {reason.get('why', '')}"] = None
    return told


@dataclass(frozen=True)
class _Case:
    """What is known of the two sides."""

    differing: tuple[str, ...]
    """Keys of which both have values, none in common."""
    shared: tuple[str, ...]
    """Keys of hardware of which they have a value in common."""
    together: str
    """Why both were there at once, or nothing."""


def _different_hardware(case: _Case) -> str:
    return next((f"two {_LABELS[key]}" for key in case.differing if key in SINGLE), "")


def _at_once(case: _Case) -> str:
    if not case.together:
        return ""
    names = ", and two names" if "name" in case.differing else ""
    return f"{case.together}, with other adapters{names}"


def _different_model(case: _Case) -> str:
    return "two models" if MODEL in case.differing else ""


def _same_hardware(case: _Case) -> str:
    return f"they share {' and '.join(case.shared)}" if len(case.shared) > 1 else ""


def _nothing_but(case: _Case) -> str:
    if case.differing in {(), ("name",)}:
        return "nothing but the name differs" if case.differing else "nothing differs"
    return ""


def _otherwise(case: _Case) -> str:
    told = " and ".join(f"two {_LABELS[key]}" for key in case.differing)
    return f"they share one value, and have {told}"


_RULES: tuple[tuple[str, Callable[[_Case], str]], ...] = (
    (_DIFFERENT, _different_hardware),
    (_DIFFERENT, _at_once),
    (_DIFFERENT, _different_model),
    (_SAME, _same_hardware),
    (_SAME, _nothing_but),
    (_DIFFERENT, _otherwise),
)
"""Suggested answers; the first rule that gives a reason gives the answer."""


def suggestion(sides: tuple[Side, Side], because: Iterable[str]) -> tuple[str, str]:
    """The answer that the evidence suggests, and why."""
    one, two = (side.keys for side in sides)
    told = tuple(because)
    case = _Case(
        tuple(key for key in _LABELS if _differ(one, two, key)),
        tuple(key for key in _HARDWARE if set(one.get(key, ())) & set(two.get(key, ()))),
        next((why for words, why in _TOGETHER.items() if any(words in b for b in told)), ""),
    )
    return next((answer, why) for answer, rule in _RULES if (why := rule(case)))


def _differ(
    one: Mapping[str, tuple[str, ...]], two: Mapping[str, tuple[str, ...]], key: str
) -> bool:
    left, right = set(one.get(key, ())), set(two.get(key, ()))
    return bool(left and right) and not left & right


def _number(sides: tuple[Side, Side], taken: set[int]) -> int:
    """Made from the names of records, so that it outlives ids; never one of those taken."""
    text = "\0".join(sorted(str(side.records[0]) for side in sides))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "big") % _NUMBERS + 1
    while number in taken:
        number = number % _NUMBERS + 1
    return number
