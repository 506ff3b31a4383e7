"""Runs that cover nothing are told with their line; what can mean nothing is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cmdb.model.observation import RunEvent
from collector.sources.covering import uncovered
from collector.sources.lines import BadLine, parse

ALL = {"all": True}


def line(event: str, run: str = "r1", **more: Any) -> dict[str, Any]:
    return {
        "type": "run", "at": "2026-03-01T00:00:00Z", "event": event, "run": run, "scope": "hq",
        "source": {"kind": "scan", "instance": "probe"}, **more,
    } | ({"state": more.get("state", "complete")} if event == "end" else {})  # fmt: skip


def told(*lines: dict[str, Any], from_first: bool = True) -> dict[int, str]:
    events = [parse(json.dumps(each)) for each in lines]
    assert all(isinstance(event, RunEvent) for event in events)
    numbered = [(n, event) for n, event in enumerate(events, 1) if isinstance(event, RunEvent)]
    return uncovered(numbered, from_first=from_first)


def test_a_run_that_covers_nothing_is_told_once() -> None:
    (found,) = told(line("start"), line("end")).items()
    assert found[0] == 2
    assert found[1].startswith("run 'r1' covers nothing, so nothing is missing by it")
    assert told(line("start", covers={"addresses": []}), line("end", covers={"all": False}))
    assert list(told(line("start", "a"), line("start", "b", covers=ALL), line("end", "a"))) == [3]


def test_what_it_covers_may_stand_on_one_end_alone() -> None:
    assert told(line("start", covers=ALL), line("end")) == {}
    assert told(line("start"), line("end", covers={"addresses": ["10.0.0.0/24"]})) == {}


def test_a_run_that_is_not_whole_covers_nothing_anyway() -> None:
    assert told(line("start"), line("end", state="failed")) == {}


def test_what_is_told_elsewhere_is_said_so() -> None:
    assert "unless its end says" in told(line("start"))[1]
    assert "unless its start" in told(line("end"))[1]
    assert told(line("end"), from_first=False) == {}, "its start may be among the lines before"


@pytest.mark.parametrize(
    ("covers", "words"),
    [
        ({"networks": ["10.0.0.0/8"]}, "unknown field 'networks'; it has addresses or all"),
        ({"all": "yes"}, "must be true or false"),
        ({"addresses": ["all of it"]}, "is no prefix"),
    ],
)
def test_what_can_mean_nothing_is_refused(covers: dict[str, Any], words: str) -> None:
    with pytest.raises(BadLine, match=words):
        parse(json.dumps(line("start", covers=covers)))
