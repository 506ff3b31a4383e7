"""Opens SQLite files the one way, and translates what SQLite says into the store's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from cmdb.store.port import StoreError, StoreForeign, StoreFull, StoreUnavailable

Migration = str | Callable[[sqlite3.Connection], None]
"""One numbered step of a schema; its number is its place in the tuple, from 1.

Statements, or what does the work inside the transaction that is open.
"""

Told = Callable[[int, int], None]
"""Hears of each step that an older file takes: its number, and that of the last."""

_BUSY_MS = 10_000
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 8_000
"""64 MB: pages that every transaction alters are copied back once and not each time."""


class translated:  # noqa: N801 - read as a word: with translated(path)
    """Turns an error of SQLite into one of the store's, naming the file.

    A class, because it is entered dozens of times for each report.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """Translates."""
        if isinstance(error, sqlite3.Error):
            raise _translate(error, self._path) from error


def _translate(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL" or "disk is full" in str(error):
        return StoreFull(f"no room on the disk of {path}: free some and try again")
    if code == "SQLITE_NOTADB":
        return StoreForeign(f"{path} is not a store of Stocktake")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
        return StoreUnavailable(f"{path} cannot be used now: {error}")
    return StoreError(f"{path}: {error}")


def open_file(
    path: Path,
    application_id: int,
    migrations: Sequence[Migration],
    *,
    readonly: bool,
    told: Told | None = None,
) -> sqlite3.Connection:
    """A connection in WAL mode, its schema brought up to date unless it only reads.

    Raises:
        StoreForeign: Another program's file, or a schema newer than this version knows.
        StoreUnavailable: It is not there, or is locked.
    """
    with translated(path):
        if readonly:
            connection = _open_readonly(path)
        else:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            path.chmod(0o600)
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        try:
            _check(connection, path, application_id, len(migrations), readonly=readonly)
            if not readonly:
                _prepare(connection, application_id, migrations, told)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def steady(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything read inside is of one moment, also where nobody opened a transaction."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        _leave(connection)


def _leave(connection: sqlite3.Connection) -> None:
    # An error may have ended the transaction already.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def check_file(path: Path, application_id: int, migrations: Sequence[Migration]) -> None:
    """Whether a file is one that this version can open, or bring up to date.

    Raises:
        StoreForeign: Another program's file, or a schema newer than this version knows.
        StoreUnavailable: It is not there, or is locked.
    """
    with translated(path), closing(_open_readonly(path)) as connection:
        _check(connection, path, application_id, len(migrations), readonly=False)


def _open_readonly(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreUnavailable(f"there is no {path}: start the server once, or name the home")
    # Not mode=ro: a reader of a WAL file must be able to make its -shm file.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only=ON")
    return connection


def _check(
    connection: sqlite3.Connection, path: Path, application_id: int, known: int, *, readonly: bool
) -> None:
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and found != application_id:
        raise StoreForeign(f"{path} belongs to another program; name another home")
    if version > known:
        raise StoreForeign(
            f"{path} has schema {version}, this version knows {known}: use a newer Stocktake"
        )
    if readonly and version < known:
        raise StoreUnavailable(f"{path} has an older schema; start the server once to migrate it")


def _prepare(
    connection: sqlite3.Connection,
    application_id: int,
    migrations: Sequence[Migration],
    told: Told | None,
) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    apply_steps(connection, application_id, migrations, told)


def apply_steps(
    connection: sqlite3.Connection,
    application_id: int,
    migrations: Sequence[Migration],
    told: Told | None = None,
) -> None:
    """Brings the schema up to date, each step in a transaction of its own."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, step in enumerate(migrations[version:], start=version + 1):
        if told is not None and version:
            told(number, len(migrations))
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate(connection, step)
            connection.execute(f"PRAGMA user_version={number}")
            connection.execute(f"PRAGMA application_id={application_id}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _migrate(connection: sqlite3.Connection, step: Migration) -> None:
    if not isinstance(step, str):
        step(connection)
        return
    # Not executescript(): it would commit what is open.
    for statement in filter(str.strip, step.split(";")):
        connection.execute(statement)
