"""What people decide about identity, and take back."""

from __future__ import annotations

import json
from typing import Any

from tests.journeys.conftest import Estate, Server

ROW = "import/list/hq/row 1"


def line(kind: str, instance: str, key: str, **attributes: str) -> dict[str, Any]:
    return {
        "type": "observation",
        "at": "2026-03-01T00:00:00Z",
        "source": {"kind": kind, "instance": instance},
        "scope": "hq",
        "native_key": key,
        "full": True,
        "class": "Computer",
        "attributes": attributes,
    }


def test_join_split_exclude_and_undo(home: Estate, server: Server) -> None:
    file = home.home.parent / "lines.jsonl"
    lines = (
        line("agent", "e", "a", name="pc-1", system_serial="5CG1234567"),
        line("import", "list", "row 1", name="other", asset_tag="A1", owner="ann"),
    )
    file.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    for estate in (home, server):
        estate.json("import", "observations", file)
        apart = assets(estate)
        assert set(apart) == {"pc-1", "other"}
        estate.ok("join", "pc-1", "other", "--dry-run")
        assert assets(estate) == apart
        estate.ok("join", "pc-1", "other")
        assert assets(estate) == {"pc-1": "ann"}
        first = numbers(estate)[0]
        estate.ok("undo", first)
        assert assets(estate) == apart
        estate.ok("join", "pc-1", "other")
        estate.ok("split", "pc-1", ROW)
        assert assets(estate) == apart
        estate.ok("exclude", "--source", "import/list")
        assert assets(estate) == {"pc-1": None}
        estate.ok("include", "--source", "import/list")
        assert assets(estate) == apart
        estate.ok("set", "pc-1", "owner=bob")
        assert assets(estate)["pc-1"] == "bob"
        assert estate.run("undo", "4711").returncode != 0
        assert len(numbers(estate)) == 7


def assets(estate: Estate) -> dict[str, Any]:
    """Owners by name of the asset."""
    found = estate.json("assets")["assets"]
    return {row["name"]: row["attributes"].get("owner") for row in found}


def numbers(estate: Estate) -> list[int]:
    return [row["number"] for row in estate.json("decisions")["decisions"]]
