"""Long work shows on a terminal how far it is, and writes nothing where there is none."""

from __future__ import annotations

import io
import os
import pty
import select
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cmdb.store.sqlite.record import open_record
from collector import working
from collector.backup import restore_backup, write_backup
from collector.home import Home

STOCKTAKE = Path(sys.executable).parent / "stocktake"
HOMES = Path(__file__).parents[1] / "cmdb/store/homes"


def on_terminal(*words: str) -> str:
    """What a command writes to a terminal as its standard error."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(STOCKTAKE), *words], stdout=subprocess.DEVNULL, stderr=theirs, close_fds=True
    ) as process:
        os.close(theirs)
        told = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # The other end is closed.
                break
            told += part
    os.close(ours)
    assert process.returncode == 0, told
    return told.decode()


@pytest.fixture
def old(tmp_path: Path) -> Home:
    """A home of an earlier schema."""
    home = Home(tmp_path / "old").create()
    with closing(sqlite3.connect(home.record_path)) as db:
        db.executescript((HOMES / "8.sql").read_text())
    return home


def test_an_upgrade_tells_of_each_step(old: Home) -> None:
    told = on_terminal("--home", str(old.path), "assets")
    assert "bringing record.db to schema 9 of" in told
    assert "bringing record.db to schema 10 of" in told
    assert on_terminal("--home", str(old.path), "assets") == ""


def test_nothing_is_drawn_where_there_is_no_terminal(old: Home) -> None:
    done = subprocess.run(
        [str(STOCKTAKE), "--home", str(old.path), "assets"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_a_restore_tells_how_far_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path / "first").create()
    open_record(home.record_path).close()
    file = write_backup(home, str(tmp_path / "whole.tar"))[0]
    told = on_terminal("--home", str(tmp_path / "second"), "restore", file)
    assert "100 %" in told
    steps: list[tuple[int, int]] = []
    restore_backup(file, Home(tmp_path / "third"), lambda done, whole: steps.append((done, whole)))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == steps[-1][1]
    assert steps[0][0] < steps[0][1]


def test_work_of_unknown_length_says_for_how_long_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(working, "_QUIET_S", 0.001)
    with working.busy("comparing"):
        assert terminal.told.wait(30)
    assert "comparing, 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K"), "nothing of it stays"


class Terminal(io.StringIO):
    """A terminal that says when something was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        self.told.set()
        return written
