"""One value on several, and nothing else in common: apart, with a question where two have it.

And what looks like it and is one machine: it shares a name, an adapter or a second number. Each
history is also told late and twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from reconcile.twins import questions
from tests.reconcile.history import Engine
from tests.reconcile.test_strangers import (
    CHEAP,
    DONGLE,
    SERIALS,
    UUID,
    WAYS,
    Lines,
    asset_of,
    daily,
    said,
    wired,
)

FILLER = "MAKERDEF01"
LAPTOP: dict[str, Any] = {"name": "v1", "model": "Latitude 5440", "system_serial": SERIALS[0]}
PRINTER: dict[str, Any] = {
    "name": "prn9", "model": "HL-L5100", "cls": "Printer", "system_serial": SERIALS[0],
}  # fmt: skip
STORAGE: dict[str, Any] = {
    "name": "nas9", "model": "DS920", "cls": "Storage", "system_serial": SERIALS[0],
}  # fmt: skip


def computer_and_printer() -> Lines:
    lines = daily("a", range(3), "v1", wired(1), **LAPTOP)
    return lines + [said("b", day, "snmp", "prn", wired(2), **PRINTER) for day in range(3)]


def computer_and_the_row_of_a_store() -> Lines:
    row = said("b", 1, "import", "r", **STORAGE)
    return [*daily("a", range(3), "v1", wired(1), **LAPTOP), row]


def computer_printer_and_row() -> Lines:
    return [*computer_and_printer(), said("c", 1, "import", "r", **STORAGE)]


def two_models_that_are_looked_at() -> Lines:
    other = {**LAPTOP, "name": "v2", "model": "ProDesk 600"}
    lines = daily("a", range(3), "v1", wired(1), **LAPTOP)
    return lines + [said("b", day, "snmp", "v2", wired(2), **other) for day in range(10, 13)]


def rolled_out_on_one_day() -> Lines:
    return [
        said("ab"[n], n / 4, "agent", f"k{n}", wired(n), name=f"n{n}", system_serial=FILLER)
        for n in range(2)
    ]


def rolled_out_in_a_room() -> Lines:
    return [
        said(f"m{n}", n / 12, "agent", f"k{n}", wired(n), name=f"n{n}", system_serial=FILLER)
        for n in range(10)
    ]


def rolled_out_one_a_week() -> Lines:
    return [
        said(f"m{n}", n * 7, "agent", f"k{n}", wired(n), name=f"n{n}", system_serial=FILLER)
        for n in range(4)
    ]


def dongle_alone_by_turns() -> Lines:
    return [
        said("ab"[day % 2], day, "agent", f"k{day % 2}", DONGLE, name=f"n{day % 2}",
             machine_id=f"{day % 2}f1c2b7e90d34a6f8a1b3c5d7e9f0a12", **CHEAP)
        for day in range(6)
    ]  # fmt: skip


def dongle_alone_by_turns_of_three() -> Lines:
    return [
        said(f"m{day % 3}", day, "agent", f"k{day % 3}", DONGLE, name=f"n{day % 3}", **CHEAP)
        for day in range(9)
    ]


def put_right_after_another_machine_had_it() -> Lines:
    """The first number is another machine's: what the row said then was about that one."""
    lines = daily("b", range(6), "k", wired(1), name="pc8", system_serial="EIGHT001")
    lines += daily("a", range(6), "l", wired(2), name="pc9", system_serial="EIGHTO01")
    return [*lines, said("a", 1, "import", "r", name="pc8", system_serial="EIGHTO01")]


def machine_replaced_by_its_sister() -> Lines:
    """The new one came after the row told of the old one, with the next number of the batch."""
    row = {"name": "pc8"}
    return [
        said("a", 0, "import", "r", system_serial="EIGHT001", **row),
        *daily("b", range(4, 8), "k", wired(1), name="pc8", system_serial="EIGHT002"),
        said("b", 6, "import", "r", system_serial="EIGHT002", **row),
    ]


APART: tuple[tuple[Callable[[], Lines], int], ...] = (
    (computer_and_printer, 1), (computer_and_the_row_of_a_store, 1), (computer_printer_and_row, 0),
    (two_models_that_are_looked_at, 1), (rolled_out_on_one_day, 1), (rolled_out_in_a_room, 0),
    (rolled_out_one_a_week, 0), (dongle_alone_by_turns, 1), (dongle_alone_by_turns_of_three, 0),
    (machine_replaced_by_its_sister, 0),
)  # fmt: skip


