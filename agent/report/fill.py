"""A frozen dataclass into the message whose fields have the same names.

None leaves a field absent (not looked at); an empty text is set (looked at, and nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agent.facts.registry import Facts

_MOST_BYTES = 4096


def fill(message: Message, facts: Facts, most_rows: int) -> tuple[str, ...]:
    """Sets the message's fields; returns what had to be left out, for people."""
    return tuple(_fill(message, facts, most_rows))


def set_instant(target: Timestamp, when: datetime) -> None:
    """Sets an instant to the microsecond."""
    target.FromDatetime(when)


def _fill(message: Message, facts: Facts, most_rows: int) -> Iterator[str]:
    for field in fields(facts):
        value = getattr(facts, field.name)
        if value is None:
            continue
        if isinstance(value, tuple):
            rows = value[:most_rows]
            if len(value) > most_rows:
                yield f"only {most_rows} of {len(value)} {field.name} were kept."
            yield from _extend(message, field.name, rows, most_rows)
        elif isinstance(value, datetime):
            set_instant(getattr(message, field.name), value)
        else:
            yield from _set(message, field.name, value)


def _set(message: Message, name: str, value: str | int) -> Iterator[str]:
    try:
        setattr(message, name, _cut(value) if isinstance(value, str) else value)
    except (
        ValueError
    ):  # A number that the field cannot hold: firmware and captures may say anything.
        yield f"{name} was left out: {value} is out of range."


def _extend(message: Message, name: str, rows: tuple[object, ...], most_rows: int) -> Iterator[str]:
    target = getattr(message, name)
    for row in rows:
        if isinstance(row, str):
            target.append(_cut(row))
        else:
            yield from _fill(target.add(), row, most_rows)  # type: ignore[arg-type]


def _cut(text: str) -> str:
    """Valid UTF-8 of a length that the collector takes."""
    raw = text.encode("utf-8", "replace")
    return raw[:_MOST_BYTES].decode("utf-8", "ignore")
