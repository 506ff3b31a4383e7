"""record.db: ledger and view of one estate behind one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cmdb.store.sqlite import codec
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.compaction import SqliteCompaction
from cmdb.store.sqlite.connection import Told, check_file, open_file, translated
from cmdb.store.sqlite.history import SqliteHistory
from cmdb.store.sqlite.ledger import SqliteLedger
from cmdb.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from cmdb.store.sqlite.transaction import Transaction
from cmdb.store.sqlite.view import SqliteView


class SqliteRecord:
    """See cmdb.store.port.Record. One thread at a time uses it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._tx = Transaction()
        self._version = 0
        self._bodies = Bodies(connection)
        self.ledger = SqliteLedger(connection, path, self._tx, self._bodies)
        self.view = SqliteView(connection, path, self._tx, self._bodies)
        self.history = SqliteHistory(connection, path)
        self.compaction = SqliteCompaction(connection, path)

    @contextmanager
    def transaction(self, at: datetime) -> Iterator[None]:
        """See the port."""
        with translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
        try:
            with translated(self._path):
                cursor = self._db.execute("INSERT INTO tx (at) VALUES (?)", (codec.to_micros(at),))
            self._tx.id, self._tx.at, self._tx.touched = int(cursor.lastrowid or 0), at, False
            self._begin()
            yield
            self.view.settle()
            self.ledger.settle()
            with translated(self._path):
                self._bodies.settle()
            if self._tx.touched:
                self.view.bump()
            with translated(self._path):
                self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._forget()
            raise
        finally:
            self._tx.id = 0

    def _begin(self) -> None:
        """What is remembered holds only while no other connection writes."""
        with translated(self._path):
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self._forget()

    def _forget(self) -> None:
        self.ledger.forget()
        self.view.forget()
        self._bodies.forget()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        with translated(self._path):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """See the port."""
        self._db.close()


def check_record(path: Path) -> None:
    """Whether this version can open a record, or bring it up to date.

    Raises:
        StoreForeign: The file is another program's, or newer than this version.
        StoreUnavailable: It cannot be read.
    """
    check_file(path, APPLICATION_ID, MIGRATIONS)


def open_record(path: Path, *, readonly: bool = False, told: Told | None = None) -> SqliteRecord:
    """The estate's record, made when it is not there.

    Raises:
        StoreForeign: The file is another program's, or newer than this version.
        StoreUnavailable: It only is to be read and is not there, or is locked.
    """
    connection = open_file(path, APPLICATION_ID, MIGRATIONS, readonly=readonly, told=told)
    return SqliteRecord(connection, path)
