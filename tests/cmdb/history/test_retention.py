"""Compacting the past leaves the present as it is, and says so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import SectionKind
from cmdb.query.past import past_note
from cmdb.store.sqlite.record import open_record
from collector.operation import InputRefused
from collector.retention import (
    Policy,
    Step,
    carry_out,
    checked,
    policy_of,
    read,
    removed,
    steps,
    write,
)
from reconcile.past_record import opened
from reconcile.standing import standing_then
from tests.cmdb.history.conftest import past_of, state_of
from tests.cmdb.history.test_exactness import reports
from tests.reconcile.history import START, Engine, observation

DAY = 24
COMPUTER: dict[str, Any] = {"class": "Computer"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def grow(engine: Engine, days: int) -> None:
    """A machine that has another set of programs and another owner every day."""
    for day in range(days):
        programs = [
            {"name": f"tool-{number}", "version": "1", "package_system": "deb"}
            for number in range(day, day + 40)
        ]
        engine.tell(
            observation(
                "agent", "k", day * DAY, **COMPUTER, programs=programs,
                attributes={"name": "pc", "system_serial": "SERIAL1", "owner": f"owner-{day}"},
            )
        )  # fmt: skip


def compact(engine: Engine, policy: Policy) -> int:
    return sum(
        carry_out(engine.record, step, engine.now)
        for step in list(steps(engine.record, policy, engine.now))
    )


def test_one_word_a_month_stays_of_what_is_old(engine: Engine) -> None:
    grow(engine, 120)
    before = state_of(engine.record)
    record = next(engine.record.ledger.all_records()).id
    kinds = (SectionKind.ATTRIBUTES, SectionKind.PROGRAMS)
    policy = Policy(words_days=30)
    going = removed(engine.record, policy, engine.now).words
    assert going > 100
    kept = {
        kind: {word.observed_at: word for word in engine.record.ledger.past(record, kind)}
        for kind in kinds
    }
    assert compact(engine, policy) == going
    assert state_of(engine.record) == before
    limit = engine.now - timedelta(days=30)
    for kind in kinds:
        left = list(engine.record.ledger.past(record, kind))
        # Bodies are what they were, though they rest on others now.
        assert all(kept[kind][word.observed_at] == word for word in left)
        old = [word for word in left if word.observed_at < limit]
        months = [(word.observed_at.year, word.observed_at.month) for word in old]
        assert len(set(months)) == 3
        assert len(months) <= 4
        assert len(left) - len(old) >= 29
    assert compact(engine, policy) == 0
    with opened(engine.record, START + timedelta(days=10), None, engine.now) as past:
        note = past_note(
            past.past.moment, engine.record.history.marks(), START + timedelta(days=10)
        )
    assert "one word a month" in note.notes[0]
    with opened(engine.record, limit + timedelta(days=3, hours=1), None, engine.now) as past:
        assert past.view.find("pc").attributes["owner"] == "owner-92"


def test_what_was_believed_after_a_long_transaction_stays(engine: Engine) -> None:
    """A backlog of a month came at once: what its end said was believed until the next came."""
    lines = [
        observation(
            "agent", "k", day * DAY, **COMPUTER,
            attributes={"name": "pc", "system_serial": "SERIAL1", "owner": f"owner-{day}"},
        )
        for day in range(120)
    ]  # fmt: skip
    engine.tell(*lines, group=40)
    believed = [START + timedelta(days=39, hours=1), START + timedelta(days=79, hours=1)]
    before = [owner(engine, at) for at in believed]
    assert before == ["owner-39", "owner-79"]
    assert compact(engine, Policy(10, 10, None)) > 50
    assert [owner(engine, at) for at in believed] == before


def test_a_state_that_the_feed_told_is_worked_out_when_that_is_gone(engine: Engine) -> None:
    attributes = {"name": "pc", "system_serial": "SERIAL1"}
    engine.tell(observation("agent", "k", 0, **COMPUTER, attributes=attributes))
    engine.tell(observation("agent", "other", 400 * DAY, attributes={"name": "other"}))
    engine.pipeline.refresh(engine.now)
    engine.tell(observation("agent", "other", 500 * DAY, attributes={"name": "other"}))
    at = START + timedelta(days=450)

    def state() -> str:
        with opened(engine.record, None, at, engine.now) as past:
            return past.view.find("pc").state

    assert state() == "retired"
    compact(engine, Policy(None, 10, None))
    assert state() == "retired"


def owner(engine: Engine, known_at: datetime) -> object:
    with opened(engine.record, None, known_at, engine.now) as past:
        return past.view.find("pc").attributes.get("owner")


def test_the_feed_goes_only_where_that_is_set(engine: Engine) -> None:
    grow(engine, 60)
    entries = len(engine.record.view.changes(None, 500, None))
    compact(engine, Policy())
    assert len(engine.record.view.changes(None, 500, None)) == entries
    assert compact(engine, Policy(None, 30, None)) > 20
    assert len(engine.record.view.changes(None, 500, None)) < entries
    assert engine.record.history.marks().feed_from is not None


def test_a_run_that_tells_that_something_is_gone_stays(engine: Engine) -> None:
    def run(number: int, day: int) -> dict[str, Any]:
        at = (START + timedelta(days=day)).isoformat()
        return {
            "type": "run", "run": f"r{number}", "event": "end", "state": "complete", "at": at,
            "observed_at": at, "scope": "site", "source": {"kind": "scan", "instance": "one"},
            "covers": {"all": True},
        }  # fmt: skip

    engine.tell(observation("scan", "10.0.0.5", 1, attributes={"name": "gone"}))
    engine.tell(*(run(number, number) for number in range(1, 80)))
    state = engine.find("gone").state
    assert state == "missing"
    compact(engine, Policy(None, None, 30))
    engine.tell(observation("agent", "other", 80 * DAY, attributes={"name": "pc"}))
    with engine.record.transaction(engine.now):
        engine.pipeline._components(engine.now).project(engine.find("gone").id)
    assert engine.find("gone").state == state


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(reports(), min_size=3, max_size=9))
def test_the_present_and_the_younger_past_stay(history: list[dict[str, Any]]) -> None:
    ordered = sorted(history, key=lambda line: str(line["observed_at"]))
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(open_record(Path(folder) / "record.db"))
        engine.tell(*ordered)
        limit = START + timedelta(hours=100)
        times = [limit, limit + timedelta(hours=30), engine.now]
        before = state_of(engine.record), [past_of(engine, at, None) for at in times]
        with engine.record.transaction(engine.now):
            engine.record.compaction.words(1, 1000, limit)  # type: ignore[arg-type]
        assert (state_of(engine.record), [past_of(engine, at, None) for at in times]) == before
        engine.record.close()


def test_a_policy_is_bounded_and_kept(engine: Engine) -> None:
    assert policy_of(engine.record) == Policy(400, None, 400)
    step = Step("set", policy=Policy(90, 365, None))
    carry_out(engine.record, read(write(step)), START)
    assert policy_of(engine.record) == Policy(90, 365, None)
    with pytest.raises(InputRefused, match="words is 3 days"):
        checked(Policy(3))
    with pytest.raises(ValueError, match="no step"):
        carry_out(engine.record, Step("shrink", before="2026-01-01T00:00:00Z"), START)


def gone(engine: Engine, end: int) -> None:
    """A machine that a cloud's list told of once; runs go on without it until it is back."""
    values = {"name": "vm", "system_serial": "PF3A7K2M"}
    engine.tell(observation("cloud", "vm-1", 0, **COMPUTER, attributes=values))
    for day in range(1, end + 1):
        at = (START + timedelta(days=day)).isoformat()
        what = {"type": "run", "at": at, "source": {"kind": "cloud", "instance": "one"}}
        place = {"scope": "site", "run": f"run-{day}", "covers": {"all": True}}
        seen = [] if day < end else [observation("cloud", "vm-1", day * DAY, attributes=values)]
        other = observation("cloud", "vm-2", day * DAY, **COMPUTER, attributes={"name": "other"})
        engine.tell(
            {**what, **place, "event": "start"},
            *seen,
            other,
            {**what, **place, "event": "end", "state": "complete"},
        )
        engine.pipeline.refresh(engine.now)


def then(engine: Engine, days: int) -> tuple[str, str]:
    """The state of the machine on a day, and why it was so."""
    at = START + timedelta(days=days, hours=12)
    with opened(engine.record, at, None, engine.now) as past:
        row = past.view.find("vm")
        told = standing_then(past, row.id)
        return row.state, told.why if told else ""


def test_what_had_retired_stays_so_when_the_runs_of_then_are_gone(engine: Engine) -> None:
    gone(engine, 150)
    assert engine.find("vm").state == "present"
    assert then(engine, 120)[0] == "retired"
    assert "run-1 did not see it" in then(engine, 120)[1]
    policy = Policy(runs_days=7, words_days=None, feed_days=None)
    assert compact(engine, policy) > 100
    state, why = then(engine, 120)
    assert state == "retired"
    assert "the past is compacted: the runs that told of it are gone" in why
    assert then(engine, 50)[0] == "missing"
    assert then(engine, 149)[0] == "retired"
    assert then(engine, 0) == ("present", "")
