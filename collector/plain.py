"""Frozen dataclasses as plain JSON and back, by their type hints.

For the door between processes of one home and for rows of journal.db; not a public form. Knows
nothing of what the classes mean.
"""

# ruff: noqa: ANN401  # JSON has no narrower type than Any; it does not leave this module.

import base64
import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


class NotPlain(ValueError):
    """The JSON is not of the class that was asked for."""


def encode(value: object) -> bytes:
    """The JSON of a dataclass, or of a tuple of them."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()


def decode(kind: type[T], data: bytes | str) -> T:
    """The value of `kind` that the JSON tells.

    Raises:
        NotPlain: it tells something else.
    """
    try:
        return cast("T", _typed(kind, json.loads(data)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotPlain(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def _typed(kind: Any, data: Any) -> Any:
    if kind is object:
        return data
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if data is None else _typed(inner, data)
    if origin in (tuple, frozenset):
        return origin(_typed(arguments[0], item) for item in data)
    if origin is not None:  # Mapping[str, X]
        return {key: _typed(arguments[1], item) for key, item in data.items()}
    if dataclasses.is_dataclass(kind):
        hints = _hints(cast("type", kind))
        return cast("Any", kind)(**{name: _typed(hints[name], item) for name, item in data.items()})
    return _typed_scalar(kind, data)


def _typed_scalar(kind: Any, data: Any) -> Any:
    if kind is bytes:
        return base64.b64decode(data, validate=True)
    if kind is datetime:
        return datetime.fromisoformat(data)
    if kind is timedelta:
        return timedelta(seconds=data)
    if issubclass(kind, StrEnum):
        return kind(data)
    if not isinstance(data, kind) and not (kind is float and isinstance(data, int)):
        raise TypeError(f"{data!r} is not {kind.__name__}")
    return data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def called(function: Callable[..., object], data: bytes) -> object:
    """What a function returns for the arguments that a JSON object gives by name.

    Raises:
        NotPlain: they are not its arguments.
    """
    hints = typing.get_type_hints(function)
    try:
        given = json.loads(data)
        arguments = {name: _typed(hints[name], item) for name, item in given.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotPlain(f"not the arguments of {function.__name__}: {error}") from error
    return function(**arguments)
