"""Complete runs: what they say is gone, and when they are taken for shrunken."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import RecordKey, Source
from cmdb.store.sqlite.record import open_record
from reconcile.explain import explain
from reconcile.rebuild import rebuild, steps
from reconcile.shrunken import doubts_of
from tests.reconcile.history import START, Engine, observation

SCAN = {"kind": "scan", "instance": "one"}
ALL: dict[str, Any] = {"all": True}
PART: dict[str, Any] = {"addresses": ["10.0.0.0/29"]}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def event(name: str, at: float, what: str, covers: dict[str, Any]) -> dict[str, Any]:
    when = (START + timedelta(hours=at)).isoformat()
    line = {"type": "run", "run": name, "event": what, "observed_at": when, "at": when,
            "scope": "site", "source": SCAN, "covers": covers}  # fmt: skip
    return line | ({"state": "complete"} if what == "end" else {})


def scan(
    day: float, *hosts: int, covers: dict[str, Any] = ALL, net: str = "10.0.0"
) -> list[dict[str, Any]]:
    """A run at noon of a day and what it saw."""
    hour = day * 24 + 12
    name = f"r{day}-{net}"
    seen = [observation("scan", f"{net}.{host}", int(hour) + 1) for host in hosts]
    return [event(name, hour, "start", covers), *seen, event(name, hour + 2, "end", covers)]


def states(engine: Engine) -> dict[str, str]:
    """Of each address the state of its thing."""
    ledger = engine.record.ledger
    rows = {row.id: row.key.native_key for row in ledger.all_records()}
    found = {}
    for asset in engine.record.view.all_assets():
        for link in ledger.linked(asset.id):
            found[rows[link.record]] = asset.state
    return found


def gone(engine: Engine) -> set[int]:
    """Last number of the addresses whose things are missing."""
    found = states(engine)
    return {
        int(key.rpartition(".")[2])
        for key, state in found.items()
        if state != "present" and key.startswith("10.")
    }


def asset_at(engine: Engine, host: int) -> str:
    key = RecordKey(Source("scan", "one"), "site", f"10.0.0.{host}")
    row = engine.record.ledger.record(key)
    assert row is not None
    return f"ci-{engine.record.ledger.links([row.id])[row.id].asset}"


def told(engine: Engine, *runs: list[dict[str, Any]]) -> Engine:
    return engine.tell(*(line for run in runs for line in run), group=4)


TEN = range(1, 11)


@pytest.mark.parametrize(
    ("saw", "missing"),
    [
        (TEN, set()),
        (range(1, 10), {10}),
        (range(1, 7), {7, 8, 9, 10}),
        (range(1, 6), set()),
        ((1,), set()),
        ((), set()),
    ],
    ids=["all", "all but one", "more than half", "half", "one", "none"],
)
def test_a_run_that_saw_half_or_less_says_nothing(
    engine: Engine, saw: tuple[int, ...], missing: set[int]
) -> None:
    told(engine, scan(0, *TEN), scan(1, *saw))
    assert gone(engine) == missing


def test_of_two_things_one_may_be_gone(engine: Engine) -> None:
    told(engine, scan(0, 1, 2), scan(1, 1))
    assert gone(engine) == {2}


def test_a_run_that_saw_nothing_says_nothing(engine: Engine) -> None:
    told(engine, scan(0, 1, 2), scan(1))
    assert gone(engine) == set()


def test_it_retires_nothing_however_often_it_says_so(engine: Engine) -> None:
    """A credential that expired stays expired; 90 days without a word are another matter."""
    told(engine, scan(0, *TEN), *(scan(day, 1, 2, 3) for day in range(1, 90)))
    assert gone(engine) == set()
    told(engine, scan(89.5, *range(1, 9)))
    assert gone(engine) == {9, 10}


def test_those_that_stay_away_are_gone_since_the_run_that_counts(engine: Engine) -> None:
    told(engine, scan(0, *TEN), scan(1, 1, 2, 3), scan(2, *range(1, 9)))
    assert gone(engine) == {9, 10}
    missing = explain(engine.record, asset_at(engine, 9), None, engine.now)
    assert missing.state_since == START + timedelta(days=2, hours=12)
    assert "run r2-10.0.0 did not see it" in missing.state_why


def test_a_brief_outage_is_no_silence(engine: Engine) -> None:
    """Of runs every few hours is judged by who returned: when nobody was heard is not kept."""
    told(engine, scan(0, *TEN), scan(0.1, 1, 2, 3))
    assert (gone(engine), doubts(engine)) == (set(), ["r0.1-10.0.0"])
    told(engine, scan(0.2, *range(1, 9)))
    assert (gone(engine), doubts(engine)) == ({9, 10}, [])


def test_it_is_told_that_a_run_counted_for_nothing(engine: Engine) -> None:
    told(engine, scan(0, *TEN), scan(1, 1, 2, 3))
    present = explain(engine.record, asset_at(engine, 9), None, engine.now)
    assert present.state == "present"
    assert "scan one: run r1-10.0.0 missed 7 of 10 things" in present.state_why
    seen = explain(engine.record, asset_at(engine, 1), None, engine.now)
    assert seen.state_why == ""


def test_new_things_do_not_hide_that_old_ones_are_unseen(engine: Engine) -> None:
    told(engine, scan(0, *TEN), scan(1, 1, 2, *range(20, 40)))
    assert gone(engine) == set()


def test_a_newcomer_does_not_stand_for_half_a_site(engine: Engine) -> None:
    """It came up in a run that counts for nothing, and is no reason for the next to count."""
    told(engine, scan(0, *TEN), *(scan(day, *range(1, 6), 20) for day in range(1, 20)))
    assert gone(engine) == set()
    told(engine, *(scan(day, *range(1, 6), *range(20, 40)) for day in range(20, 30)))
    assert gone(engine) == set()
    told(engine, scan(30, *range(1, 10), *range(21, 40)))
    assert gone(engine) == {10, 20}


def test_half_a_site_that_was_given_up_does_not_stop_runs_for_ever(engine: Engine) -> None:
    told(engine, scan(0, *TEN), *(scan(day, *range(1, 6), 20, 21) for day in range(30, 120, 30)))
    assert gone(engine) == set(range(6, 11)), "silent for ninety days"
    told(engine, scan(121, *range(1, 6), 21), scan(122, *range(2, 6), 21))
    assert gone(engine) == {1, *range(6, 11), 20}


def test_each_part_of_the_network_is_compared_with_itself(engine: Engine) -> None:
    one: dict[str, Any] = {"addresses": ["10.0.0.0/24"]}
    two: dict[str, Any] = {"addresses": ["10.0.1.0/24"]}
    told(engine, scan(0, *TEN, covers=one), scan(0.2, *TEN, covers=two, net="10.0.1"))
    told(engine, scan(1, *range(1, 9), covers=one), scan(1.2, 1, covers=two, net="10.0.1"))
    assert {key for key, state in states(engine).items() if state != "present"} == {
        "10.0.0.9",
        "10.0.0.10",
    }


def test_a_first_run_over_other_places_is_compared_with_the_last_weeks(engine: Engine) -> None:
    told(engine, scan(0, *range(20, 60)), scan(1, *range(20, 60)), scan(2, *TEN, *range(20, 60)))
    told(engine, *(scan(day, *TEN, *range(20, 60)) for day in range(3, 6)))
    told(engine, scan(50, 1, *range(20, 60)))
    assert gone(engine) == set(range(2, 11))
    # What went long ago is not what this one missed.
    told(engine, scan(51, 1, covers={"addresses": ["10.0.0.0/28"]}))
    assert doubts(engine) == []


def test_a_first_run_over_more_places_after_a_long_time(engine: Engine) -> None:
    wide: dict[str, Any] = {"addresses": ["10.0.0.0/23"]}
    narrow: dict[str, Any] = {"addresses": ["10.0.0.0/24"]}
    told(engine, scan(0, *TEN, covers=narrow), scan(40, *TEN, covers=narrow))
    told(engine, scan(80, covers=wide))
    assert gone(engine) == set()


def test_what_a_run_covers_may_be_told_at_its_start_alone(engine: Engine) -> None:
    *before, end = scan(1, *range(1, 10))
    told(engine, scan(0, *TEN), [*before, {**end, "covers": {}}])
    assert gone(engine) == {10}


def doubts(engine: Engine) -> list[str]:
    return [doubt.run for doubt in doubts_of(engine.record.ledger, Source("scan", "one"), "site")]


def test_a_beginning_that_is_told_late_counts(engine: Engine) -> None:
    start, *rest = scan(0, *TEN)
    told(engine, rest)
    assert gone(engine) == set(), "by its end alone the run missed everything"
    told(engine, scan(-1, *TEN), [start])
    assert gone(engine) == set()
    assert doubts(engine) == []


def test_a_list_does_not_hide_that_a_run_did_not_see_it(engine: Engine) -> None:
    start, *seen, end = scan(1, *range(1, 10))
    listed = observation("import", "row-10", 37, interfaces=[{"mac": "00:50:56:00:00:10"}])
    first = scan(0, *TEN)
    first[10]["interfaces"] = [{"mac": "00:50:56:00:00:10"}]
    told(engine, first, [start, *seen, listed, end])
    assert gone(engine) == {10}


_THREES = ({1, 2, 3, 4, 5, 6}, {1, 2, 3}, {4, 5, 6}, {1, 2, 3, 4})


def test_what_an_address_stood_for_before_is_missing_too(tmp_path: Path) -> None:
    """A run saw the address, and it was another thing's by then."""
    card = {"name": "eth0", "mac": "00:50:56:00:00:01"}
    listed = [
        observation("import", "k1", hour, interfaces=[{**card, "addresses": [address]}])
        for hour, address in ((237, "10.0.0.6/24"), (59, "10.0.0.2/24"))
    ]
    history = [*scan(1, 1, 2, 3, 4), *scan(12, 1, 2, 3), *listed]
    late = [history[n] for n in (4, 12, 3, 11, 2, 9, 0, 5, 7, 6, 8, 1, 10)]
    found = []
    for number, order in enumerate((history, late)):
        engine = Engine(open_record(tmp_path / f"{number}.db"))
        engine.tell(*(_known(line, scan(13)[0]["at"]) for line in order), group=4)
        found.append(_lives(engine))
        engine.record.close()
    assert found[0] == found[1]
    assert [life[0] for key, life in found[0][0].items() if "k1" in key] == ["missing"]


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Runs of a scan that see some of six hosts, and a list and a cloud that know some of them."""
    found: list[dict[str, Any]] = []
    slow = draw(st.sampled_from((1, 1, 10)))
    for day in sorted(draw(st.sets(st.integers(0, 12), min_size=2, max_size=6))):
        hosts = draw(st.one_of(st.sets(st.integers(1, 6)), st.sampled_from(_THREES)))
        covers: dict[str, Any] = draw(st.sampled_from((ALL, ALL, PART)))
        run = scan(day / slow, *hosts, covers=covers)
        found += run[draw(st.sampled_from((0, 0, 0, 1))) :]
    for kind in draw(st.lists(st.sampled_from(("import", "cloud")), max_size=2)):
        address = f"10.0.0.{draw(st.integers(1, 6))}/24"
        mac = f"00:50:56:00:00:0{draw(st.integers(1, 3))}"
        interfaces = [{"name": "eth0", "mac": mac, "addresses": [address]}]
        found.append(observation(kind, "k1", draw(st.integers(0, 300)), interfaces=interfaces))
    return found


_SETTINGS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "80")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@_SETTINGS
@given(st.data())
def test_in_every_order_and_after_a_rebuild(data: st.DataObject) -> None:
    history = data.draw(histories())
    last = max(line["observed_at"] for line in history)
    other = data.draw(st.permutations(history))
    size = data.draw(st.integers(1, 5))
    with tempfile.TemporaryDirectory() as folder:
        seen = []
        for number, (order, group) in enumerate(((history, 1), (other, size))):
            engine = Engine(open_record(Path(folder) / f"{number}.db"))
            engine.tell(*(_known(line, last) for line in order), group=group)
            seen.append((engine.state(), _lives(engine)))
            for step in steps(engine.record):
                rebuild(engine.record, step, engine.now)
            seen.append((engine.state(), _lives(engine)))
            engine.record.close()
    assert seen[0] == seen[1], "rebuilt"
    assert seen[2] == seen[3], "rebuilt"
    assert seen[0] == seen[2], "in another order"


def _known(line: dict[str, Any], last: str) -> dict[str, Any]:
    """An observation as it became known at a time; a run's own time is when it was."""
    return line if line["type"] == "run" else {**line, "at": last}


def _lives(engine: Engine) -> Any:
    """Since when each thing is missing, and which runs count for nothing."""
    ledger = engine.record.ledger
    rows = {row.id: str(row.key.native_key) for row in ledger.all_records()}
    found = {}
    for asset in engine.record.view.all_assets():
        told = explain(engine.record, f"ci-{asset.id}", None, engine.now)
        keys = sorted(rows[link.record] for link in ledger.linked(asset.id))
        found["+".join(keys)] = (told.state, told.state_since, asset.state)
    return found, doubts_of(ledger, Source("scan", "one"), "site")
