"""A desk of every schema that was ever on a disk opens with all that it held."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmdb.store.desk import FailureRow
from cmdb.store.port import AuditEntry, StoreForeign
from cmdb.store.sqlite.desk import MIGRATIONS, SqliteDesk, open_desk
from cmdb.store.sqlite.desk_file import DeskFile

FILES = sorted((Path(__file__).parent / "desks").glob("*.sql"), key=lambda path: int(path.stem))
AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def desk_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, Path]:
    """The schema of an old desk, and the desk."""
    script: Path = request.param
    path = tmp_path / "desk.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script.read_text())
        assert db.execute("PRAGMA user_version").fetchone()[0] == int(script.stem)
    return int(script.stem), path


def schema_of(path: Path) -> tuple[int, list[tuple[str, str]]]:
    """Its number, and the tables and indexes as they were made."""
    with closing(sqlite3.connect(path)) as db:
        made = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return db.execute("PRAGMA user_version").fetchone()[0], made


def test_there_is_a_desk_of_every_schema() -> None:
    # 1 is what a file is whose first opening was ended between the steps.
    assert [int(path.stem) for path in FILES] == [*range(1, len(MIGRATIONS) + 1)]


def test_it_is_brought_up_to_date_and_holds_the_same(desk_file: tuple[int, Path]) -> None:
    schema, path = desk_file
    with closing(open_desk(path)) as desk:
        assert desk.setting("alerts") == {"remind_hours": 24}
        assert [row.entry for row in desk.audited(9)] == [
            AuditEntry(AT + HOUR, "admin", "session.start", "admin", {"address": "192.0.2.1"}),
            AuditEntry(AT, "system", "account.create", "admin", {}),
        ]
        if schema >= 2:
            holds_people(desk)
        if schema >= 3:
            holds_alerts(desk)
        desk.audit(AuditEntry(AT, "admin", "session.end", "admin", {}))
        assert desk.audited(1)[0].sequence == 3
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def holds_people(desk: SqliteDesk) -> None:
    """What the sample desks of schema 2 and later hold of people."""
    people = desk.people
    assert [
        (a.name, a.roles, a.created_at, a.password_at, a.disabled) for a in people.accounts()
    ] == [
        ("admin", ("administrator",), AT, AT + HOUR, False),
        ("viewer", ("viewer",), AT, AT, True),
    ]
    session = people.session(b"\x01" * 32)
    assert session is not None
    assert (session.account, session.csrf, session.seen_at) == ("admin", "csrf-1", AT + 2 * HOUR)
    newest, oldest = people.tokens("admin")
    assert (newest.label, newest.roles) == ("nightly", ("viewer", "licence_manager"))
    assert (newest.used_at, newest.revoked_at) == (AT + 2 * HOUR, None)
    assert (oldest.label, oldest.used_at, oldest.revoked_at) == ("gone", None, AT + HOUR)
    assert people.failure("viewer|192.0.2.9") == FailureRow("viewer|192.0.2.9", 3, AT + HOUR)


def holds_alerts(desk: SqliteDesk) -> None:
    """What the sample desks of schema 3 and later hold of alerts."""
    alerts = desk.alerts
    (opened,) = alerts.alerts("open")
    assert (opened.rule, opened.episode) == ("licence.shortfall", 2)
    assert (opened.acknowledged_by, opened.acknowledged_at) == ("admin", AT + 2 * HOUR)
    assert [event.what for event in alerts.events(opened.id)] == ["opened", "acknowledged"]
    assert [row.subject for row in alerts.alerts("resolved")] == ["obs-a"]
    (channel,) = alerts.channels()
    assert (channel.url, channel.allow_link_local) == ("mailto://192.0.2.25", True)
    (waiting,) = alerts.queued("mail")
    assert (waiting.alert, waiting.attempts, waiting.reason) == (opened.id, 1, "not reached")


def test_it_has_the_tables_of_a_new_one(desk_file: tuple[int, Path], tmp_path: Path) -> None:
    _, path = desk_file
    open_desk(path).close()
    open_desk(tmp_path / "new.db").close()
    assert schema_of(path) == schema_of(tmp_path / "new.db")


def test_one_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    DeskFile(path, (*MIGRATIONS, "CREATE TABLE later (id INTEGER)")).close()
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match="use a newer Stocktake"):
        open_desk(path)
    assert path.read_bytes() == before
