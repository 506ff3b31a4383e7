"""Numbers of assets: each is given once and never again."""

from __future__ import annotations

import sqlite3

from cmdb.store.port import AssetId


class Numbers:
    """Gives them out; the highest is kept with the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._last: int | None = None
        self._kept = 0

    def next(self) -> AssetId:
        """A fresh one."""
        if self._last is None:
            row = self._db.execute("SELECT value FROM meta WHERE key='assets'").fetchone()
            self._last = self._kept = int(row[0]) if row else 0
        self._last += 1
        return AssetId(self._last)

    def settle(self) -> None:
        """Called before a transaction is committed."""
        if self._last is not None and self._last != self._kept:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('assets', ?)", (str(self._last),))
            self._kept = self._last

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have given out."""
        self._last = None
