"""Answers about the past are what the present was then."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from tests.cmdb.history.conftest import past_of, state_of
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.test_order import lines

_SETTINGS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def run(event: str, at: int, arrived: int) -> dict[str, Any]:
    seen = (START + timedelta(hours=at)).isoformat()
    line = {
        "type": "run", "run": f"r{arrived}", "event": event, "observed_at": seen,
        "at": (START + timedelta(hours=arrived)).isoformat(), "scope": "site",
        "source": {"kind": "scan", "instance": "one"}, "covers": {"all": True},
    }  # fmt: skip
    return line | ({"state": "complete"} if event == "end" else {})


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """A line that may arrive late, or a run."""
    if draw(st.integers(0, 5)) == 0:
        hour = draw(st.integers(0, 12))
        return run("end", hour, hour)
    line: dict[str, Any] = draw(lines())
    late = timedelta(hours=draw(st.sampled_from((0, 0, 0, 2, 6))))
    return {**line, "at": (_at(line["observed_at"]) + late).isoformat()}


@_SETTINGS
@given(st.data())
def test_what_was_believed_is_what_stood_in_the_view(data: st.DataObject) -> None:
    history = data.draw(st.lists(told(), min_size=2, max_size=8))
    group = data.draw(st.sampled_from((1, 1, 3)))
    ordered = sorted(history, key=lambda line: _at(line["at"]))
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = Engine(record)
        kept: dict[datetime, Any] = {}
        for start in range(0, len(ordered), group):
            engine.tell(*ordered[start : start + group], group=group)
            kept[engine.now] = state_of(record)
        for known_at, state in kept.items():
            assert past_of(engine, None, known_at) == state, known_at
        assert past_of(engine, None, START - timedelta(days=1))["assets"] == {}
        record.close()


def test_a_value_told_with_the_report_that_leaves_others_out_was_believed_alone(
    tmp_path: Path,
) -> None:
    """The feed, which corrects what is told of the past, is silent where values are alike."""
    serial = {"system_serial": "AAA111"}
    engine = Engine(open_record(tmp_path / "record.db"))
    engine.tell(observation("agent", "k1", 0, full=False, attributes=serial | {"owner": "OPS"}))
    engine.tell(observation("scan", "10.0.0.5", 0, attributes=serial | {"owner": "ops"}))
    engine.tell(observation("agent", "k1", 1))
    engine.tell(observation("agent", "k1", 1, full=False, attributes=serial))
    state = state_of(engine.record)
    assert [asset[4] for asset in state["assets"].values()] == [serial | {"owner": "ops"}]
    assert past_of(engine, None, START + timedelta(hours=1)) == state
    engine.record.close()


MACHINES = ("k1", "k2", "k3")
KINDS = ("agent", "import", "cloud")


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    """Everything that a source knows of a machine whose identity never changes."""
    kind, key = draw(st.sampled_from(KINDS)), draw(st.sampled_from(MACHINES))
    place = MACHINES.index(key)
    attributes = draw(
        st.fixed_dictionaries(
            {"system_serial": st.just(f"SERIAL-{key}"), "name": st.just(key)},
            optional={"owner": st.sampled_from(("ops", "sales")), "vendor": st.just("HP")},
        )
    )
    fields: dict[str, Any] = {"class": "Computer", "attributes": attributes}
    if kind == "agent":
        fields["interfaces"] = [
            {"name": "eth0", "mac": f"00:50:56:aa:00:0{place}", "addresses": [f"10.0.0.{place}/24"]}
        ]
    ports = draw(st.sets(st.sampled_from((22, 443))))
    fields["services"] = [
        {"protocol": "tcp", "port": port, "process": "nginx"} for port in sorted(ports)
    ]
    fields["connections"] = [
        {"protocol": "tcp", "outbound": True, "process": "nginx", "server_port": 443,
         "server_address": f"10.0.0.{place}"}
        for place in sorted(draw(st.sets(st.integers(0, 3), max_size=2)))
    ]  # fmt: skip
    fields["programs"] = [
        {"name": name, "version": draw(st.sampled_from(("1", "2"))), "package_system": "deb"}
        for name in sorted(draw(st.sets(st.sampled_from(("bash", "curl")))))
    ]
    others = draw(st.sets(st.sampled_from(MACHINES), max_size=1))
    fields["relations"] = [
        {"type": "related_to", "target": {"native_key": other}} for other in others
    ]
    return observation(kind, key, draw(st.integers(0, 200)), **fields)


@_SETTINGS
@given(st.data())
def test_what_was_so_is_what_one_knows_who_was_told_no_later_word(data: st.DataObject) -> None:
    history = data.draw(
        st.lists(reports(), min_size=2, max_size=8, unique_by=lambda line: line["observed_at"])
    )
    order = data.draw(st.permutations(history).filter(_told_apart))
    _hold_to_those_told_no_later_word(order)


def _told_apart(order: list[dict[str, Any]]) -> bool:
    """Whether no late line differs from one word that two later ones repeated.

    Of a repeated word the last time is kept: whether it was there at the first is not known.
    """
    for place, line in enumerate(order):
        later = [
            other
            for other in order[:place]
            if other["observed_at"] > line["observed_at"]
            and all(other[name] == line[name] for name in ("source", "native_key"))
        ]
        later.sort(key=lambda other: str(other["observed_at"]))
        for one, two in pairwise(later):
            for name, value in _words(line).items():
                if value != _words(one).get(name) == _words(two).get(name):
                    return False
    return True


def _words(line: dict[str, Any]) -> dict[str, Any]:
    single = {f"attributes/{name}": value for name, value in line.get("attributes", {}).items()}
    return {name: value for name, value in line.items() if isinstance(value, list)} | single


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@st.composite
def sparse(draw: st.DrawFn) -> dict[str, Any]:
    """A whole report that may leave a section out."""
    at = draw(st.integers(0, 6))
    attributes = {"system_serial": "S1", "name": "k1", "owner": f"owner-{at}"}
    fields: dict[str, Any] = {"class": "Computer", "attributes": attributes}
    if draw(st.booleans()):
        fields["programs"] = [{"name": "bash", "version": str(at), "package_system": "deb"}]
    return observation("agent", "k1", at, **fields)


@_SETTINGS
@given(st.data())
def test_a_section_that_was_left_out_was_not_so(data: st.DataObject) -> None:
    history = data.draw(
        st.lists(sparse(), min_size=2, max_size=4, unique_by=lambda line: line["observed_at"])
    )
    order = data.draw(st.permutations(history).filter(_can_be_known))
    _hold_to_those_told_no_later_word(order)


def _can_be_known(order: list[dict[str, Any]]) -> bool:
    """Of what a visit repeats, and of what it leaves out, the first and the last time are kept."""
    for place, line in enumerate(order):
        before = order[:place]
        earlier = [other for other in before if other["observed_at"] < line["observed_at"]]
        later = [other for other in before if other["observed_at"] > line["observed_at"]]
        if "programs" in line and earlier and len(later) > 1:
            return False
    return True


@pytest.mark.parametrize(
    "order",
    [
        # Told in this order: at which hour, and whether it told of programs.
        [(1, False), (0, True)],
        [(3, False), (0, True), (1, False)],
        [(1, False), (2, True), (0, True), (3, False)],
    ],
    ids=["late", "late report without", "whole report before"],
)
def test_a_late_word_ends_with_the_next_whole_report(order: list[tuple[int, bool]]) -> None:
    history = []
    for at, programs in order:
        attributes = {"system_serial": "S1", "name": "k1"}
        fields: dict[str, Any] = {"class": "Computer", "attributes": attributes}
        if programs:
            fields["programs"] = [{"name": "bash", "version": str(at), "package_system": "deb"}]
        history.append(observation("agent", "k1", at, **fields))
    _hold_to_those_told_no_later_word(history)


def test_a_word_that_came_late_twice_held_in_between(tmp_path: Path) -> None:
    """Of two agents the one counts that said so last: the first said the same before and after."""

    def said(key: str, at: int, model: str) -> dict[str, Any]:
        attributes = {"system_serial": "AAA111", "name": "web-1", "model": model}
        return observation("agent", key, at, attributes=attributes)

    history = [said("k1", 0, "T30"), said("k2", 8, "T40"), said("k1", 16, "T30"),
               said("k1", 24, "T50")]  # fmt: skip
    answers = []
    for number, order in enumerate(permutations(history)):
        engine = Engine(open_record(tmp_path / f"{number}.db"))
        engine.tell(*({**line, "at": history[-1]["at"]} for line in order))
        answers.append(past_of(engine, START + timedelta(hours=8), None))
        engine.record.close()
    assert all(answer == answers[0] for answer in answers)


@st.composite
def seldom(draw: st.DrawFn) -> dict[str, Any]:
    """A report of one of several sources that fall silent for weeks, and a scan's runs."""
    kind = draw(st.sampled_from(("agent", "agent", "import", "cloud")))
    attributes = {"system_serial": "S1", "name": draw(st.sampled_from(("k1", f"k1-{kind}")))}
    hour = draw(st.integers(0, 20)) * 24 * draw(st.sampled_from((1, 10)))
    fields: dict[str, Any] = {"class": "Computer", "attributes": attributes}
    return observation(kind, "k1", hour, **fields)


@_SETTINGS
@given(st.data())
def test_whoever_was_silent_was_not_heard(data: st.DataObject) -> None:
    history = data.draw(
        st.lists(seldom(), min_size=2, max_size=8, unique_by=lambda line: line["observed_at"])
    )
    _hold_to_those_told_no_later_word(sorted(history, key=lambda line: str(line["observed_at"])))


def _hold_to_those_told_no_later_word(order: list[dict[str, Any]]) -> None:
    when = sorted({_at(line["observed_at"]) for line in order})
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(open_record(Path(folder) / "all.db"))
        engine.tell(*({**line, "at": when[-1].isoformat()} for line in order))
        for number, as_of in enumerate(when):
            fresh = Engine(open_record(Path(folder) / f"{number}.db"))
            heard = [line for line in order if _at(line["observed_at"]) <= as_of]
            fresh.tell(*({**line, "at": as_of.isoformat()} for line in heard))
            fresh.pipeline.refresh(as_of)
            assert past_of(engine, as_of, None) == state_of(fresh.record), as_of
            fresh.record.close()
        engine.record.close()
