"""Timelines of records, and the assets that scans alone know of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from cmdb.store.port import AssetId, RecordId, StoredTimeline
from cmdb.store.sqlite.bodies import Bodies, Shape, opened
from cmdb.store.sqlite.transaction import Transaction


class Timelines:
    """The tables timeline and anchor."""

    def __init__(self, connection: sqlite3.Connection, bodies: Bodies, tx: Transaction) -> None:
        self._db = connection
        self._tx = tx
        self._without_anchors = False
        """Whether there are none, as where nobody scans: each new adapter is asked about."""
        self._bodies = bodies

    def read(self, record: RecordId) -> StoredTimeline:
        """The packed timeline and the last time of its newest visit."""
        row = self._db.execute(
            "SELECT body, last, watched FROM timeline WHERE record=?", (record,)
        ).fetchone()
        if row is None:
            return StoredTimeline()
        return StoredTimeline(opened(self._db, row[0]), row[1], bool(row[2]))

    def write(self, record: RecordId, body: bytes, last: int) -> None:
        """Replaces it."""
        self._db.execute(
            "INSERT INTO timeline (record, last, body) VALUES (?1, ?2, ?3) ON CONFLICT (record)"
            " DO UPDATE SET last=?2, body=?3",
            (record, last, self._bodies.closed(Shape.TIMELINE, body)),
        )

    def extend(self, record: RecordId, last: int) -> None:
        """Moves the last time of the newest visit."""
        self._db.execute("UPDATE timeline SET last=? WHERE record=?", (last, record))

    def missing(self, limit: int) -> tuple[RecordId, ...]:
        """Records without one."""
        rows = self._db.execute(
            "SELECT id FROM record WHERE id NOT IN (SELECT record FROM timeline)"
            " ORDER BY id LIMIT ?",
            (limit,),
        )
        return tuple(RecordId(row[0]) for row in rows)

    def watch(self, records: Iterable[RecordId]) -> None:
        """From now on it matters when these are heard again."""
        rows = [(record,) for record in sorted(set(records))]
        self._db.executemany("UPDATE timeline SET watched=1 WHERE record=? AND watched=0", rows)

    def anchor(self, name: str) -> AssetId | None:
        """The asset of a thing that scans alone know of."""
        if self._tx.id and self._without_anchors:
            return None
        row = self._db.execute("SELECT asset FROM anchor WHERE name=?", (name,)).fetchone()
        if row is None and self._tx.id:
            any_ = self._db.execute("SELECT EXISTS (SELECT 1 FROM anchor)").fetchone()[0]
            self._without_anchors = not any_
        return AssetId(row[0]) if row else None

    def set_anchor(self, name: str, asset: AssetId) -> None:
        """Names it."""
        self._db.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?)", (name, asset))
        self._without_anchors = False

    def erase(self, record: RecordId) -> None:
        """Takes a record's timeline out."""
        self._db.execute("DELETE FROM timeline WHERE record=?", (record,))

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._without_anchors = False
