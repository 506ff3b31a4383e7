"""The file desk.db: one connection, one user at a time.

Knows no table's meaning. Those who own tables bring their part of the schema as a migration and
get the connection from here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmdb.store.sqlite.connection import Migration, open_file, translated

APPLICATION_ID = 0x53544B44  # "STKD"


class DeskFile:
    """The open file. The desk's work is short, so that taking turns costs nothing."""

    def __init__(self, path: Path, migrations: tuple[Migration, ...]) -> None:
        """Opens or creates the file and brings its schema up to date.

        Raises:
            StoreForeign: the file is no desk, or that of a newer version.
            StoreUnavailable: it cannot be opened.
        """
        self.path = path
        self._lock = threading.RLock()
        self._connection = open_file(path, APPLICATION_ID, migrations, readonly=False)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading. Fetch what is wanted before the block ends."""
        with self._lock, translated(self.path):
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: on disk when the block ends, undone when it raises.

        Blocks may be nested; the outermost is the transaction.
        """
        with self._lock, translated(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors (full, I/O).
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
