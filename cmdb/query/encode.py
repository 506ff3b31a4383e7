"""View models into JSON, the one way: for the command line, REST and exports alike.

An answer is thousands of small values, so each class of values is looked at once: what its fields
are declared to be tells which of them are JSON as they stand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import cast

from cmdb.model.observation import Json

_PLAIN = frozenset({str, int, float, bool, type(None)})
_PLAIN_FIELDS = frozenset(
    {name + more for name in ("str", "int", "float", "bool") for more in ("", " | None")}
)
_ROWS_FIELD = "tuple[Mapping[str, Json], ...]"
JSON_FIELDS = frozenset({"Json", "Mapping[str, Json]", _ROWS_FIELD})
"""How fields are declared that hold JSON as it stands."""
_JSON = frozenset({dict, list}) | _PLAIN
_Encoder = Callable[[object], Json]
_known: dict[type, _Encoder] = {}


def to_json(value: object) -> Json:
    """The value as JSON can say it; parts of it that are JSON are not copied.

    Instants are RFC 3339 in UTC with a Z, durations seconds, enums their value, bytes hex,
    dataclasses objects of their fields in order, other collections lists (sets sorted).

    Raises:
        TypeError: something in it is none of these.
    """
    kind = type(value)
    if kind in _PLAIN:
        return cast("Json", value)
    encoder = _known.get(kind)
    if encoder is None:
        encoder = _known[kind] = _encoder(kind)
    return encoder(value)


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with a Z; parts of a second only where there are any."""
    text = at.isoformat() if at.tzinfo is UTC else at.astimezone(UTC).isoformat()
    return f"{text[:-6]}Z"


def _encoder(kind: type) -> _Encoder:
    """Makes JSON of the values of a class; found by what the class is first of."""
    if dataclasses.is_dataclass(kind) and not issubclass(kind, Enum | Mapping):
        return _of_dataclass(kind)
    for base, encoder in _ENCODERS:
        if issubclass(kind, base):
            return encoder
    raise TypeError(f"{kind.__name__} has no form in JSON")


def _of_dataclass(kind: type) -> _Encoder:
    encoders = [(field.name, _of_field(str(field.type))) for field in dataclasses.fields(kind)]

    def encode(value: object) -> Json:
        return {name: encoder(getattr(value, name)) for name, encoder in encoders}

    return encode


def _of_field(declared: str) -> _Encoder:
    """By the words of its declaration, which annotations are."""
    if declared in _PLAIN_FIELDS:
        return _as_it_stands
    if declared == _ROWS_FIELD:
        return _rows
    return _json if declared in JSON_FIELDS else to_json


def _as_it_stands(value: object) -> Json:
    return cast("Json", value)


def _json(value: object) -> Json:
    return cast("Json", value) if type(value) in _JSON else to_json(value)


def _rows(value: object) -> Json:
    return list(map(_json, cast("Collection[object]", value)))


def _mapping(value: object) -> Json:
    return {
        key if type(key) is str else _key(key): to_json(held)
        for key, held in cast("Mapping[object, object]", value).items()
    }


def _list(value: object) -> Json:
    return [to_json(held) for held in cast("Collection[object]", value)]


def _set(value: object) -> Json:
    return [to_json(held) for held in sorted(cast("Collection[str]", value))]


_ENCODERS: tuple[tuple[type, _Encoder], ...] = (
    (Enum, lambda value: to_json(cast("Enum", value).value)),
    (bool, _as_it_stands),
    (int, _as_it_stands),
    (float, _as_it_stands),
    (str, _as_it_stands),
    (Mapping, _mapping),
    (datetime, lambda value: instant(cast("datetime", value))),
    (timedelta, lambda value: cast("timedelta", value).total_seconds()),
    (bytes, lambda value: cast("bytes", value).hex()),
    (frozenset, _set),
    (set, _set),
    (Collection, _list),
)
"""The first that fits counts."""


def _key(key: object) -> str:
    text = to_json(key)
    return text if isinstance(text, str) else str(text)
