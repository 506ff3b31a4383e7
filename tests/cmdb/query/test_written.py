"""An answer over a network says what the command line's JSON says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import NewType

import pytest

from cmdb.model.observation import Json
from cmdb.query.encode import to_json
from cmdb.query.written import to_bytes

AT = datetime(2026, 3, 1, 12, 30, 5, 4000, UTC)
Number = NewType("Number", int)


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    LARGE = 3


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    at: datetime | None
    number: Number
    colour: Colour
    size: Size
    ratio: float
    attributes: Mapping[str, Json]
    below: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Mixed:
    """One whose rows msgspec writes, and that it would write otherwise itself."""

    rows: tuple[Row, ...]
    lag: timedelta
    digest: bytes
    kinds: frozenset[str]
    anything: object


def row(*below: Row, **attributes: Json) -> Row:
    return Row("ä\n\"'</script>", AT, Number(7), Colour.RED, Size.LARGE, 0.25, attributes, below)


ROWS = (
    row(),
    row(row(a=1, b=[None, True, 1.5]), row()),
    Row("x", None, Number(2**63), Colour.RED, Size.LARGE, 1e-7, MappingProxyType({"k": {"v": 1}})),
)
EVERY: list[object] = [
    *ROWS, ROWS, list(ROWS), {"rows": ROWS}, None, "text", 3, True, AT, b"\x01",
    timedelta(minutes=1),
    Mixed(ROWS, timedelta(seconds=90), b"\xff\x00", frozenset({"b", "a"}), ROWS[1]),
    Mixed((), timedelta(0), b"", frozenset(), {"at": AT, "lag": timedelta(1), "set": {"z", "y"}}),
    AT.astimezone(timezone(timedelta(hours=2))),
]  # fmt: skip


@pytest.mark.parametrize("value", EVERY, ids=repr)
def test_it_says_the_same(value: object) -> None:
    told = json.loads(to_bytes(value))
    if isinstance(value, datetime):
        assert datetime.fromisoformat(told) == value
    else:
        assert told == to_json(value)


def test_fields_keep_their_order() -> None:
    for value in (ROWS[0], EVERY[-3]):
        read = json.loads(to_bytes(value), object_pairs_hook=lambda pairs: [n for n, _ in pairs])
        assert read == list(to_json(value) or ())  # type: ignore[arg-type]


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        to_bytes({"a": object()})
    with pytest.raises(UnicodeEncodeError):
        to_bytes("\ud800")
