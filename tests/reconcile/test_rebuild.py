"""A rebuild finds what the engine found step by step, and mends a view that was damaged."""

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
from tests.reconcile.test_join_split import RECORDS
from tests.reconcile.test_order import lines
from tests.reconcile.words import person

DERIVED = ("link", "asset", "alias", "relation", "bond", "address", "place", "words", "anchor")


def decisions(at: int) -> st.SearchStrategy[dict[str, Any]]:
    pair = st.lists(st.sampled_from(RECORDS), min_size=2, max_size=3, unique_by=repr)
    of_records = st.builds(
        lambda act, records: person(act, at, *records),
        st.sampled_from(("same", "different", "exclude", "include", "retire")),
        pair,
    )
    undo = st.builds(lambda number: person("undo", at, undoes=number), st.integers(1, 3))
    return st.one_of(of_records, undo)


def run(engine: Engine, size: int = 3) -> int:
    """Rebuilds; the place in the change feed before."""
    view = engine.record.view
    newest = next((change.sequence for change in view.changes(None, 1, None)), 0)
    for step in list(steps(engine.record, size)):
        rebuild(engine.record, step, engine.now)
    return newest


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(st.data())
def test_the_engine_agrees_with_a_rebuild(data: st.DataObject) -> None:
    history = data.draw(
        st.lists(st.one_of(lines(), decisions(13)), min_size=2, max_size=8).filter(
            lambda told: any(line["type"] == "observation" for line in told)
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.db"
        record = open_record(path)
        engine = Engine(record).tell(*history)
        # All at one clock: what is stale depends on it.
        for asset in list(record.view.all_assets()):
            with record.transaction(engine.now):
                record.view.touch(asset.id, asset.last_seen, None)
        before = engine.state()
        mark = run(engine)
        assert engine.state() == before
        assert differing(record, mark) == ()
        wipe(path)
        record.close()
        engine = _again(path, engine)
        run(engine)
        assert engine.state() == before
        engine.record.close()


def _again(path: Path, engine: Engine) -> Engine:
    fresh = Engine(open_record(path))
    fresh.now = engine.now
    return fresh


def wipe(path: Path) -> None:
    """Takes all that is derived out of the file."""
    with sqlite3.connect(path) as db:
        known = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        for table in DERIVED:
            if table in known:
                db.execute(f"DELETE FROM {table}")
    db.close()


def test_a_damaged_view_is_mended_and_told(engine: Engine, tmp_path: Path) -> None:
    serial = {"system_serial": "5CG1234XYZ"}
    engine.tell(
        observation("agent", "k1", 1, attributes={"name": "box", "owner": "ops"} | serial),
        observation("import", "row", 1, attributes=serial),
        observation("agent", "k2", 1, attributes={"name": "other"}),
    )
    before = engine.state()
    path = next(tmp_path.glob("record-*.db"))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM link WHERE record=2")
        db.execute("UPDATE asset SET state='retired' WHERE id=1")
    db.close()
    assert engine.state() != before
    mark = run(engine)
    assert engine.state() == before
    assert differing(engine.record, mark) == (1,)
