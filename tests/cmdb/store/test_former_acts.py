"""A decision that was written under a name that its act has no more."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from cmdb.model.observation import Decision, RecordKey, Source
from cmdb.store.sqlite.record import open_record

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_old_act_is_read_under_its_new_name_and_not_kept_twice(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    key = RecordKey(Source("agent", "a"), "hq", "k1")
    decision = Decision("reinstate", (key,), T0, T0, by="ann")
    record = open_record(path)
    with record.transaction(T0):
        record.ledger.add_decision(decision)
    record.close()
    with sqlite3.connect(path) as file:
        assert file.execute("UPDATE decision SET act='restore'").rowcount == 1
    file.close()
    record = open_record(path)
    assert record.ledger.decisions() == ((1, decision),)
    moment = record.history.moment(T0, None)
    assert record.history.decisions(moment) == ((1, decision),)
    with record.transaction(T0):
        record.ledger.add_decision(decision)
    assert len(record.ledger.decisions()) == 1
    record.close()
