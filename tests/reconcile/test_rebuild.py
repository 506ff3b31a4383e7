"""What was built step by step is what comes out when all is built anew from the ledger."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from reconcile.rebuild import rebuild, steps
from tests.reconcile.history import Engine
from tests.reconcile.test_order import lines


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(st.lists(lines(), min_size=2, max_size=7))
def test_rebuilding_changes_nothing(history: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = Engine(record)
        last = max(str(line["at"]) for line in history)
        engine.tell(*({**line, "at": last} for line in history))
        before = engine.state()
        for step in list(steps(record)):
            rebuild(record, step, engine.now)
        after = engine.state()
        record.close()
    assert before["assets"]
    assert after == before
