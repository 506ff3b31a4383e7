"""View models made from a real record, and their one form as JSON."""

import io
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import pytest

from cmdb.query.assets import asset_page, history, list_assets, programs
from cmdb.query.encode import to_json
from cmdb.query.overview import SourceView, overview
from cmdb.query.relations import relations, relations_of
from cmdb.query.table import Cell, csv_lines, neutral, workbook
from cmdb.store.port import Record, Search, UnknownAsset
from reconcile.explain import attributes

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def record(estate: Any) -> Any:
    with estate.reading() as opened:
        yield opened


def page_of(record: Record, ref: str) -> Any:
    return asset_page(record, ref, lambda asset: attributes(record, asset, NOW), NOW)


def test_pages_of_a_list_hold_everything_once(record: Record) -> None:
    seen: list[str] = []
    search = Search(limit=7)
    while True:
        page = list_assets(record.view, search)
        seen += [line.asset for line in page.assets]
        if page.cursor is None:
            break
        search = Search(limit=7, after=page.cursor)
    assert len(seen) == len(set(seen)) == page.total == 60


def test_one_asset_with_all_that_is_known(record: Record) -> None:
    page = page_of(record, "web-007")
    named = {each.name: each for each in page.attributes}
    assert named["memory_bytes"].value == 32 << 30
    assert (named["memory_bytes"].unit, named["memory_bytes"].source_kind) == ("byte", "agent")
    assert [each.name for each in page.attributes][:3] == ["name", "vendor", "model"]
    assert {part.cls for part in page.parts} == {"Service", "Application"}
    assert {each.kind for each in page.sections} == {"interfaces", "disks", "connections"}
    assert page.programs_total == 240
    assert page.records[0].native_key == "host-7"
    assert page.history.changes[0].detail == {"attributes": {"memory_bytes": [16 << 30, 32 << 30]}}


def test_relations_of_parts_show_on_their_machine(record: Record) -> None:
    found = {
        (each.verb, each.other_name, each.via) for each in page_of(record, "web-007").relations
    }
    assert ("runs", "sshd:22", "") in found
    assert ("depends on", "postgres:5432 on web-006", "app") in found
    assert ("serves", "app on web-008", "postgres:5432") in found


def test_of_many_relations_the_page_shows_some_and_says_how_many(record: Record) -> None:
    whole = page_of(record, "web-007")
    assert whole.relation_totals == Counter(each.verb for each in whole.relations)
    row = record.view.find("web-007")
    parts = record.view.parts(row.id)
    some, totals = relations_of(record.view, row, parts, 1)
    assert totals == whole.relation_totals
    assert {each.verb for each in some} == set(totals)
    assert len(some) == len(totals) < len(whole.relations)
    everything = relations(record, "web-007", limit=500)
    assert everything.relations == whole.relations
    assert (everything.more, everything.cursor) == (0, None)


def test_a_part_shows_what_its_machine_said(record: Record) -> None:
    part = next(each for each in page_of(record, "web-007").parts if each.name == "postgres:5432")
    shown = {each.name: each.value for each in page_of(record, part.asset).attributes}
    assert (shown["port"], shown["package"]) == (5432, "postgresql-15")


def test_programs_are_searched_and_paged(record: Record) -> None:
    first = programs(record, "web-001", "SSL debian", limit=50)
    assert (first.total, len(first.programs)) == (60, 50)
    rest = programs(record, "web-001", "SSL debian", after=first.cursor, limit=50)
    names = [each.name for each in (*first.programs, *rest.programs)]
    assert rest.cursor is None
    assert len(set(names)) == 60
    assert programs(record, "web-001", "no such thing").total == 0


def test_history_goes_back_to_the_beginning(record: Record) -> None:
    whats: list[str] = []
    before: int | None = None
    while True:
        stretch = history(record, "web-007", before, 1)
        whats += [each.what for each in stretch.changes]
        before = stretch.before
        if before is None:
            break
    assert whats[0] == "changed"
    assert whats[-1] == "created"
    assert len(history(record, None, limit=500).changes) == 61


def test_the_overview_counts(record: Record) -> None:
    old = SourceView("scan", "probe", "dmz", NOW - timedelta(days=3))
    new = SourceView("agent", "a", "hq", NOW)
    seen = overview(record, NOW, [old, new])
    counts = {each.cls: each.count for each in seen.counts}
    assert counts["Computer"] == 30
    assert seen.total == sum(counts.values())
    assert seen.sources == (new, old)
    assert seen.changes[0].name == "web-007"
    assert not seen.replay


def test_what_is_not_there_is_said(record: Record) -> None:
    for ask in (page_of, programs, history):
        with pytest.raises(UnknownAsset, match="nope"):
            ask(record, "nope")


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    at: datetime
    passed: timedelta
    colour: Colour
    digest: bytes
    names: frozenset[str]
    held: dict[Colour, tuple[int, None]]


def test_everything_has_one_form_as_json() -> None:
    at = datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    thing = Thing(
        at, timedelta(minutes=2), Colour.RED, b"\x00\xff", frozenset("ba"), {Colour.RED: (1, None)}
    )
    assert to_json(thing) == {
        "at": "2026-01-02T03:04:05Z",
        "passed": 120.0,
        "colour": "red",
        "digest": "00ff",
        "names": ["a", "b"],
        "held": {"red": [1, None]},
    }
    with pytest.raises(TypeError):
        to_json(object())


def test_every_view_model_is_json(record: Record) -> None:
    page = to_json(page_of(record, "web-007"))
    assert json.loads(json.dumps(page)) == page


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "|calc", "%0"]
)
def test_formulas_leave_as_text(text: str) -> None:
    from openpyxl import load_workbook

    assert neutral(text) == f"'{text}"
    assert f"'{text}" in "".join(csv_lines(["a"], [[text]]))
    book = load_workbook(io.BytesIO(workbook("t", ["a"], [[text]])))
    cell = book.worksheets[0]["A2"]
    assert cell.data_type == "s"
    assert str(cell.value).startswith("'")


def test_what_moves_a_cursor_or_turns_text_round_leaves_as_a_sign() -> None:
    lines = "".join(csv_lines(["x"], [["a\x1b[31m\x07\u202eb\x9b", "two\nlines"]]))
    assert lines.split("\r\n")[1] == 'a\ufffd[31m\ufffd\ufffdb\ufffd,"two\nlines"'


def test_tables_keep_numbers_and_survive_what_xml_cannot_hold() -> None:
    from openpyxl import load_workbook

    rows: list[list[Cell]] = [["a\x00\x0bb\ud800", -5, True, None, NOW]]
    lines = "".join(csv_lines(["x"], [["plain", -5, True, None, NOW]]))
    assert lines.splitlines()[1] == "plain,-5,yes,,2026-11-23T12:00:00Z"
    sheet = load_workbook(io.BytesIO(workbook("Assets", ["a", "b"], rows))).worksheets[0]
    assert sheet["B2"].value == -5
    assert sheet.freeze_panes == "A2"


def test_answers_import_no_heavy_library(run_python: Callable[[str], str]) -> None:
    code = "import sys, cmdb.query.assets, cmdb.query.encode, cmdb.query.table;print(*sys.modules)"
    loaded = run_python(code).split()
    assert "cmdb.query.assets" in loaded
    assert not {"fastapi", "openpyxl", "numpy", "pydantic"} & set(loaded)


def test_a_page_of_a_large_list_is_quick(record: Record) -> None:
    begun = time.process_time()
    list_assets(record.view, Search(limit=50, order="-last_seen"))
    assert time.process_time() - begun < 0.5
