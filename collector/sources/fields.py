"""Fields of a line, checked one by one: what is wrong is told with the field's path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from cmdb.model.declare import SOURCE_KINDS
from cmdb.model.instants import NoZone, read_instant
from cmdb.model.observation import Json, RecordKey, Source

Object = Mapping[str, Json]

MOST_NUMBER = 2**63 - 1
"""Largest whole number that every store and client can hold."""
_SAMPLE = "demo"
_YEARS = range(1970, 2200)
_MOST_ROWS = 50_000
_LONGEST_TEXT = 4_096
_LONGEST_KEY = 512
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""NUL, and halves of pairs that UTF-16 writes."""


class BadLine(ValueError):
    """The line does not hold to the form; the message says which field and why."""


def record_key(line: Object) -> RecordKey:
    """The record that a line or a person speaks of."""
    who, scope = source(line.get("source"), "source"), key(line.get("scope"), "scope")
    if _SAMPLE in {scope, who.kind}:
        raise BadLine("scope and source kind 'demo' belong to the sample estate; name another")
    return RecordKey(
        who,
        scope,
        key(line.get("native_key"), "native_key"),
    )


def source(value: Json, where: str) -> Source:
    """Who speaks."""
    source = object_(value, where)
    kind = text(source.get("kind"), f"{where}.kind")
    if kind not in SOURCE_KINDS:
        raise BadLine(f"{where}.kind {kind!r} is not one of {', '.join(SOURCE_KINDS)}")
    return Source(kind, key(source.get("instance"), f"{where}.instance"))


def key(value: Json, where: str) -> str:
    """A text that identifies: not empty, and not long."""
    found = text(value, where)
    if not found or len(found.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        raise BadLine(f"{where} must be 1 to {_LONGEST_KEY} bytes long")
    return found


def text(value: Json, where: str) -> str:
    """A text of bounded length."""
    if not isinstance(value, str):
        raise BadLine(f"{where} must be a text" if value is not None else f"{where} is missing")
    if len(value) > _LONGEST_TEXT:
        raise BadLine(f"{where} is longer than {_LONGEST_TEXT} characters")
    if _NO_TEXT.search(value):
        raise BadLine(f"{where} holds a character that is no text")
    return value


def object_(value: Json, where: str) -> Object:
    """An object."""
    if not isinstance(value, dict):
        raise BadLine(f"{where} must be an object" if value is not None else f"{where} is missing")
    return value


def number(value: int | float, where: str) -> None:
    """A number that is one, and not too large."""
    # Compared first: a whole number may be too long for what asks whether it is one.
    if not abs(value) <= MOST_NUMBER:
        raise BadLine(f"{where} is no number, or larger than {MOST_NUMBER}")


def list_(line: Object, name: str) -> list[Json]:
    """A list of bounded length; empty where the field is absent or null."""
    value = line.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadLine(f"{name} must be a list")
    if len(value) > _MOST_ROWS:
        raise BadLine(f"{name} has more than {_MOST_ROWS} entries")
    return value


def instant(line: Object, name: str) -> datetime:
    """An instant, in UTC."""
    value = line.get(name)
    if not isinstance(value, str):
        raise BadLine(f"{name} must be an instant such as 2026-01-31T12:00:00Z")
    try:
        at = read_instant(value)
    except NoZone as error:
        raise BadLine(f"{name}: {error}") from error
    except ValueError as error:
        raise BadLine(f"{name}: {value!r} is no instant in RFC 3339") from error
    if at.year not in _YEARS:
        raise BadLine(f"{name}: {value!r} lies outside {_YEARS.start} to {_YEARS.stop - 1}")
    return at
