"""`stocktake decisions --asset` and `show` of what a person excluded with its source."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.cli.main import app
from collector.home import Home
from collector.local import LocalEstate
from tests.reconcile.history import observation

_TABLE_WIDTH = "200"
_TWO = ("left", "right")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    lines = [
        observation("agent", "k1", 0, attributes={"name": "pc-1"}),
        observation("import", "row", 1, instance="list", attributes={"name": "pc-2"}),
    ]
    with closing(LocalEstate(found)) as estate:
        text = "\n".join(map(json.dumps, lines))
        done = estate.call("import.observations", {"text": text, "replay": True})
        estate.call("import.wait", {"sequence": done["sequence"]})
    return found


def run(home: Home, *words: str) -> Result:
    return CliRunner().invoke(
        app, ["--home", str(home.path), *words], env={"COLUMNS": _TABLE_WIDTH}
    )


def acts(home: Home, *words: str) -> list[str]:
    told = json.loads(run(home, "decisions", *words, "--json").output)
    return [row["act"] for row in told["decisions"]]


def test_decisions_about_its_source_are_decisions_about_an_asset(home: Home) -> None:
    assert "nothing was decided about pc-2" in run(home, "decisions", "--asset", "pc-2").output
    assert run(home, "exclude", "--source", "import/list").exit_code == 0
    for name in ("ci-2", "pc-2"):
        assert acts(home, "--asset", name) == ["exclude"], "it is answered as explain answers"
    assert "all of source import/list" in run(home, "decisions", "--asset", "ci-2").output
    assert acts(home, "--asset", "ci-1") == []
    assert run(home, "undo", "1").exit_code == 0
    assert run(home, "exclude", "import/list/site/row").exit_code == 0
    assert run(home, "include", "import/list/site/row").exit_code == 0
    assert acts(home, "--asset", "ci-2") == ["include", "exclude", "undo", "exclude"]
    assert acts(home, "--asset", "ci-1") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("show", ""), ("history", ""), ("diff", "2026-01-01"), ("impact", ""), ("retire", ""),
        ("join ci-1", ""), ("set", "owner=ops"),
    ],
)  # fmt: skip
def test_whoever_asks_is_told_the_decision_by_which_nothing_of_it_counts(
    home: Home, before: str, after: str
) -> None:
    assert run(home, "exclude", "--source", "import/list").exit_code == 0
    for name in ("ci-2", "pc-2"):
        told = run(home, *before.split(), name, *after.split())
        assert told.exit_code == 4, told.output
        assert "all records of ci-2 are excluded by decision 1 (" in told.output
        assert "'stocktake undo 1' includes them again" in told.output
        assert "'stocktake explain ci-2'" in told.output


def test_what_nobody_knows_is_not_excluded(home: Home) -> None:
    assert run(home, "exclude", "--source", "import/list").exit_code == 0
    for words in (("show", "pc-9"), ("decisions", "--asset", "pc-9")):
        assert "no asset is called 'pc-9'" in run(home, *words).output


def test_both_assets_are_named_that_come_back(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    two = (
        observation("import", name, 2 + at, attributes={"name": name})
        for at, name in enumerate(_TWO)
    )
    file.write_text("\n".join(map(json.dumps, two)), encoding="utf-8")
    assert run(home, "import", "observations", "--replay", str(file)).exit_code == 0
    assert "ci-4 (right) joined ci-3 (left)" in run(home, "join", "ci-3", "ci-4").output
    assert "right  ci-3" in run(home, "show", "ci-3").output, "it goes by the newest name"
    assert "1 record left ci-3 (left) for ci-4 (right)" in run(home, "undo", "1").output
