"""A journal of every schema that was ever on a disk opens with all that it held."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from collector.enrolment import tokens
from collector.home import Home
from collector.intake_desk import Addresses, IntakeDesk
from collector.journal import schema
from collector.journal.file import JournalFile
from collector.journal.port import Batch, BatchId, Entry, JournalForeign, JournalUnavailable
from collector.journal.sqlite import SqliteJournal, SqliteReader

FILES = sorted((Path(__file__).parent / "files").glob("*.sql"), key=lambda path: int(path.stem))
AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
OBSERVER = "obs-hqmrkznusc"
SECRET = "8C89gUpgMWZd0ec4aUsy21Z6VuYV_ZWK"  # of a token that has expired
TODAY = len(schema.MIGRATIONS)


def written(script: Path, path: Path) -> Path:
    """The file that a script describes."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script.read_text())
    return path


def numbers(path: Path) -> tuple[int, int]:
    """Whose file it is and of what schema."""
    with closing(sqlite3.connect(path)) as db:
        application_id = db.execute("PRAGMA application_id").fetchone()[0]
        return application_id, db.execute("PRAGMA user_version").fetchone()[0]


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The columns of each table and index."""
    with closing(sqlite3.connect(path)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master ORDER BY name")]
        return {
            name: [
                *db.execute(f"PRAGMA table_info({name})"),
                *db.execute(f"PRAGMA index_info({name})"),
            ]
            for name in names
        }


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A home whose journal is of an old schema."""
    found = Home(tmp_path)
    written(request.param, found.journal_path)
    return found


def test_there_is_a_journal_of_every_schema() -> None:
    # 0 is what the first journals were: today's tables, and no number.
    assert [int(path.stem) for path in FILES] == [*range(TODAY + 1)]
    for path in FILES:
        expected = schema.APPLICATION_ID if int(path.stem) else 0
        assert f"PRAGMA application_id={expected};" in path.read_text()
        assert f"PRAGMA user_version={path.stem};" in path.read_text()


def test_it_is_brought_up_to_date_and_holds_the_same(home: Home) -> None:
    with closing(IntakeDesk(home, lambda: AT)) as desk:
        assert [(n.sequence, n.entry) for n in desk.journal.read(0, 9, 1000)] == [
            (3, Entry("import/cmdb", "jsonl.v1", AT + timedelta(hours=1), b'{"v":2}')),
            (4, Entry(f"observer/{OBSERVER}", "item.v1", AT + timedelta(hours=1), b"fourth")),
        ]
        assert desk.journal.holds(OBSERVER, "r1", [sha256(b"one").digest()])
        assert not desk.journal.holds(OBSERVER, "r1", [sha256(b"other").digest()])
        again = desk.journal.append([], batch=Batch(BatchId(OBSERVER, "b1")))
        assert (again.duplicate, again.last, again.note) == (True, 1, b"note-1")
        observer = desk.registry.get(OBSERVER)
        assert observer is not None
        assert (observer.hostname, observer.scope) == ("host-1", "site")
        assert [(token.note, token.uses) for token in desk.list_tokens()] == [("first", 1), ("", 0)]
        assert [job.wanted.observer_id for job in desk.list_jobs()] == [OBSERVER]
        assert desk.settings(OBSERVER).report_every == timedelta(hours=2)
        assert desk.addresses() == Addresses(
            ("collector.example:8441",), ("collector.example:8442",)
        )
        assert desk.journal.append([Entry("person/admin", "jsonl.v1", AT, b"fifth")]).last == 5
    assert numbers(home.journal_path) == (schema.APPLICATION_ID, TODAY)
    with closing(JournalFile(home.journal_path)) as file:
        assert file.write(lambda db: tokens.usable(db, SECRET, AT)).note == "first"
        assert file.write(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]


def test_it_has_the_tables_of_a_new_one(home: Home, tmp_path: Path) -> None:
    SqliteJournal.open(home.journal_path).close()
    SqliteJournal.open(tmp_path / "new.db").close()
    assert shape(home.journal_path) == shape(tmp_path / "new.db")
    assert numbers(tmp_path / "new.db") == (schema.APPLICATION_ID, TODAY)


def test_a_reader_reads_it_as_it_is(home: Home) -> None:
    before = numbers(home.journal_path)
    with closing(SqliteReader(home.journal_path)) as reader:
        assert reader.last() == 4
        assert [n.sequence for n in reader.read(0, 9, 1000)] == [3, 4]
    assert numbers(home.journal_path) == before


def test_one_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    newer = (*schema.MIGRATIONS, "CREATE TABLE later (id INTEGER)")
    JournalFile(path, newer).close()
    before = path.read_bytes()
    for opened in (SqliteJournal.open, SqliteReader):
        with pytest.raises(JournalForeign, match=rf"schema {TODAY + 1}.* knows {TODAY}: use a new"):
            opened(path)
    assert path.read_bytes() == before
    with pytest.raises(JournalForeign, match="newer Stocktake"):
        IntakeDesk(Home(tmp_path))


@pytest.mark.parametrize(
    "statements",
    [
        "PRAGMA application_id=7; CREATE TABLE entry (id); CREATE TABLE batch (id)",
        "CREATE TABLE entry (id)",
        "PRAGMA user_version=1; CREATE TABLE entry (id); CREATE TABLE batch (id)",
    ],
    ids=["an id", "other tables", "a number"],
)
def test_one_of_another_program_is_refused_and_left_alone(tmp_path: Path, statements: str) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(statements)
    before = path.read_bytes()
    for opened in (SqliteJournal.open, SqliteReader):
        with pytest.raises(JournalForeign, match="another program"):
            opened(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = written(FILES[-1], tmp_path / "journal.db")
    before = shape(path)
    failing = (*schema.MIGRATIONS, "CREATE TABLE later (id INTEGER); DROP TABLE nowhere")
    with pytest.raises(JournalUnavailable, match="nowhere"):
        JournalFile(path, failing)
    assert shape(path) == before
    assert numbers(path) == (schema.APPLICATION_ID, TODAY)
    SqliteJournal.open(path).close()
