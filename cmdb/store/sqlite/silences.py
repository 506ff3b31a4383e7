"""Times of more than 36 hours in which nothing was heard of a record, between two in which it was.

Of a record the time of its last hearing is kept, and what it says is kept where it differs. That
alone cannot tell whether somebody who said the same before and after had been there in between.
The rows follow from the times of hearing alone: in whatever order those become known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

from cmdb.store.sqlite.transaction import Transaction

LONG_MICROS = timedelta(hours=36) // timedelta(microseconds=1)
"""Whoever speaks once a day is never silent."""
SINCE = "silences_from"
"""Where the table meta keeps from when on they are known; no entry: from the beginning."""
_INSIDE = (
    "SELECT since, until FROM silence"
    " WHERE record=? AND ended_tx IS NULL AND since < ? AND until > ?"
)
_AT = (
    "SELECT min(since) FROM silence WHERE record=?1 AND since <= ?2 AND until > ?2"
    " AND (ended_tx IS NULL OR ended_tx > ?3)"
)


class Silences:
    """The table silence."""

    def __init__(self, connection: sqlite3.Connection, tx: Transaction) -> None:
        self._db = connection
        self._tx = tx

    def heard(self, record: int, at: int, first_at: int, last_at: int) -> None:
        """A record that was heard from one time to another was heard at a third, too."""
        if last_at <= at <= last_at + LONG_MICROS:
            return
        if at > last_at:
            gaps = [(last_at, at)]
        elif at < first_at:
            gaps = [(at, first_at)]
        else:
            gaps = list(self._split(record, at))
        self._db.executemany(
            "INSERT INTO silence (record, since, until) VALUES (?, ?, ?)",
            [(record, *gap) for gap in gaps if gap[1] - gap[0] > LONG_MICROS],
        )

    def _split(self, record: int, at: int) -> Iterator[tuple[int, int]]:
        """What is left of a silence in which it was heard after all; what was known stays."""
        for since, until in self._db.execute(_INSIDE, (record, at, at)).fetchall():
            self._db.execute(
                "UPDATE silence SET ended_tx=? WHERE record=? AND since=? AND until=?",
                (self._tx.id, record, since, until),
            )
            yield from ((since, at), (at, until))

    def erase(self, record: int) -> None:
        """Takes a record's out."""
        self._db.execute("DELETE FROM silence WHERE record=?", (record,))


def at(db: sqlite3.Connection, record: int, limit: int, tx: int) -> int | None:
    """When a record that was silent at a time had been heard last, by what was known."""
    row = db.execute(_AT, (record, limit, tx)).fetchone()
    return None if row is None else row[0]


def known_from(db: sqlite3.Connection) -> int:
    """From when on silences are known: earlier ones of a store of before schema 8 are not."""
    row = db.execute("SELECT value FROM meta WHERE key=?", (SINCE,)).fetchone()
    return int(row[0]) if row else 0
