"""What became different in the estate, by the change feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.query.estate_diff import EstateDifferences, NamedAsset, Only, estate_differences
from cmdb.store.sqlite.record import open_record
from collector.moments import believed
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

COMPUTER: dict[str, Any] = {"class": "Computer"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def pc(key: str, at: int, kind: str = "agent", **attributes: object) -> dict[str, object]:
    told = {"name": key, "owner": "ops", **attributes}
    return observation(kind, key, at, **COMPUTER, attributes=told)


def test_it_tells_what_is_not_as_it_was(engine: Engine) -> None:
    engine.tell(pc("a", 0, system_serial="SERIAL1"), pc("b", 0, system_serial="SERIAL2"))
    engine.tell(pc("c", 5, system_serial="SERIAL3"), pc("a", 5, owner="sales"))
    found = estate_differences(engine.record, START, START + timedelta(hours=5))
    assert [row.name for row in found.created] == ["c"]
    assert (found.gone_total, found.joined_total, found.changed_total) == (0, 0, 1)
    assert {(row.cls, row.what): row.assets for row in found.changed} == {
        ("Computer", "owner"): 1,
        ("Computer", "system_serial"): 1,
    }
    assert found.notes == ()


def test_what_changed_back_is_no_difference(engine: Engine) -> None:
    engine.tell(pc("a", 0), pc("a", 1, owner="sales"), pc("a", 2))
    found = estate_differences(engine.record, START, START + timedelta(hours=2))
    assert (found.created_total, found.changed_total, found.changed) == (0, 0, ())
    half = estate_differences(engine.record, START, START + timedelta(hours=1))
    assert [(row.what, row.assets) for row in half.changed] == [("owner", 1)]


def test_joined_assets_are_told_with_what_they_became(engine: Engine) -> None:
    engine.tell(pc("a", 0), pc("b", 0, kind="import"))
    first, second = engine.find("a").id, engine.find("b").id
    engine.tell(pc("a", 3, system_serial="SERIAL1"), pc("b", 4, "import", system_serial="SERIAL1"))
    assert engine.find(f"ci-{second}").id == first
    found = estate_differences(engine.record, START, START + timedelta(hours=4))
    assert [(row.asset, row.into) for row in found.joined] == [(f"ci-{second}", f"ci-{first}")]
    assert found.gone_total == 0


def test_what_came_and_went_in_between_is_neither(engine: Engine) -> None:
    engine.tell(pc("a", 0))
    engine.tell(observation("agent", "b", 1, scope="lab", attributes={"name": "b"}))
    engine.pipeline.erase_scope("lab", START + timedelta(hours=2))
    found = estate_differences(engine.record, START, START + timedelta(hours=2))
    assert (found.created_total, found.gone_total) == (0, 0)
    later = estate_differences(
        engine.record, START + timedelta(hours=1), START + timedelta(hours=2)
    )
    assert later.gone_total == 1


def test_an_asset_that_is_none_any_more_is_named_as_it_was(engine: Engine) -> None:
    engine.tell(
        observation("agent", "a", 0, **COMPUTER, attributes={"name": "alpha"}),
        observation("import", "b", 1, attributes={"name": "beta"}),
    )
    one, two = engine.find("alpha").id, engine.find("beta").id
    engine.tell(person("same", 5, ref("agent", "a"), ref("import", "b"), sides=1))
    formerly = believed(engine.record, engine.now)

    def between(first: int, second: int, cls: str = "") -> EstateDifferences:
        begin, end = (START + timedelta(hours=hours) for hours in (first, second))
        return estate_differences(engine.record, begin, end, Only(cls), formerly=formerly)

    was = NamedAsset(f"ci-{two}", "beta", "Device", f"ci-{one}")
    assert between(2, 6).joined == (was,)
    assert between(2, 6, "Device").joined == (was,)
    assert between(2, 6, "Computer").joined == ()
    assert [row.name for row in between(-1, 2).created] == ["alpha", "beta"], "joined later"
    assert [row.cls for row in between(-1, 2).created] == ["Computer", "Device"]
