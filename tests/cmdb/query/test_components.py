"""A part inside a thing is there once, however many sources list it and however they write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cmdb.query.components import each_once
from cmdb.query.models import SectionView

AT = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def _said(kind: str, *lists: list[Row]) -> list[list[Row]]:
    sections = [SectionView(kind, "agent", f"a{n}", AT, tuple(r)) for n, r in enumerate(lists)]
    return [[dict(row) for row in section.rows] for section in each_once(sections)]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("interfaces", {"name": "eth0", "mac": "3c:52:82:aa:00:01"},
         {"name": "ETH0", "mac": "3C-52-82-AA-00-01", "speed_bps": 7}),
        ("disks", {"name": "sda", "serial": "S6E 1"}, {"serial": "s6e1", "speed_bps": 7}),
        ("components", {"kind": "memory", "slot": "A1"},
         {"kind": "memory", "slot": "a1", "serial": "M1", "speed_bps": 7}),
        ("components", {"kind": "memory", "serial": "M1"},
         {"kind": "memory", "serial": "m1", "speed_bps": 7}),
    ],
)  # fmt: skip
def test_one_part_told_twice(kind: str, one: Row, other: Row) -> None:
    assert _said(kind, [one], [other]) == [[{**other, **one}]]
    assert _said(kind, [one, other]) == [[{**other, **one}]]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        # A bridge, a bond or a VLAN has the address of its adapter.
        ("interfaces", {"name": "eth0", "mac": "3c:52:82:aa:00:01"},
         {"name": "br0", "mac": "3c:52:82:aa:00:01"}),
        ("interfaces", {"name": "eth0", "mac": "3c:52:82:aa:00:01"},
         {"name": "eth0", "mac": "3c:52:82:aa:00:02"}),
        ("disks", {"name": "sda", "serial": "S1"}, {"name": "sda", "serial": "S2"}),
        ("disks", {"name": "sda", "kind": "disk", "serial": "S1"},
         {"name": "sda1", "kind": "part", "serial": "S1"}),
        ("components", {"kind": "memory", "slot": "1"}, {"kind": "psu", "slot": "1"}),
        ("components", {"kind": "memory"}, {"kind": "memory"}),
    ],
)  # fmt: skip
def test_two_parts(kind: str, one: Row, other: Row) -> None:
    assert _said(kind, [one], [other]) == [[one], [other]]


def test_an_empty_list_says_so_and_other_lists_stay_whole() -> None:
    assert _said("disks", [], [{"name": "sda"}]) == [[], [{"name": "sda"}]]
    assert _said("users", [{"name": "ann"}], [{"name": "ann"}]) == [[{"name": "ann"}]] * 2
