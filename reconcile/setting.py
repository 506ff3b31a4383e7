"""Values that people set: read, checked against the declaration, and bound to their asset.

They are said by a record of their own, which follows the asset's oldest record wherever that goes
(reconcile/decisions.py). Authority decides as for any claim: a person's value may lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Attribute, ValueType
from cmdb.model.instants import read_instant
from cmdb.model.observation import (
    Decision,
    Extent,
    Json,
    Observation,
    RecordKey,
    Section,
    SectionKind,
)
from cmdb.query.identity import asset_ref
from cmdb.store.port import AssetId, Record
from reconcile.deciding import DecisionRefused, Word, speaker, whole_asset
from reconcile.decisions import BY_HAND, decided
from reconcile.normalise.forms import written_bytes
from reconcile.set_words import SET, VALUES, said, written
from reconcile.times import Named
from reconcile.typed import fault_of
from reconcile.voices import Voices

_LONGEST = 4_096
_BYTE = "byte"
_SUCH_AS_BYTES = ", such as 8589934592 or 8 GiB"
_MOST_NUMBER = 2**63 - 1
_MOST_RECORDS = 1_000


@dataclass(frozen=True)
class Setting:
    """What is to be journalled, in this order."""

    asset: AssetId
    values: Mapping[str, Json]
    decisions: tuple[Decision, ...]
    """Who set what; before the first, what binds the record to the asset."""
    observations: tuple[Observation, ...]


def set_values(record: Record, ref: str, pairs: Sequence[str], word: Word) -> Setting:
    """A person says what attributes of an asset are.

    Args:
        record: The store.
        ref: The asset.
        pairs: attribute=value, as typed.
        word: Who says so.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: A pair is none, or holds no value of the attribute's type.
    """
    row = whole_asset(record, ref)
    declared = {each.name: each for each in CLASS_BY_NAME[row.cls].all_attributes()}
    values: dict[str, Json] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        name = name.strip()
        if not mark:
            raise DecisionRefused(f"{pair!r} is no attribute=value")
        if name in values:
            raise DecisionRefused(f"{name} is set twice")
        values[name] = value_of(_declared(declared, row.cls, name), text.strip())
    if not values:
        raise DecisionRefused("nothing to set: write attribute=value")
    own = _own(record, row.id)
    if own:
        before = said(record.ledger, own[0])
        set_ = word.says(SET, own[:1], **{VALUES: written(before, values)})
        return Setting(row.id, values, (set_,), (_observation(own[0], values, word.at),))
    leader = speaker(record, row)
    key = _fresh(record, leader.key.scope, row.id)
    bound = word.says("same", (Named(key), leader))
    made = (bound, word.says(SET, (key,), **{VALUES: written({}, values)}))
    return Setting(row.id, values, made, (_observation(key, values, word.at),))


def unset_values(record: Record, ref: str, names: Sequence[str], word: Word) -> Setting:
    """People say nothing of these attributes any more.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: Nobody set one of them.
    """
    row = whole_asset(record, ref)
    claimed = {
        account.row.key: account.claims
        for account in Voices(record.ledger).of(record.ledger.linked(row.id))
        if account.row.key.source == BY_HAND
    }
    made, observations = list[Decision](), list[Observation]()
    for key, claims in claimed.items():
        gone = [name for name in names if name in claims and claims[name].value is not None]
        if gone:
            after = dict[str, Json].fromkeys(gone)
            told = written(said(record.ledger, key), after)
            made.append(word.says(SET, (key,), **{VALUES: told}))
            observations.append(_observation(key, after, word.at))
    taken = {name for each in observations for name in values_in(each)}
    for name in names:
        if name not in taken:
            raise DecisionRefused(f"nobody set {name} of {asset_ref(row.id)} here")
    return Setting(row.id, dict.fromkeys(names), tuple(made), tuple(observations))


def values_in(observation: Observation) -> Mapping[str, Json]:
    """The values of an observation that was made here."""
    value = observation.sections[SectionKind.ATTRIBUTES].value
    assert isinstance(value, dict)
    return value


def value_of(attribute: Attribute, text: str) -> Json:
    """A typed text as a value of an attribute.

    Raises:
        DecisionRefused: It is none.
    """
    if not text:
        raise DecisionRefused(f"{attribute.name} has no value; 'stocktake unset' takes one back")
    if len(text) > _LONGEST:
        raise DecisionRefused(f"{attribute.name} is longer than {_LONGEST} characters")
    try:
        value = _size(text) if attribute.unit == _BYTE else _READERS[attribute.type](text)
    except ValueError as error:
        raise DecisionRefused(_none(attribute, text)) from error
    if not fits(attribute, value):
        raise DecisionRefused(_none(attribute, text))
    if fault := fault_of(attribute.name, value):
        raise DecisionRefused(fault)
    return value


def fits(attribute: Attribute, value: Json) -> bool:
    """Whether a number is one that the attribute can have; True for what is no number."""
    if attribute.span is None or value is None:
        return True
    if isinstance(value, str):
        try:
            value = _READERS[attribute.type](value.strip())
        except ValueError:
            return False
    whole = attribute.type is not ValueType.WHOLE or value == int(cast("float", value))
    return not isinstance(value, bool) and whole and attribute.span.holds(cast("float", value))


def refuse_unfit(values: Mapping[str, Json]) -> None:
    """Refuses what a person says of attributes where no class can have it.

    Raises:
        DecisionRefused: A number is none of its attribute, or a text no UUID or address.
    """
    for name, value in values.items():
        if fault := fault_of(name, value):
            raise DecisionRefused(fault)
        declared = _NUMBERS.get(name, ())
        if declared and not any(fits(attribute, value) for attribute in declared):
            raise DecisionRefused(_none(declared[0], value))


def _none(attribute: Attribute, value: Json) -> str:
    unit = f" of {attribute.unit}s" if attribute.unit else ""
    span = f" {attribute.span}" if attribute.span else ""
    such = _SUCH_AS_BYTES if attribute.unit == _BYTE else ""
    return f"{attribute.name} is a {attribute.type.value}{unit}{span}{such}; {value!r} is none"


def _declared(declared: Mapping[str, Attribute], cls: str, name: str) -> Attribute:
    if name not in declared:
        raise DecisionRefused(f"{cls} has no attribute {name!r}; it has {', '.join(declared)}")
    return declared[name]


def _own(record: Record, asset: AssetId) -> list[RecordKey]:
    """Records of what people set on an asset, the oldest first."""
    links = [link for link in record.ledger.linked(asset) if link.until is None]
    rows = record.ledger.records(link.record for link in links)
    return [row.key for _, row in sorted(rows.items()) if row.key.source == BY_HAND]


def _fresh(record: Record, scope: str, asset: AssetId) -> RecordKey:
    """A name that no record has, nor a decision speaks of."""
    taken = set(decided(record.ledger.decisions()).follows)
    for number in range(1, _MOST_RECORDS):
        name = asset_ref(asset) + (f" ({number})" if number > 1 else "")
        key = RecordKey(BY_HAND, scope, name)
        if key not in taken and record.ledger.record(key) is None:
            return key
    raise DecisionRefused(f"too much was set on {asset_ref(asset)} and moved away again")


def _observation(key: RecordKey, values: Mapping[str, Json], at: datetime) -> Observation:
    section = Section(Extent.PARTIAL, dict(values))
    return Observation(key, at, at, full=False, sections={SectionKind.ATTRIBUTES: section})


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) > _MOST_NUMBER:
        raise ValueError(text)
    return value


def _size(text: str) -> int:
    """A number of bytes, or a size with its unit."""
    size = written_bytes(text) if text[-1:].isalpha() else None
    return _whole(text if size is None else str(size))


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > _MOST_NUMBER:
        raise ValueError(text)
    return value


def _truth(text: str) -> bool:
    found = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
    if found is None:
        raise ValueError(text)
    return found


def _instant(text: str) -> str:
    return read_instant(text).isoformat().replace("+00:00", "Z")


def _text(text: str) -> str:
    if any(0xD800 <= ord(char) <= 0xDFFF or char == "\0" for char in text):  # noqa: PLR2004
        raise ValueError(text)
    return text


_READERS: Mapping[ValueType, Callable[[str], Json]] = {
    ValueType.TEXT: _text,
    ValueType.WHOLE: _whole,
    ValueType.REAL: _real,
    ValueType.TRUTH: _truth,
    ValueType.INSTANT: _instant,
}
_ATTRIBUTES = tuple(a for cls in CLASS_BY_NAME.values() for a in cls.attributes)
_NUMBERS: Mapping[str, tuple[Attribute, ...]] = {
    name: tuple(dict.fromkeys(a for a in _ATTRIBUTES if a.name == name and a.span is not None))
    for name in {a.name for a in _ATTRIBUTES}
}
