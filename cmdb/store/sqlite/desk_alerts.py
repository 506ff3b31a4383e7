"""Alerts, channels and deliveries in desk.db."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from cmdb.store.desk_alerts import AlertEvent, AlertRow, ChannelRow, DeliveryRow
from cmdb.store.sqlite.desk_file import DeskFile

ALERT_SCHEMA = """
CREATE TABLE alert(
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, subject TEXT NOT NULL,
    severity TEXT NOT NULL, state TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    episode INTEGER NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
    opened_at REAL NOT NULL, resolved_at REAL, acknowledged_at REAL,
    acknowledged_by TEXT NOT NULL, UNIQUE(rule, subject)
) STRICT;
CREATE TABLE alert_event(
    alert INTEGER NOT NULL, at REAL NOT NULL, what TEXT NOT NULL, by TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX alert_event_of ON alert_event(alert);
CREATE TABLE alert_channel(
    name TEXT PRIMARY KEY, url TEXT NOT NULL, created_at REAL NOT NULL,
    allow_link_local INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE alert_delivery(
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL, episode INTEGER NOT NULL,
    what TEXT NOT NULL, channel TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    state TEXT NOT NULL, queued_at REAL NOT NULL, next_at REAL NOT NULL, attempts INTEGER NOT NULL,
    done_at REAL, reason TEXT NOT NULL, UNIQUE(alert, episode, what, channel)
) STRICT;
CREATE INDEX alert_delivery_waits ON alert_delivery(channel, id) WHERE state = 'queued';
"""

Row = tuple[Any, ...]
"""As SQLite gives it: the columns of the statement."""

_ALERT = (
    "id, rule, subject, severity, state, title, text, episode, first_seen, last_seen, opened_at,"
    " resolved_at, acknowledged_at, acknowledged_by"
)
_DELIVERY = (
    "id, alert, episode, what, channel, title, text, state, queued_at, next_at, attempts, done_at,"
    " reason"
)


class SqliteAlerts:
    """See cmdb.store.desk_alerts.AlertDesk."""

    def __init__(self, file: DeskFile) -> None:
        self._file = file

    def transaction(self) -> AbstractContextManager[object]:
        """See the port."""
        return self._file.write()

    def alert(self, alert_id: int) -> AlertRow | None:
        """See the port."""
        found = self._rows(f"SELECT {_ALERT} FROM alert WHERE id=?", (alert_id,))
        return _alert(found[0]) if found else None

    def alerts(self, state: str | None = None) -> tuple[AlertRow, ...]:
        """See the port."""
        sql = f"SELECT {_ALERT} FROM alert WHERE ?1 IS NULL OR state=?1 ORDER BY opened_at DESC, id"
        return tuple(_alert(row) for row in self._rows(sql, (state,)))

    def alert_about(self, rule: str, subject: str) -> AlertRow | None:
        """See the port."""
        sql = f"SELECT {_ALERT} FROM alert WHERE rule=? AND subject=?"
        found = self._rows(sql, (rule, subject))
        return _alert(found[0]) if found else None

    def put_alert(self, row: AlertRow) -> AlertRow:
        """See the port."""
        values = (
            row.id or None, row.rule, row.subject, row.severity, row.state, row.title, row.text,
            row.episode, row.first_seen.timestamp(), row.last_seen.timestamp(),
            row.opened_at.timestamp(), _stamp(row.resolved_at), _stamp(row.acknowledged_at),
            row.acknowledged_by,
        )  # fmt: skip
        self._put("alert", _ALERT, values)
        kept = self.alert_about(row.rule, row.subject)
        assert kept is not None
        return kept

    def add_event(self, event: AlertEvent) -> None:
        """See the port."""
        values = (event.alert, event.at.timestamp(), event.what, event.by, event.text)
        with self._file.write() as connection:
            connection.execute("INSERT INTO alert_event VALUES(?,?,?,?,?)", values)

    def events(self, alert_id: int) -> tuple[AlertEvent, ...]:
        """See the port."""
        sql = "SELECT alert, at, what, by, text FROM alert_event WHERE alert=? ORDER BY rowid"
        return tuple(
            AlertEvent(row[0], _instant(row[1]), row[2], row[3], row[4])
            for row in self._rows(sql, (alert_id,))
        )

    def channels(self) -> tuple[ChannelRow, ...]:
        """See the port."""
        sql = "SELECT name, url, created_at, allow_link_local FROM alert_channel ORDER BY name"
        return tuple(
            ChannelRow(row[0], row[1], _instant(row[2]), allow_link_local=bool(row[3]))
            for row in self._rows(sql, ())
        )

    def put_channel(self, row: ChannelRow) -> None:
        """See the port."""
        values = (row.name, row.url, row.created_at.timestamp(), int(row.allow_link_local))
        with self._file.write() as connection:
            connection.execute("INSERT OR REPLACE INTO alert_channel VALUES(?,?,?,?)", values)

    def drop_channel(self, name: str) -> bool:
        """See the port."""
        with self._file.write() as connection:
            cursor = connection.execute("DELETE FROM alert_channel WHERE name=?", (name,))
        return cursor.rowcount > 0

    def put_delivery(self, row: DeliveryRow) -> None:
        """See the port."""
        values = (
            row.id or None, row.alert, row.episode, row.what, row.channel, row.title, row.text,
            row.state, row.queued_at.timestamp(), row.next_at.timestamp(), row.attempts,
            _stamp(row.done_at), row.reason,
        )  # fmt: skip
        self._put("alert_delivery", _DELIVERY, values)

    def deliveries(self, alert_id: int) -> tuple[DeliveryRow, ...]:
        """See the port."""
        sql = f"SELECT {_DELIVERY} FROM alert_delivery WHERE alert=? ORDER BY id"
        return tuple(_delivery(row) for row in self._rows(sql, (alert_id,)))

    def queued(self, channel: str | None = None) -> tuple[DeliveryRow, ...]:
        """See the port."""
        sql = (
            f"SELECT {_DELIVERY} FROM alert_delivery WHERE state='queued'"
            " AND (?1 IS NULL OR channel=?1) ORDER BY id"
        )
        return tuple(_delivery(row) for row in self._rows(sql, (channel,)))

    def _put(self, table: str, columns: str, values: tuple[object, ...]) -> None:
        names = columns.split(", ")
        updates = ", ".join(f"{name}=excluded.{name}" for name in names[1:])
        marks = ",".join("?" * len(names))
        sql = f"INSERT INTO {table}({columns}) VALUES({marks})"
        if values[0] is not None:
            sql += f" ON CONFLICT(id) DO UPDATE SET {updates}"
        with self._file.write() as connection:
            connection.execute(sql, values)

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[Row]:
        with self._file.read() as connection:
            return connection.execute(sql, values).fetchall()


def _alert(row: Row) -> AlertRow:
    number, rule, subject, severity, state, title, text, episode, *stamps, by = row
    first, last, opened = map(_instant, stamps[:3])
    resolved, acknowledged = map(_maybe, stamps[3:])
    return AlertRow(
        number, rule, subject, severity, state, title, text, episode, first, last, opened,
        resolved, acknowledged, by,
    )  # fmt: skip


def _delivery(row: Row) -> DeliveryRow:
    number, alert, episode, what, channel, title, text, state, queued, due, *rest = row
    attempts, done, reason = rest
    return DeliveryRow(
        number, alert, episode, what, channel, title, text, state, _instant(queued), _instant(due),
        attempts, _maybe(done), reason,
    )  # fmt: skip


def _stamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _instant(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)


def _maybe(stamp: float | None) -> datetime | None:
    return None if stamp is None else _instant(stamp)
