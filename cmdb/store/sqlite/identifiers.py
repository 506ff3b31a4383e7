"""Identifying values of records: one row a record, and a map in memory to find records by."""

from __future__ import annotations

import sqlite3
from array import array

import numpy as np

from cmdb.store.port import Identifier, RecordId
from cmdb.store.sqlite import carriers
from cmdb.store.sqlite.carriers import Carried
from cmdb.store.sqlite.hashes import Hashes
from cmdb.store.sqlite.transaction import Transaction


class Identifiers:
    """The table identifiers."""

    def __init__(self, connection: sqlite3.Connection, tx: Transaction) -> None:
        self._db = connection
        self._tx = tx
        self._found: Hashes | None = None
        self._version = -1
        self._read: tuple[int, Carried] | None = None

    def of(self, record: RecordId) -> frozenset[Identifier]:
        """Those of a record."""
        row = self._db.execute("SELECT hashes FROM identifiers WHERE record=?", (record,))
        found = row.fetchone()
        return frozenset(map(Identifier, _unpacked(found[0]))) if found else frozenset()

    def replace(self, record: RecordId, values: frozenset[Identifier]) -> None:
        """Makes these the values of a record."""
        before = self.of(record)
        index = self._index()
        for gone in before - values:
            index.discard(gone, record)
        for new in values - before:
            index.add(new, record)
        if values:
            self._db.execute(
                "INSERT OR REPLACE INTO identifiers VALUES (?, ?)",
                (record, array("q", sorted(values)).tobytes()),
            )
        elif before:
            self._db.execute("DELETE FROM identifiers WHERE record=?", (record,))

    def holders(self, value: Identifier, limit: int) -> tuple[RecordId, ...]:
        """Records with a value, ascending, at most so many."""
        if not self._tx.id:
            return self._carried().of(value)[:limit]
        return tuple(map(RecordId, self._index().first(value, limit)))

    def _carried(self) -> Carried:
        """Outside a transaction: made in a sixth of the time, and anew for each moment."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if self._read is None or self._read[0] != version:
            self._read = version, carriers.read(self._db)
        return self._read[1]

    def common(self, least: int) -> list[tuple[Identifier, int, RecordId]]:
        """Values with at least so many records, how many and one of them; without the map."""
        rows = self._db.execute("SELECT record, hashes FROM identifiers").fetchall()
        every = np.frombuffer(b"".join(row[1] for row in rows), np.int64)
        lengths = np.array([len(row[1]) // every.itemsize for row in rows], np.int64)
        owners = np.repeat(np.array([row[0] for row in rows], np.int64), lengths)
        values, first, counts = np.unique(every, return_index=True, return_counts=True)
        chosen = counts >= least
        columns = (values[chosen], counts[chosen], owners[first[chosen]])
        return [
            (Identifier(value), count, RecordId(record))
            for value, count, record in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def _index(self) -> Hashes:
        if self._found is None or not self._tx.id:
            self.check()
        if self._found is None:
            self._found = Hashes()
            for record, packed in self._db.execute("SELECT record, hashes FROM identifiers"):
                for value in _unpacked(packed):
                    self._found.add(value, record)
        return self._found

    def check(self) -> None:
        """Drops the map when another connection has written since."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version, self._found = version, None

    def forget(self) -> None:
        """Drops what a rolled-back transaction may have altered."""
        self._found = None


def _unpacked(packed: bytes) -> array[int]:
    values = array("q")
    values.frombytes(packed)
    return values
