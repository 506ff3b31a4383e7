"""Lines of the import form that do not hold to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collector.sources.lines import BadLine, parse


def line(**fields: Any) -> str:
    return json.dumps(
        {
            "type": "observation",
            "at": "2026-01-05T08:00:00Z",
            "source": {"kind": "import", "instance": "list"},
            "scope": "hq",
            "native_key": "pc-1",
            "full": True,
        }
        | fields
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"attributes": {"memory_bytes": 10**400}}, "memory_bytes is no number, or larger"),
        ({"attributes": {"memory_bytes": -(10**400)}}, "memory_bytes is no number, or larger"),
        ({"attributes": {"memory_bytes": 10**30}}, "memory_bytes is no number, or larger"),
        ({"at": "9999-12-31T00:00:00Z"}, "lies outside 1970"),
        ({"scope": "demo"}, "belong to the sample estate"),
        ({"source": {"kind": "demo", "instance": "x"}}, "belong to the sample estate"),
        ({"services": [{"port": 22, "process": ["a"]}]}, "must be a text"),
        ({"connections": [{"port": 1, "server_port": 10**30}]}, "no number, or larger"),
        ({"attributes": {"name": "x" * 5000}}, "longer than"),
        ({"surprise": 1}, "unknown field"),
        ({"class": "a b"}, "no name of a class"),
    ],
)
def test_a_bad_line_is_refused_with_its_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadLine, match=reason):
        parse(line(**fields))


def test_an_infinite_number_is_none() -> None:
    text = line(attributes={"memory_bytes": 1}).replace(
        '"memory_bytes": 1', '"memory_bytes": 1e999'
    )
    with pytest.raises(BadLine, match="no number"):
        parse(text)


@pytest.mark.parametrize("text", ["inf", "nan", "9" * 4000, "-inf", ""])
def test_texts_that_are_no_numbers_have_no_form(text: str) -> None:
    from reconcile.normalise.forms import number, size_bytes

    assert number(text) is None
    assert size_bytes(text) is None
