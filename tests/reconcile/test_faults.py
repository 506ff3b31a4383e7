"""Faults that real systems get wrong: each a small history with what must come of it.

`faults/NAME.jsonl` is the history in the import form, `faults/NAME.expect.json` says which lines
are about one thing and what is expected at the end. The history is also told in other orders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collector.home import Home
from collector.local import LocalEstate
from tests.bench.reconcile.judge import Thing, Verdict, judge
from tests.reconcile.retell import RETOLD, Line, delivered_late, twice

FOLDER = Path(__file__).with_name("faults")
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
SEEDS = (1, 2)


@dataclass(frozen=True)
class Fault:
    """A history and its expectation."""

    lines: tuple[Line, ...]
    """Each with the thing that it speaks of; None for a run, a person, a shared address."""
    things: dict[str, Thing]
    expect: dict[str, Any]


def read(name: str) -> Fault:
    expect = json.loads((FOLDER / f"{name}.expect.json").read_text(encoding="utf-8"))
    texts = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    about = {number: thing for thing, held in expect["things"].items() for number in held}
    lines = tuple(Line(json.loads(text), about.get(n)) for n, text in enumerate(texts, 1))
    things = {
        thing: Thing(
            thing,
            twin_ok=thing in expect.get("twins", ()),
            states=tuple(expect.get("states", {}).get(thing, ())),
            classes=tuple(expect.get("classes", {}).get(thing, ())),
            attributes=expect.get("attributes", {}).get(thing, {}),
        )
        for thing in expect["things"]
    }
    return Fault(lines, things, expect)


@contextmanager
def told(folder: Path, lines: tuple[Line, ...]) -> Iterator[LocalEstate]:
    """A fresh home that was told the lines."""
    estate = LocalEstate(Home(folder / "home"))
    try:
        text = "\n".join(json.dumps(line.said) for line in lines)
        done = estate.call("import.observations", {"text": text, "replay": True})
        assert (done["accepted"], done["refused"]) == (len(lines), [])
        done_at = {"sequence": done["sequence"]}
        while estate.call("import.wait", done_at)["applied"] < done["sequence"]:
            continue
        yield estate
    finally:
        estate.close()


def verdict(estate: LocalEstate, lines: tuple[Line, ...], things: dict[str, Thing]) -> Verdict:
    observed = [(line.said, line.thing) for line in lines if line.said["type"] == "observation"]
    found = judge(
        observed, things, estate.stream("export.identity", {}), estate.stream("export.assets", {})
    )
    assert found.overall.lines == sum(thing is not None for _, thing in observed) > 1
    assert found.unassigned == 0
    return found


def assert_identity(found: Verdict) -> None:
    assert "merge" not in found.overall.examples, found.overall.examples["merge"]
    assert "recall" not in found.overall.examples, found.overall.examples["recall"]
    assert "question" not in found.overall.examples, found.overall.examples["question"]


@pytest.mark.parametrize("name", NAMES)
def test_each_fault_has_the_outcome_that_is_right(tmp_path: Path, name: str) -> None:
    fault = read(name)
    with told(tmp_path, fault.lines) as estate:
        found = verdict(estate, fault.lines, fault.things)
        assert_identity(found)
        assert "state" not in found.overall.examples, found.overall.examples["state"]
        assert "value" not in found.overall.examples, found.overall.examples["value"]
        for thing, words in fault.expect.get("explain", {}).items():
            assert_explained(estate, fault, thing, words)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_reports_that_arrive_in_another_order_are_the_same_things(
    tmp_path: Path, name: str, seed: int
) -> None:
    fault = read(name)
    lines = delivered_late(fault.lines, seed)
    with told(tmp_path, lines) as estate:
        assert_identity(verdict(estate, lines, fault.things))


@pytest.mark.parametrize("name", NAMES)
def test_lines_that_come_twice_change_nothing(tmp_path: Path, name: str) -> None:
    fault = read(name)
    lines = twice(fault.lines)
    with told(tmp_path, lines) as estate:
        found = verdict(estate, lines, fault.things)
        assert_identity(found)
        assert "state" not in found.overall.examples, found.overall.examples["state"]


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, way) for name in NAMES for way in read(name).expect.get("vary", ())],
)
def test_the_same_fault_told_otherwise(tmp_path: Path, name: str, way: str) -> None:
    fault = read(name)
    retell: Callable[[tuple[Line, ...]], tuple[Line, ...]] = RETOLD[way]
    lines = retell(fault.lines)
    assert [line.said for line in lines] != [line.said for line in fault.lines]
    with told(tmp_path, lines) as estate:
        assert_identity(verdict(estate, lines, fault.things))


def test_every_fault_is_complete() -> None:
    assert len(NAMES) > 50
    assert {path.name.partition(".")[0] for path in FOLDER.iterdir()} == set(NAMES)
    for name in NAMES:
        fault = read(name)
        assert 3 <= len(fault.lines) <= 40, name
        assert len(fault.expect["summary"]) > 40, name
        assert {"bystander"} < set(fault.things), name
        assert set(fault.expect.get("vary", ())) <= set(RETOLD), name
        named = [fault.expect.get(part, {}) for part in ("states", "classes", "attributes")]
        assert {thing for part in named for thing in part} <= set(fault.things), name


def assert_explained(estate: LocalEstate, fault: Fault, thing: str, words: list[str]) -> None:
    """The explanation of the thing's asset says the words; a bar parts ways to say one."""
    record = next(line.said for line in reversed(fault.lines) if line.thing == thing)
    asset = next(
        row["asset"]
        for row in estate.stream("export.identity", {})
        if row["to"] is None
        and all(row[part] == record[part] for part in ("source", "scope", "native_key"))
    )
    text = json.dumps(estate.call("assets.explain", {"ref": asset}), ensure_ascii=False).casefold()
    for word in words:
        assert any(way.casefold() in text for way in word.split("|")), f"{thing}: no {word!r}"
