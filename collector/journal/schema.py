"""The tables of journal.db: what was received, and the intake's own. Steps are only ever added.

The journal's tables, and those of enrolment, jobs and settings, which the same process writes.
Knows no row. Instants are microseconds since 1970.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from collector.journal.port import JournalForeign, JournalUnavailable

APPLICATION_ID = 0x53544B4A  # "STKJ"

_FIRST = """
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, form TEXT NOT NULL,
  received_us INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batch (
  sender TEXT NOT NULL, batch_id TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  unmet TEXT NOT NULL, note BLOB NOT NULL, received_us INTEGER NOT NULL,
  PRIMARY KEY (sender, batch_id)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_age ON batch (received_us);
CREATE TABLE IF NOT EXISTS held (
  sender TEXT NOT NULL, record TEXT NOT NULL, sections BLOB NOT NULL,
  PRIMARY KEY (sender, record)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, secret_sha256 BLOB NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS observer (
  id TEXT PRIMARY KEY, token_id TEXT NOT NULL, key_sha256 BLOB NOT NULL, body TEXT NOT NULL)
  STRICT;
CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""
"""Step 1. `IF NOT EXISTS`: the first journals had these tables, and no number."""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""In order; what was ever on a disk is never altered, only followed by another."""

_TABLES_OF_UNNUMBERED = "SELECT count(*) FROM sqlite_master WHERE name IN ('entry', 'batch')"


def check(connection: sqlite3.Connection, path: Path, known: int = len(MIGRATIONS)) -> int:
    """The file's schema, 0 for a new file or one of before the schema had a number.

    Raises:
        JournalForeign: another program's file, or a schema newer than this version knows.
    """
    found = int(connection.execute("PRAGMA application_id").fetchone()[0])
    schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and found != APPLICATION_ID and not _is_unnumbered(connection, found, schema):
        raise JournalForeign(f"{path} belongs to another program; name another home (--home)")
    if schema > known:
        raise JournalForeign(
            f"{path} has schema {schema}, this version knows {known}: use a newer Stocktake"
        )
    return schema


def check_journal(path: Path) -> None:
    """Whether this version can open the journal of a file.

    Raises:
        JournalForeign: see `check`.
        JournalUnavailable: it cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as db:
            check(db, path)
    except sqlite3.DatabaseError as error:
        raise JournalUnavailable(f"cannot read {path}: {error}") from error


def bring_up_to_date(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Takes the steps that the file has not taken, each in a transaction of its own.

    Raises:
        JournalForeign: see `check`; the file is as it was.
    """
    schema = check(connection, path, len(migrations))
    for number, step in enumerate(migrations[schema:], start=schema + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _is_unnumbered(connection: sqlite3.Connection, application_id: int, schema: int) -> bool:
    ours = connection.execute(_TABLES_OF_UNNUMBERED).fetchone()[0] == 2  # noqa: PLR2004
    return application_id == 0 and schema == 0 and bool(ours)
