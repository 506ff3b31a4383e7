"""Lists on the page of an asset: those of the stretches about it, whoever else had the key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.query.assets import asset_page
from cmdb.store.sqlite.record import open_record
from reconcile.past_record import as_record, opened
from tests.reconcile.history import START, Engine, observation


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def report(day: int, which: str) -> dict[str, Any]:
    number = "AB".index(which)
    fields: dict[str, Any] = {
        "class": "Computer",
        "attributes": {"name": f"pc{which}", "system_serial": f"5CG0362KD{which}"},
        "interfaces": [{"name": "eth0", "mac": f"00:16:3e:11:22:0{number}", "kind": "ethernet",
                        "addresses": [f"10.3.0.1{number}/24"]}],
        "disks": [{"name": f"DISK-{which}"}],
    }  # fmt: skip
    return observation("agent", "k", day * 24, **fields)


def shown(record: Any, name: str) -> str:
    page = asset_page(record, name, lambda _: (), START)
    return " ".join(str(dict(row)) for section in page.sections for row in section.rows)


def test_each_has_its_own(engine: Engine) -> None:
    engine.tell(*(report(day, "AB"[day % 2]) for day in range(10)))
    for mine, other in (("A", "B"), ("B", "A")):
        found = shown(engine.record, f"pc{mine}")
        assert f"DISK-{mine}" in found
        assert f"DISK-{other}" not in found


def test_so_it_was_at_a_time(engine: Engine) -> None:
    engine.tell(*(report(day, "AB"[day % 2]) for day in range(10)))
    with opened(engine.record, START + timedelta(days=6, hours=2), None, engine.now) as past:
        assert "DISK-B" in shown(as_record(past), "pcB")
        assert "DISK-A" not in shown(as_record(past), "pcB")


def test_what_was_replaced_keeps_what_it_had(engine: Engine) -> None:
    engine.tell(report(0, "A"), report(1, "A"), report(5, "B"), report(6, "B"))
    assert "DISK-A" in shown(engine.record, "pcA")
    assert "DISK-B" not in shown(engine.record, "pcA")
