"""Two machines by turns under one native key: the past is the same in every order of arrival."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import open_record
from reconcile.past_record import opened
from tests.reconcile.history import START, Engine, observation

Line = dict[str, Any]
DAY = timedelta(days=1)
LAST = (START + 60 * DAY).isoformat()


def _turn(day: int, name: str, serial: str) -> Line:
    values = {"name": name, "system_serial": serial}
    fields: Line = {"class": "Computer", "attributes": values}
    told = observation("agent", "k1", day * 24, **fields)
    return {**told, "at": LAST}


HISTORY = [
    _turn(0, "oldbox", "OLD-1"),
    _turn(14, "newbox", "NEW-2"),
    _turn(31, "oldbox", "OLD-1"),
    _turn(45, "newbox", "NEW-2"),
]


@pytest.mark.parametrize("day", [5, 20, 35, 50])
def test_in_every_order(day: int, tmp_path: Path) -> None:
    found = []
    for number, order in enumerate(permutations(HISTORY)):
        record = open_record(tmp_path / f"{number}.db")
        engine = Engine(record).tell(*order)
        with opened(record, START + day * DAY, None, engine.now) as past:
            found.append(
                sorted((row.name, row.cls) for row in past.view.all_assets() if not row.parent)
            )
        record.close()
    names = ["oldbox"] if day < 14 else ["newbox", "oldbox"]
    assert all(each == [(name, "Computer") for name in names] for each in found), found
