"""The first minutes: one command shows this machine; it stops cleanly and finds all again."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Server


def test_one_command_shows_this_machine_and_a_second_start_finds_it_again(
    tmp_path: Path, start: Callable[..., Any], wait: Callable[..., Any]
) -> None:
    server: Server
    with start(tmp_path / "one", "--agent") as server:
        assert server.password
        wait(lambda: server.assets("--class", "Computer"), "this machine is in the graph")
        server.settled()
        (machine,) = server.assets("--class", "Computer")
        assert machine["name"] == platform.node().partition(".")[0]
        assert machine["source_kinds"] == ["agent"]
        page = server.json("show", machine["asset"], "--programs")
        _has_its_programs(page)
        _has_its_services(server, page)
        (agent,) = server.json("agents")["agents"]
        assert agent["agent"]
        assert server.stop() < 10
        assert server.processes() == []

        server.start()
        assert "sign in as" not in server.said
        assert server.assets("--class", "Computer")[0]["asset"] == machine["asset"]
        assert server.json("agents")["agents"][0]["agent"] == agent["agent"]
        wait(
            lambda: server.json("agents")["agents"][0]["last_seen"] > agent["last_seen"],
            "the agent of the first start checks in again",
        )
        server.settled()
        assert len(server.assets("--class", "Computer")) == 1
        assert server.stop() < 10
        assert server.processes() == []


def _has_its_programs(page: Any) -> None:
    listed = {(row["name"], row["version"]) for row in page["programs"]}
    assert len(page["programs"]) == page["programs_total"]
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg-query here to compare programs with")
    said = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\n"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    installed = {line.split("\t")[1] for line in said.splitlines() if line.startswith("ii")}
    assert installed
    assert page["programs_total"] >= len(installed)
    assert {name for name, _ in listed} & installed


def _has_its_services(server: Any, page: Any) -> None:
    parts = [row for row in page["relations"] if row["other_cls"] == "Service"]
    names = " ".join(row["other_name"] for row in parts)
    # The server listens on this machine, so its own ports are among what the agent saw.
    assert str(server.ports[1]) in names, parts
