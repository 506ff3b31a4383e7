"""The change feed in few bytes: what goes in comes out, by asset and in pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.model.observation import Programs
from cmdb.store.sqlite import packed, varints
from cmdb.store.sqlite.record import SqliteRecord, open_record
from cmdb.store.values import AssetId

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE, OTHER = AssetId(1), AssetId(2)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[SqliteRecord]:
    with closing(open_record(tmp_path / "record.db")) as found:
        yield found


def tell(record: SqliteRecord, asset: AssetId, what: str, detail: Any, minute: int = 0) -> None:
    with record.transaction(START + timedelta(minutes=minute)):
        record.view.add_change(asset, what, detail)


def details(
    record: SqliteRecord, asset: AssetId | None, most: int, before: int | None
) -> list[Any]:
    return [change.detail for change in record.view.changes(asset, most, before)]


@given(st.lists(st.integers(0, 2**40)))
def test_numbers_come_back(numbers: list[int]) -> None:
    body = b"?" + varints.write(numbers)
    assert varints.read(body, 1, len(numbers)) == (numbers, len(body))


@pytest.mark.parametrize(
    "detail",
    [
        {}, None, [1, 2], "text", {"attributes": {"owner": ["ops", None]}, "why": "é" * 300},
        {"programs_added": 5}, {"programs_removed": {"count": 2, "names": ["bash 1", "curl 2"]}},
        {"parts_added": ["Service sshd:22"], "programs_added": {"count": 0, "releases": []}},
    ],
)  # fmt: skip
def test_any_detail_comes_back(record: SqliteRecord, detail: Any) -> None:
    tell(record, ONE, "changed", detail)
    (change,) = record.view.changes(ONE, 9, None)
    if isinstance(detail, dict) and "programs_added" in detail and "parts_added" in detail:
        detail = {**detail, "programs_added": {"count": 0, "names": []}}
    assert change.detail == detail
    assert change.at == START


def test_of_programs_the_names_come_back_and_how_many_there_were(record: SqliteRecord) -> None:
    with record.transaction(START):
        ids = record.ledger.intern(
            [Programs("deb", tuple(f"tool-{n:03}\t{n}" for n in range(300)), ())]
        )
    releases = packed.unpack(ids)[0].tolist()
    (each,) = record.history.describe(releases[-1:])
    last = f"{each.name} {each.version}"
    added = {"count": 700, "releases": releases[::-1]}
    removed = {"count": 1, "releases": releases[-1:]}
    tell(
        record, ONE, "changed", {"why": "so", "programs_added": added, "programs_removed": removed}
    )
    (detail,) = details(record, ONE, 9, None)
    assert list(detail) == ["programs_added", "programs_removed", "why"]
    assert detail["programs_added"]["count"] == 700
    assert detail["programs_added"]["names"] == [f"tool-{n:03} {n}" for n in range(300)]
    assert detail["programs_removed"] == {"count": 1, "names": [last]}


def test_words_that_have_no_number_stay_words(record: SqliteRecord) -> None:
    for what in ("created", "changed", "joined", "dissolved", "erased", "rebuilt", "0"):
        tell(record, ONE, what, {})
    told = [change.what for change in record.view.changes(ONE, 9, None)]
    assert told == ["0", "rebuilt", "erased", "dissolved", "joined", "changed", "created"]


def test_the_feed_of_an_asset_is_read_from_any_place(record: SqliteRecord) -> None:
    for minute in range(200):
        tell(record, OTHER if minute % 3 else ONE, "changed", {"minute": minute}, minute)
    mine = [minute for minute in reversed(range(200)) if minute % 3 == 0]
    numbers = {
        change.detail["minute"]: change.sequence  # type: ignore[index,call-overload]
        for change in record.view.changes(None, 500, None)
    }
    for limit in (1, 5, 64, 65, 500):
        for before in (None, 0, 1, 90, 91, 199):
            found = details(record, ONE, limit, None if before is None else numbers[before])
            wanted = [minute for minute in mine if before is None or minute < before][:limit]
            assert [detail["minute"] for detail in found] == wanted
    with record.transaction(START):
        assert record.compaction.changes(START + timedelta(minutes=50), None) == 50
    kept = [detail["minute"] for detail in details(record, ONE, 500, None)]
    assert kept == [minute for minute in mine if minute >= 50]
    with record.transaction(START):
        record.compaction.changes(START + timedelta(days=1), None)
    assert record.view.changes(ONE, 500, None) == ()
    tell(record, ONE, "changed", {"minute": 200}, 200)
    assert details(record, ONE, 9, None) == [{"minute": 200}]
