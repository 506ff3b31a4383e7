"""Values look alike wherever the command line tells of a change."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.cli.main import app
from collector.home import Home
from collector.local import LocalEstate
from tests.journeys.conftest import command
from tests.reconcile.history import observation

GIB = 1 << 30
COMPUTER: dict[str, Any] = {"class": "Computer"}
RULES = (
    "classes:\n  Computer:\n    attributes:\n      memory_bytes:\n        order: [import, agent]\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    first = {"name": "pc-1", "memory_bytes": 8 * GIB, "owner": "B"}
    second = {"name": "pc-1", "memory_bytes": 12 * GIB}
    lines = [
        observation("agent", "k1", 0, **COMPUTER, attributes=first),
        observation("agent", "k1", 48, **COMPUTER, attributes=second),
        observation("agent", "k1", 3000, **COMPUTER, attributes=second),
        observation("import", "row", 3000, attributes={"name": "x", "memory_bytes": 4 * GIB}),
    ]
    with closing(LocalEstate(found)) as estate:
        text = "\n".join(map(json.dumps, lines))
        done = estate.call("import.observations", {"text": text, "replay": True})
        assert done["refused"] == []
        estate.call("import.wait", {"sequence": done["sequence"]})
    return found


def told(home: Home, *words: str) -> str:
    done = CliRunner().invoke(app, ["--home", str(home.path), *words], env={"COLUMNS": "250"})
    assert done.exit_code == 0, done.output
    return done.output


def test_history_tells_sizes_states_and_what_is_none(home: Home) -> None:
    told(home, "retire", "ci-1")
    found = told(home, "history", "ci-1")
    assert "memory_bytes: 8 GiB → 12 GiB" in found
    assert "owner: B → nothing" in found
    assert "state: present → retired" in found
    assert "None" not in found
    assert '"memory_bytes": [' in told(home, "history", "ci-1", "--json")
    assert str(12 * GIB) in told(home, "history", "ci-1", "--json")


def test_a_comparison_tells_sizes(home: Home) -> None:
    rows = [line.split() for line in told(home, "diff", "ci-1", "2026-01-02").splitlines()]
    assert ["attribute", "memory_bytes", "8", "GiB", "12", "GiB"] in rows
    assert ["attribute", "owner", "B", "-"] in rows


def test_decisions_tell_sizes_and_what_was_taken_back(home: Home) -> None:
    told(home, "set", "ci-2", f"memory_bytes={20 * GIB}", "owner=ops", "--note", "seen in the rack")
    told(home, "unset", "ci-2", "memory_bytes", "owner")
    told(home, "undo", "2")
    found = told(home, "decisions")
    assert "memory_bytes is set to 20 GiB; owner is set to ops" in found
    assert "memory_bytes is taken back (before: 20 GiB)" in found
    acts = json.loads(told(home, "decisions", "--json"))["decisions"]
    assert [row["act"] for row in acts] == ["undo", "unset", "set"]
    narrow = (
        CliRunner()
        .invoke(app, ["--home", str(home.path), "decisions"], env={"COLUMNS": "80"})
        .output.splitlines()
    )
    assert max(map(len, narrow)) <= 80
    first = next(line for line in narrow if " set " in line)
    assert "2026-05-06" in first, "a date is not folded"


def test_one_line_that_is_imported_is_one(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(observation("agent", "k2", 3001)), encoding="utf-8")
    assert told(home, "import", "observations", str(file)).startswith("1 line is in the view")
    file.write_text("{}", encoding="utf-8")
    done = CliRunner().invoke(
        app, ["--home", str(home.path), "import", "observations", "--replay", str(file)]
    )
    assert done.stdout == "0 lines are in the view\n"


def test_a_dry_run_and_a_simulation_tell_sizes(home: Home, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    line = observation("agent", "k1", 3001, attributes={"name": "pc-1", "memory_bytes": 16 * GIB})
    report.write_text(json.dumps(line), encoding="utf-8")
    assert "memory_bytes: 12 GiB → 16 GiB" in told(home, "reconcile", "--dry-run", str(report))
    told(home, "join", "ci-1", "ci-2")
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    # A process of its own, as the trial starts one.
    done = command("stocktake", "--home", home.path, "rules", "simulate", rules)
    assert done.returncode == 0, done.stderr
    found = done.stdout
    assert "memory_bytes: 12 GiB (agent/one) → 4 GiB (import/one)" in found
    assert "->" not in found


def test_a_value_that_was_set_is_told_with_its_size(home: Home) -> None:
    assert "20 GiB" in told(home, "set", "ci-2", f"memory_bytes={20 * GIB}")


@pytest.mark.parametrize(
    ("text", "size"),
    [("5 GB", 5 * GIB), ("8GiB", 8 * GIB), ("1.5 GiB", 3 * GIB // 2), ("2,048 MB", 2 * GIB)],
)
def test_a_size_is_set_with_its_unit(home: Home, text: str, size: int) -> None:
    done = json.loads(told(home, "set", "ci-2", f"memory_bytes={text}", "--json"))
    assert [row["value"] for row in done["values"]] == [size]


@pytest.mark.parametrize("text", ["lots", "8.5", "5 GB of it", "9 QB"])
def test_what_is_no_size_is_refused_with_an_example(home: Home, text: str) -> None:
    words = ["--home", str(home.path), "set", "ci-2", f"memory_bytes={text}"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3
    assert "memory_bytes is a whole number of bytes" in done.output
    assert ", such as 8589934592 or 8 GiB; " in done.output


def test_explain_says_that_nobody_says_anything(home: Home) -> None:
    found = told(home, "explain", "ci-2", "owner").splitlines()
    assert "owner: nothing" in found
    assert found[-1] == "no source says anything about owner of it"
