"""Consistent copies of a database that is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cmdb.store.sqlite.connection import translated

_PAGES = 1_024


def copy_database(source: Path, target: Path) -> None:
    """Copies a database as it is at one moment, while others write to it.

    Raises:
        StoreError: It cannot be read, or there is no room for the copy.
    """
    with translated(source), closing(_reading(source)) as origin:
        # One read transaction: a writer that commits meanwhile does not start the copy over.
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            origin.backup(copy, pages=_PAGES)
            copy.execute("PRAGMA journal_mode=DELETE")
    target.chmod(0o600)


def check_database(path: Path) -> str | None:
    """What is wrong with a database file; None when it is whole."""
    with translated(path), closing(_reading(path)) as db:
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return None if found == "ok" else str(found)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