def one_device_of_three_classes() -> Lines:
    """It routes, keeps files and runs programs: names differ, the adapter is the same."""
    common = {"system_serial": SERIALS[0]}
    return [
        *daily("a", range(3), "k", wired(1), name="box", **common),
        said("a", 1, "snmp", "10.0.1.5", wired(1), name="sw-box", cls="NetworkDevice", **common),
        said("a", 2, "import", "r", name="box", cls="Storage", model="DS920", **common),
    ]


def list_that_spells_the_model_otherwise() -> Lines:
    row = {"name": "old", "system_serial": SERIALS[0], "model": "5440"}
    return [*daily("a", range(3), "k", wired(1), **LAPTOP), said("a", 1, "import", "r", **row)]


def list_with_a_trade_name_and_an_old_name() -> Lines:
    lines = daily("a", range(3), "k", wired(1), name="n1", model="20WM0085GE",
                  system_serial=SERIALS[0])  # fmt: skip
    row = {"name": "old", "system_serial": SERIALS[0], "model": "ThinkPad T14s Gen 2"}
    return [*lines, said("a", 1, "import", "r", **row)]


def image_anew_with_the_adapter() -> Lines:
    old = said("a", 0, "agent", "k1", wired(1), name="n1", system_serial=FILLER)
    new = {"name": "n2", "system_serial": FILLER}
    return [old, said("a", 0.3, "agent", "k2", wired(2), **new),
            said("a", 1, "agent", "k2", wired(1), wired(2), **new)]  # fmt: skip


def image_anew_with_a_second_number() -> Lines:
    numbers = {"system_serial": FILLER, "bios_uuid": UUID}
    return [
        said("a", 0.3 * n, "agent", f"k{n}", wired(n), name=f"n{n}", **numbers) for n in range(2)
    ]


def image_anew_after_years_with_other_adapters() -> Lines:
    old = daily("a", range(5), "k1", wired(1), name="n1", system_serial=SERIALS[0])
    return old + daily("a", range(6, 9), "k2", wired(2), name="n2", system_serial=SERIALS[0])


def image_anew_without_numbers() -> Lines:
    old = daily("a", range(3), "k1", wired(1), name="n1", **CHEAP)
    return old + daily("a", range(4, 7), "k2", wired(1), name="n2", **CHEAP)


def slip_in_a_row_put_right() -> Lines:
    row = {"name": "pc8"}
    return [
        *daily("a", range(7), "k", wired(1), name="pc8", system_serial="EIGHT001"),
        said("a", 1, "import", "r", system_serial="EIGHTO01", **row),
        said("a", 5, "import", "r", system_serial="EIGHT001", **row),
    ]


ONE: tuple[Callable[[], Lines], ...] = (
    one_device_of_three_classes, list_that_spells_the_model_otherwise,
    list_with_a_trade_name_and_an_old_name, image_anew_with_the_adapter,
    image_anew_with_a_second_number, image_anew_after_years_with_other_adapters,
    image_anew_without_numbers, slip_in_a_row_put_right,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("case", "asked"), APART, ids=lambda v: getattr(v, "__name__", str(v)))
def test_several_things_with_one_value(
    engine: Engine, case: Callable[[], Lines], asked: int, way: str
) -> None:
    assets = told(engine, case(), way)
    assert all(len(found) == 1 for found in assets.values()), "one thing is several"
    assert len(set.union(*assets.values())) == len(assets), "several things are one"
    found = questions(engine.record)
    assert len(found) == asked
    assert all(question.suggestion == "different" for question in found)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", ONE, ids=lambda case: case.__name__)
def test_one_thing_that_looks_like_several(
    engine: Engine, case: Callable[[], Lines], way: str
) -> None:
    assets = told(engine, case(), way)
    assert {len(found) for found in assets.values()} == {1}
    assert questions(engine.record) == ()


def test_a_number_that_another_machine_has_is_no_slip(engine: Engine) -> None:
    assets = told(engine, put_right_after_another_machine_had_it(), "in order")
    assert not assets["a"] & assets["b"]


def told(engine: Engine, lines: Lines, way: str) -> dict[str, set[int]]:
    """The assets that each thing's lines are about."""
    ordered = WAYS[way](tuple(sorted(lines, key=lambda line: str(line.said["at"]))))
    engine.tell(*(line.said for line in ordered), group=3)
    assets: dict[str, set[int]] = defaultdict(set)
    for line in ordered:
        assets[line.thing or ""].add(asset_of(engine, line.said))
    return assets
