"""The ledger alone, decisions included, gives back what was lost or damaged."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from reconcile.rebuild import differing, rebuild, steps
from tests.reconcile.history import Engine, observation
from tests.reconcile.test_join_split import RECORDS, reports
from tests.reconcile.words import person

DERIVED = (
    "link", "asset", "alias", "relation", "bond", "address", "place", "words", "anchor",
    "endpoint", "unsealed",
)  # fmt: skip
examples = settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def decisions(at: int) -> st.SearchStrategy[dict[str, Any]]:
    pair = st.lists(st.sampled_from(RECORDS), min_size=2, max_size=3, unique_by=repr)
    of_records = st.builds(
        lambda act, records: person(act, at, *records),
        st.sampled_from(("same", "different", "exclude", "include", "retire")),
        pair,
    )
    undo = st.builds(lambda number: person("undo", at, undoes=number), st.integers(1, 3))
    return st.one_of(of_records, undo)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Reports, and decisions among them; all arrive at one time, since the clock is state, too."""
    told = draw(reports(2, 6))
    for decision in draw(st.lists(decisions(13), max_size=3)):
        told.insert(draw(st.integers(0, len(told))), decision)
    return [{**line, "at": "2026-01-02T00:00:00+00:00"} for line in told]


def run(engine: Engine, size: int = 3) -> int:
    """Rebuilds; the place in the change feed before."""
    view = engine.record.view
    newest = next((change.sequence for change in view.changes(None, 1, None)), 0)
    for step in list(steps(engine.record, size)):
        rebuild(engine.record, step, engine.now)
    return newest


@examples
@given(histories())
def test_decisions_are_kept_by_a_rebuild(history: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = Engine(record).tell(*history)
        before = engine.state()
        mark = run(engine)
        assert engine.state() == before
        assert differing(record, mark) == ()
        record.close()


@examples
@given(histories())
def test_the_ledger_gives_back_what_was_lost(history: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.db"
        record = open_record(path)
        engine = Engine(record).tell(*history)
        before, now = engine.state(), engine.now
        record.close()
        lose(path)
        record = open_record(path)
        engine = Engine(record)
        engine.now = now
        assert engine.state()["assets"] == {}
        run(engine)
        assert engine.state() == before
        record.close()


def lose(path: Path) -> None:
    """Takes all that is derived out of the file."""
    db = sqlite3.connect(path)
    known = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    for table in DERIVED:
        if table in known:
            db.execute(f"DELETE FROM {table}")
    db.commit()
    db.close()


def test_a_damaged_view_is_mended_and_told(engine: Engine, tmp_path: Path) -> None:
    serial = {"system_serial": "5CG1234XYZ"}
    engine.tell(
        observation("agent", "k1", 1, attributes={"name": "box", "owner": "ops"} | serial),
        observation("import", "row", 1, attributes=serial),
        observation("agent", "k2", 1, attributes={"name": "other"}),
    )
    before = engine.state()
    (path,) = tmp_path.glob("record-*.db")
    db = sqlite3.connect(path)
    db.execute("DELETE FROM link WHERE record=2")
    db.execute("UPDATE asset SET state='retired' WHERE id=1")
    db.commit()
    db.close()
    assert engine.state() != before
    mark = run(engine)
    assert engine.state() == before
    assert differing(engine.record, mark) == (1,)
