"""What was so, and what was believed, at a time."""

from __future__ import annotations

import json
from typing import Any

from tests.journeys.conftest import Estate, Server


def line(at: str, observed: str, owner: str) -> str:
    told: dict[str, Any] = {
        "type": "observation",
        "at": at,
        "observed_at": observed,
        "source": {"kind": "import", "instance": "list"},
        "scope": "hq",
        "native_key": "row 1",
        "full": True,
        "class": "Computer",
        "attributes": {"name": "pc-1", "system_serial": "5CG1234567", "owner": owner},
    }
    return json.dumps(told)


def test_the_past_is_asked_for_on_two_axes(home: Estate, server: Server) -> None:
    told = (
        line("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "ann"),
        line("2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z", "cleo"),
        # Seen on the fifth, told on the tenth.
        line("2026-03-10T00:00:00Z", "2026-03-05T00:00:00Z", "bob"),
    )
    for estate in (home, server):
        for text in told:
            # A replay is applied in groups: what one file tells is learned at once.
            file = home.home.parent / "history.jsonl"
            file.write_text(text + "\n", encoding="utf-8")
            estate.json("import", "observations", file, "--replay")
        assert owner(estate) == "cleo"
        assert owner(estate, "--as-of", "2026-03-02") == "ann"
        assert owner(estate, "--as-of", "2026-03-06") == "bob"
        assert owner(estate, "--as-of", "2026-03-06", "--known-at", "2026-03-09T12:00:00Z") == "ann"
        assert owner(estate, "--known-at", "2026-03-09T12:00:00Z") == "cleo"
        page = estate.json("show", "pc-1", "--as-of", "2026-03-02")
        assert page["past"]["as_of"].startswith("2026-03-02")
        found = estate.json("diff", "pc-1", "2026-03-02", "2026-03-06")
        assert found["differences"] == [
            {"part": "attribute", "name": "owner", "before": "ann", "after": "bob"}
        ]
        new = estate.json("diff", "pc-1", "2026-02-01")["differences"]
        assert {"part": "attribute", "name": "owner", "before": None, "after": "cleo"} in new
        assert estate.run("diff", "nobody", "2026-02-01").returncode == 4
        listed = estate.json("assets", "--as-of", "2026-02-01")
        assert listed["assets"] == []


def owner(estate: Estate, *options: str) -> str:
    page = estate.json("show", "pc-1", *options)
    values = {row["name"]: row["value"] for row in page["attributes"]}
    return str(values["owner"])
