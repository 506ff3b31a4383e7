"""A file of a newer version is refused by name and with one exit code, whichever file it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cmdb.store.sqlite.desk import open_desk
from cmdb.store.sqlite.record import open_record
from collector.backup import BackupError, restore_backup, write_backup
from collector.home import Home, HomeForeign
from collector.intake_desk import IntakeDesk

FILES = ("journal.db", "record.db", "desk.db")
REFUSED = 3


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home").create()
    open_record(found.record_path).close()
    open_desk(found.desk_path).close()
    IntakeDesk(found).close()
    return found


def age(path: Path, schema: int) -> int:
    """Gives a file another schema; says which it had."""
    with closing(sqlite3.connect(path)) as db:
        before = int(db.execute("PRAGMA user_version").fetchone()[0])
        db.execute(f"PRAGMA user_version={schema}")
    return before


def run(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "stocktake"), "--home", str(home.path), *words]
    environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env=environ
    )


@pytest.mark.parametrize("name", FILES)
def test_no_backup_is_made_that_could_not_be_restored(home: Home, name: str) -> None:
    known = age(home.path / name, 99)
    target = home.path.parent / "backup.tar"
    with pytest.raises(HomeForeign) as refused:
        write_backup(home, str(target))
    for said in (name, "schema 99", f"knows {known}", "use a newer Stocktake"):
        assert said in str(refused.value)
    assert not target.exists()


@pytest.mark.parametrize("name", FILES)
def test_every_command_that_needs_the_file_ends_with_one_code(home: Home, name: str) -> None:
    age(home.path / name, 99)
    target = str(home.path.parent / "backup.tar")
    uses = {"journal.db": ("token", "list"), "record.db": ("rebuild",), "desk.db": ("user", "list")}
    for words in (("backup", target), uses[name], ("serve", "--port", "0")):
        ended = run(home, *words)
        assert (ended.returncode, words) == (REFUSED, words), ended.stderr
        assert f"{name} has schema 99" in ended.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_backup_of_a_newer_version_is_not_restored(
    home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(home.path / name, 99)
    target = home.path.parent / "backup.tar"
    with monkeypatch.context() as newer:
        # What a newer version writes: one that knows the schema.
        newer.setattr("collector.backup.check_files", lambda _: None)
        newer.setattr("collector.backup._counts", lambda _: dict.fromkeys(
            ("applied", "records", "assets"), 0))  # fmt: skip
        write_backup(home, str(target))
    other = Home(home.path.parent / "other")
    with pytest.raises(BackupError, match=f"its {name} has schema 99, this version knows"):
        restore_backup(str(target), other)
    assert not other.path.exists()
