"""`stocktake show` and REST say why an asset is not present."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from collector.cli.main import app
from collector.home import Home
from collector.local import LocalEstate
from tests.reconcile.history import START, observation

_HOME = "home"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / _HOME)
    lines = [
        observation("agent", "k1", 0, attributes={"name": "pc-1", "system_serial": "SER00001"}),
        observation("agent", "k2", 960, attributes={"name": "pc-2", "system_serial": "SER00002"}),
        {
            "type": "person", "at": START.replace(month=3).isoformat(), "act": "retire",
            "records": [{"source": {"kind": "agent", "instance": "one"}, "scope": "site",
                         "native_key": "k2"}], "by": "ops", "note": "sold",
        },
    ]  # fmt: skip
    with closing(LocalEstate(found)) as estate:
        text = "\n".join(map(json.dumps, lines))
        done = estate.call("import.observations", {"text": text, "replay": True})
        assert done["refused"] == []
        estate.call("import.wait", {"sequence": done["sequence"]})
    return found


def shown(home: Home, *words: str) -> str:
    done = CliRunner().invoke(app, ["--home", str(home.path), "show", *words])
    assert done.exit_code == 0
    return done.output


def test_show_says_why(home: Home) -> None:
    assert isinstance(app, typer.Typer)
    missing, sold = shown(home, "pc-1"), shown(home, "pc-2")
    assert "because" in missing
    assert "agent one: silent for" in missing
    assert "retired" in sold
    assert "because" in sold
    assert "sold" in sold
    assert "since 2026-03-01" in sold
    before = shown(home, "pc-1", "--as-of", "2026-01-01T01:00:00Z")
    assert "because" not in before
    assert "silent" not in before


def test_an_answer_for_programs_says_why_and_since_when(home: Home) -> None:
    told = json.loads(shown(home, "pc-1", "--json"))
    explained = CliRunner().invoke(app, ["--home", str(home.path), "explain", "pc-1", "--json"])
    reasons = json.loads(explained.output)
    assert told["asset"]["state"] == reasons["state"] != "present"
    assert told["standing"] == {"since": reasons["state_since"], "why": reasons["state_why"]}
    early = json.loads(shown(home, "pc-1", "--json", "--as-of", "2026-01-01T01:00:00Z"))
    assert early["standing"] is None


def explained(home: Home, *words: str) -> str:
    done = CliRunner().invoke(app, ["--home", str(home.path), "explain", *words])
    assert done.exit_code == 0
    return done.output


def test_evidence_reads_as_sentences(home: Home) -> None:
    eth = {"name": "eth0", "mac": "00:50:56:aa:00:01", "kind": "ethernet"}
    machine: dict[str, Any] = {
        "attributes": {"name": "pc-3", "system_serial": "SER00003"},
        "interfaces": [eth],
    }
    lines = [
        observation("agent", "k3", 2000, **machine),
        observation("scan", "10.0.0.3", 2001, interfaces=[eth | {"addresses": ["10.0.0.3/24"]}]),
        observation("agent", "k3", 2100, attributes={"name": "pc-4", "system_serial": "SER00004"}),
    ]
    with closing(LocalEstate(home)) as estate:
        text = "\n".join(map(json.dumps, lines))
        done = estate.call("import.observations", {"text": text, "replay": True})
        estate.call("import.wait", {"sequence": done["sequence"]})
    told = explained(home, "pc-3")
    assert "scan/one/site/10.0.0.3: seen by its mac 005056aa0001, since" in told
    assert "not joined, though it shares native key k3 with agent/one/site/k3 (" in told
    assert "by seen by" not in told
    assert "  with" not in told


def test_a_run_that_did_not_see_it_is_told_with_its_times(home: Home) -> None:
    lan = [{"addresses": ["10.0.0.9"]}]
    seen = observation("scan", "10.0.0.9", 2200, attributes={"name": "stub"}, interfaces=lan)
    run = {
        "type": "run", "run": "r1", "scope": "site", "covers": {"all": True},
        "source": {"kind": "scan", "instance": "one"},
    }  # fmt: skip
    begin, end = ((START + timedelta(hours=hours)).isoformat() for hours in (2300, 2302))
    lines = [
        seen,
        {**run, "event": "start", "at": begin, "observed_at": begin},
        {**run, "event": "end", "at": end, "observed_at": end, "state": "complete"},
    ]
    with closing(LocalEstate(home)) as estate:
        text = "\n".join(map(json.dumps, lines))
        done = estate.call("import.observations", {"text": text, "replay": True})
        estate.call("import.wait", {"sequence": done["sequence"]})
    told = shown(home, "stub")
    why = "run r1 did not see it (the run began 2026-04-06T20:00:00Z, ended 2026-04-06T22:00:00Z)"
    assert f"{why}, since 2026-04-06T20:00:00Z" in told
    changes = CliRunner().invoke(app, ["--home", str(home.path), "history", "stub"]).output
    assert next(line for line in changes.splitlines() if "missing" in line).startswith(
        " 2026-04-06T22:00:00Z"
    ), "the feed tells when it was learned"
