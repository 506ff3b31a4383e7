"""What is refused before it costs anything, and by its own number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

REFUSED, NOT_FOUND = 3, 4


def line(key: str, **fields: Any) -> str:
    return json.dumps(
        {
            "type": "observation",
            "at": "2026-01-05T08:00:00Z",
            "source": {"kind": "import", "instance": "list"},
            "scope": "hq",
            "native_key": key,
            "full": True,
            "attributes": {"name": key},
        }
        | fields
    )


def test_who_is_not_known_is_told_so_before_the_body_is_read(server: Any) -> None:
    for body in (b"not json", b'{"text": [{}, {}, 1]}'):
        answer = httpx.post(f"{server.url}/api/v1/import/observations", content=body)
        assert answer.status_code == 401


def test_a_line_that_is_too_long_keeps_the_numbers_of_the_others(home: Any, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    rows = [line("pc-1"), "x" * 12_000_000, "broken", line("pc-4")]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = home.run("import", "observations", path, "--json")
    assert done.returncode == REFUSED
    said = json.loads(done.stdout)
    assert said["accepted"] == 2
    assert [row["line"] for row in said["refused"]] == [2, 3]


def test_the_sample_estates_scope_is_its_own(home: Any) -> None:
    done = home.run("import", "observations", "-", stdin=line("pc-1", scope="demo"))
    assert done.returncode == REFUSED
    assert "sample estate" in done.stderr
    assert home.run("token", "--scope", "demo").returncode == REFUSED


def test_unknown_observers_and_states_are_not_taken_for_good(home: Any) -> None:
    home.ok("token")  # begins it
    assert home.run("agents", "report", "obs-nope").returncode == NOT_FOUND
    done = home.run("assets", "--state", "gone")
    assert done.returncode == REFUSED
    assert "present, missing, retired" in done.stderr
    assert home.run("token", "--hours", "nan").returncode == REFUSED
