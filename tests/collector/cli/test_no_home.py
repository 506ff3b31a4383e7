"""Commands on a home that is not there, and on an estate of which nothing counts."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.cli.main import app
from collector.home import Home
from collector.local import LocalEstate
from tests.reconcile.history import observation

NOT_FOUND, REFUSED = 4, 3


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


@pytest.mark.parametrize(
    "words",
    [
        ("show", "x"), ("status",), ("assets",), ("assets", "--json"), ("explain", "x"),
        ("decisions",),
        ("export", "assets"), ("backup", "b.tar"), ("retire", "x", "--dry-run"), ("alerts",),
        ("rebuild",), ("join", "a", "b"), ("undo", "1"), ("set", "x", "serial=1"),
        ("retention", "run"), ("token", "revoke", "x"), ("agents", "revoke", "x"),
        ("rules", "apply", os.devnull), ("rules", "simulate", os.devnull), ("rules", "undo"),
        ("reconcile", "--dry-run", os.devnull), ("stop-list", "learn"), ("demo", "erase"),
        ("user", "reset-password", "x"), ("alerts", "acknowledge", "1"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_begins_no_home_makes_none_and_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = tmp_path / "typo"
    done = run(home, *words)
    assert done.exit_code == NOT_FOUND, done.output
    assert f"there is no home at {home}" in done.stderr
    assert "'stocktake serve' makes one" in done.stderr
    assert not home.exists()


def test_a_rules_file_is_checked_without_a_home(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("silence: {agent: 5 days}\n", encoding="utf-8")
    done = run(tmp_path / "new", "rules", "check", str(file))
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words", [("user", "add", "dana"), ("token", "--only-token"), ("demo", "load")], ids=" ".join
)
def test_what_begins_a_home_makes_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run(tmp_path / "new", *words).exit_code == 0
    assert Home(tmp_path / "new").record_path.exists()
    assert run(tmp_path / "new", "status").exit_code == 0


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("none.tar", "No such file or directory"),
        ("folder", "Is a directory"),
        ("text", "it is no backup, or was cut"),
    ],
)
def test_a_file_that_is_no_backup_is_named_in_words(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("words" * 500, encoding="utf-8")
    done = run(tmp_path / "home", "restore", str(tmp_path / file))
    assert done.exit_code == REFUSED
    assert done.stderr == f"stocktake: {tmp_path / file} cannot be restored: {said}\n"
    assert not (tmp_path / "home").exists()


def test_an_estate_that_is_excluded_whole_says_how_to_include_it(tmp_path: Path) -> None:
    with closing(LocalEstate(Home(tmp_path))) as estate:
        line = observation("import", "row", 0, attributes={"name": "pc-1"})
        done = estate.call("import.observations", {"text": json.dumps(line)})
        estate.call("import.wait", {"sequence": done["sequence"]})
        estate.call("identity.exclude", {"source": "import/one"})
    done_ = run(tmp_path, "assets")
    assert "all that is known is excluded" in done_.stdout
    assert "'stocktake include --source import/one'" in done_.stdout
    assert "nothing is known yet" not in done_.stdout
    run(tmp_path, "include", "--source", "import/one")
    assert "1 in all" in run(tmp_path, "assets").stdout
    # Nothing of that kind is no empty estate.
    none = run(tmp_path, "assets", "--class", "Printer").stdout
    assert "0 in all" in none
    assert "nothing is known" not in none


def test_a_single_record_is_included_by_its_decision(tmp_path: Path) -> None:
    with closing(LocalEstate(Home(tmp_path))) as estate:
        line = observation("import", "row", 0, attributes={"name": "pc-1"})
        done = estate.call("import.observations", {"text": json.dumps(line)})
        estate.call("import.wait", {"sequence": done["sequence"]})
        estate.call("identity.exclude", {"record": "import/one/site/row"})
    assert "'stocktake undo 1' includes it again" in run(tmp_path, "assets").stdout
