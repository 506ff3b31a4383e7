"""`stocktake stop-list` says where its limit comes from."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from collector.cli.main import app
from collector.home import Home
from collector.local import LocalEstate


def said(home: Home, act: str, **extra: str) -> None:
    """A person's word, in the record when it returns."""
    line = {"type": "person", "at": "2026-03-01T00:00:00Z", "act": act, "extra": extra}
    with closing(LocalEstate(home)) as estate:
        done = estate.call("import.observations", {"text": json.dumps(line), "replay": True})
        assert done["refused"] == []
        estate.call("import.wait", {"sequence": done["sequence"]})


def test_the_limit_and_its_origin(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with closing(LocalEstate(home)) as estate:
        estate.call("stop_list.list", {})

    def shown(*words: str) -> str:
        done = CliRunner().invoke(app, ["--home", str(home.path), "stop-list", *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert "more than 24 records identifies nobody (the usual; 'stop-list learn' asks)" in shown()
    said(home, "rules", rules="silence:\n  agent: 3 days\nstop_list:\n  limit: 7\n", file="r.yaml")
    assert "more than 7 records identifies nobody (rules version 1, line 4)" in shown()
    assert json.loads(shown("--json"))["origin"] == "rules version 1, line 4"
    said(home, "crowded", n="40")
    assert "more than 40 records identifies nobody (learned from this estate, decision 2" in shown()
    said(home, "undo", undoes="2")
    assert "(rules version 1, line 4)" in shown()
    said(home, "rules", rules="silence:\n  agent: 3 days\n", file="r.yaml")
    assert "(the usual;" in shown()
