"""View models into JSON, the one way: for the command line, REST and exports alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

from cmdb.model.observation import Json


def to_json(value: object) -> Json:
    """The value as JSON can say it.

    Instants are RFC 3339 in UTC with a Z, durations seconds, enums their value, bytes hex,
    dataclasses objects of their fields in order, other collections lists (sets sorted).

    Raises:
        TypeError: something in it is none of these.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {_key(key): to_json(held) for key, held in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_json(getattr(value, field.name)) for field in fields}
    return _scalar(value)


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with a Z; parts of a second only where there are any."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text}Z"


def _scalar(value: object) -> Json:
    match value:
        case datetime():
            return instant(value)
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case frozenset() | set():
            return [to_json(held) for held in sorted(value)]
        case Collection():
            return [to_json(held) for held in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _key(key: object) -> str:
    text = to_json(key)
    return text if isinstance(text, str) else str(text)
