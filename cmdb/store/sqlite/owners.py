"""Which asset each record is about now, as one array: ninety thousand records are one look-up.

Each look-up first reads what was linked or ended since the last. For connections that read: one
that rolls its own writes back forgets nothing here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np

from cmdb.store.sqlite.packed import Ids

_NOW = "SELECT record, asset FROM link WHERE ended_tx IS NULL AND until IS NULL"
_SOME = 500
_FEW = 5_000
"""Records that are read one by one; more are read with all others."""


class Owners:
    """Assets by record; 0 for a record that is about none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._assets = np.zeros(0, np.uint32)
        self._link = -1
        self._ended = -1
        self._erasures: str | None = None

    def of(self, records: Ids) -> Ids:
        """The asset of each of these records."""
        self._refresh()
        if not len(self._assets):
            return np.zeros(len(records), np.uint32)
        inside = records < len(self._assets)
        return np.where(inside, self._assets[np.where(inside, records, 0)], 0).astype(np.uint32)

    def _refresh(self) -> None:
        link, ended, erasures = self._db.execute(
            "SELECT (SELECT max(id) FROM link),"
            " (SELECT max(ended_tx) FROM link WHERE ended_tx IS NOT NULL),"
            " (SELECT value FROM meta WHERE key='erasures')"
        ).fetchone()
        if erasures != self._erasures:
            # A scope was erased: its links are gone without a trace.
            self._link, self._assets = -1, np.zeros(0, np.uint32)
            self._erasures = erasures
        moved = self._moved()
        if len(moved) > _FEW or self._link < 0:
            self._take(self._db.execute(_NOW))
        else:
            self._assets[[record for record in moved if record < len(self._assets)]] = 0
            for start in range(0, len(moved), _SOME):
                some = moved[start : start + _SOME]
                marks = ",".join("?" * len(some))
                self._take(self._db.execute(f"{_NOW} AND record IN ({marks})", some))
        self._link, self._ended = link or 0, ended or 0

    def _moved(self) -> list[int]:
        """Records with links that began or ended since; those of the last transaction again."""
        if self._link < 0:
            return []
        rows = self._db.execute(
            "SELECT record FROM link WHERE id > ? UNION"
            " SELECT record FROM link WHERE ended_tx IS NOT NULL AND ended_tx >= ?",
            (self._link, self._ended),
        )
        return [row[0] for row in rows]

    def _take(self, rows: Iterable[tuple[int, int]]) -> None:
        pairs = np.array(list(rows), np.int64).reshape(-1, 2)
        if not len(pairs):
            return
        need = int(pairs[:, 0].max()) + 1
        if need > len(self._assets):
            more = np.zeros(max(need, 2 * len(self._assets)) - len(self._assets), np.uint32)
            self._assets = np.concatenate([self._assets, more])
        self._assets[pairs[:, 0]] = pairs[:, 1]
