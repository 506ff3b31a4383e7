"""The desk in SQLite: people, settings and the audit trail in desk.db."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from cmdb.model.observation import Json
from cmdb.store.desk import AuditRow
from cmdb.store.port import AuditEntry
from cmdb.store.sqlite.connection import check_file
from cmdb.store.sqlite.desk_alerts import ALERT_SCHEMA, SqliteAlerts
from cmdb.store.sqlite.desk_file import APPLICATION_ID, DeskFile
from cmdb.store.sqlite.desk_people import PEOPLE_SCHEMA, SqlitePeople

_DESK_SCHEMA = """
CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL,
    action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
"""

MIGRATIONS: tuple[str, ...] = (_DESK_SCHEMA, PEOPLE_SCHEMA, ALERT_SCHEMA)
"""In order; what was released is never altered, only followed by another."""


class SqliteDesk:
    """All that people work with, in one file."""

    def __init__(self, file: DeskFile) -> None:
        self.file = file
        self.people = SqlitePeople(file)
        self.alerts = SqliteAlerts(file)

    def audit(self, entry: AuditEntry) -> None:
        """Appends to the audit trail."""
        detail = json.dumps(dict(entry.detail), sort_keys=True)
        values = (entry.at.timestamp(), entry.account, entry.action, entry.target, detail)
        with self.file.write() as connection:
            connection.execute(
                "INSERT INTO audit(at, account, action, target, detail) VALUES(?,?,?,?,?)", values
            )

    def audited(self, limit: int, before: int | None = None) -> tuple[AuditRow, ...]:
        """Newest entries first, those before a place in the trail."""
        with self.file.read() as connection:
            rows = connection.execute(
                "SELECT sequence, at, account, action, target, detail FROM audit "
                "WHERE ? IS NULL OR sequence < ? ORDER BY sequence DESC LIMIT ?",
                (before, before, limit),
            ).fetchall()
        return tuple(
            AuditRow(
                row[0],
                AuditEntry(
                    datetime.fromtimestamp(row[1], UTC), row[2], row[3], row[4], json.loads(row[5])
                ),
            )
            for row in rows
        )

    def setting(self, key: str) -> Json:
        """A setting's value; None when it was never set."""
        with self.file.read() as connection:
            row = connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        value: Json = json.loads(row[0]) if row else None
        return value

    def put_setting(self, key: str, value: Json) -> None:
        """Sets it."""
        with self.file.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", (key, json.dumps(value))
            )

    def close(self) -> None:
        """Lets go of the file."""
        self.file.close()


def check_desk(path: Path) -> None:
    """Whether this version can open a desk.

    Raises:
        StoreForeign: the file is no desk, or that of a newer version.
        StoreUnavailable: it cannot be read.
    """
    check_file(path, APPLICATION_ID, MIGRATIONS)


def open_desk(path: Path) -> SqliteDesk:
    """Opens the desk, creating it where there is none.

    Raises:
        StoreForeign: the file is no desk, or that of a newer version.
        StoreUnavailable: it cannot be opened.
    """
    return SqliteDesk(DeskFile(path, MIGRATIONS))
