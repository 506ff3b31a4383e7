"""The desk on SQLite: settings, audit, transactions, foreign files."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cmdb.store.port import AuditEntry, StoreForeign, StoreUnavailable
from cmdb.store.sqlite.desk import MIGRATIONS, open_desk

AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_settings_and_audit_outlive_the_process(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db")
    desk.put_setting("mail", {"to": ["a@example.org"], "on": True})
    for number in range(3):
        desk.audit(AuditEntry(AT, "admin", f"act.{number}", "ci-1", {"n": str(number)}))
    desk.close()
    again = open_desk(tmp_path / "desk.db")
    assert again.setting("mail") == {"to": ["a@example.org"], "on": True}
    assert again.setting("never") is None
    newest = again.audited(2)
    assert [row.entry.action for row in newest] == ["act.2", "act.1"]
    assert newest[0].entry == AuditEntry(AT, "admin", "act.2", "ci-1", {"n": "2"})
    assert [row.entry.action for row in again.audited(5, newest[-1].sequence)] == ["act.0"]
    again.close()


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    desk = open_desk(tmp_path / "desk.db")
    with pytest.raises(RuntimeError), desk.file.write():
        desk.put_setting("a", 1)
        raise RuntimeError
    assert desk.setting("a") is None
    desk.put_setting("a", 2)
    assert desk.setting("a") == 2
    desk.close()


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises(StoreForeign):
        open_desk(text)
    newer = tmp_path / "newer.db"
    open_desk(newer).close()
    raw = sqlite3.connect(newer)
    raw.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(StoreForeign, match="schema"):
        open_desk(newer)
    with pytest.raises(StoreUnavailable):
        open_desk(tmp_path / "no" / "folder" / "desk.db")


def test_an_older_desk_is_brought_up_to_date(tmp_path: Path) -> None:
    from cmdb.store.sqlite.desk import SqliteDesk
    from cmdb.store.sqlite.desk_file import DeskFile

    old = SqliteDesk(DeskFile(tmp_path / "desk.db", MIGRATIONS[:1]))
    old.put_setting("kept", "yes")
    old.close()
    new = open_desk(tmp_path / "desk.db")
    assert new.setting("kept") == "yes"
    assert new.people.accounts() == ()
    new.close()
