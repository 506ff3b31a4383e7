"""Timelines stop growing, and nothing is taken for another by it."""

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

from cmdb.store.port import RecordId
from cmdb.store.sqlite.record import open_record
from reconcile.thinning import superfluous, thin
from reconcile.timeline import Timeline, read
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.test_rebuild_from_ledger import run

DAY = 24
ALL = RecordId(1), RecordId(1_000)
MACS = ("00:50:56:aa:00:01", "00:50:56:aa:00:02", "00:50:56:aa:00:03")

COMPUTER: dict[str, Any] = {"class": "Computer"}
DEVICE: dict[str, Any] = {"class": "Device"}


def agent(key: str, at: int, *, serial: str, macs: tuple[str, ...], address: str) -> dict[str, Any]:
    interfaces = [
        {"name": f"eth{place}", "mac": mac, "addresses": [f"{address}/24"]}
        for place, mac in enumerate(macs)
    ]
    attributes = {"name": key, "system_serial": serial} if serial else {"name": key}
    return observation("agent", key, at, **COMPUTER, attributes=attributes, interfaces=interfaces)


def scan(address: str, at: int, mac: str = "") -> dict[str, Any]:
    interface: dict[str, Any] = {"name": "seen", "addresses": [address]}
    if mac:
        interface["mac"] = mac
    return observation("scan", address, at, **DEVICE, interfaces=[interface])


def timelines(engine: Engine) -> list[Timeline]:
    rows = sorted(engine.record.ledger.all_records(), key=lambda row: row.id)
    return [read(engine.record.ledger.timeline(row.id).body) for row in rows]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def test_a_laptop_that_is_docked_every_day_keeps_four_visits_a_month(engine: Engine) -> None:
    for day in range(90):
        for hour, macs in ((8, MACS[:2]), (18, MACS[:1])):
            engine.tell(
                agent("k", day * DAY + hour, serial="S1", macs=macs, address=f"10.0.0.{day % 7}")
            )
    limit = START + timedelta(days=59)  # January and February
    before, long = engine.state(), timelines(engine)[0]
    assert len(long.visits) == 180
    going = superfluous(engine.record, *ALL, limit)
    assert thin(engine.record, *ALL, limit, engine.now) == going
    short = timelines(engine)[0]
    assert len(short.visits) == 180 - going == 2 * 4 + 31 * 2
    assert [visit.first for visit in short.visits[-62:]] == [v.first for v in long.visits[-62:]]
    assert engine.state() == before
    assert thin(engine.record, *ALL, limit, engine.now) == 0
    run(engine)
    assert engine.state() == before


def test_sightings_go_and_who_was_seen_stays(engine: Engine) -> None:
    engine.tell(agent("k", 0, serial="S1", macs=MACS[:1], address="10.0.0.5"))
    for day in range(60):
        engine.tell(scan("10.0.0.5", day * DAY + 1, MACS[0]))
    engine.tell(agent("k", 60 * DAY, serial="S1", macs=MACS[:1], address="10.0.0.5"))
    before = engine.state()
    assert thin(engine.record, *ALL, START + timedelta(days=50), engine.now) == 46
    assert len(timelines(engine)[1].visits) == 14
    assert engine.state() == before


def test_a_visit_that_others_are_judged_by_stays(engine: Engine) -> None:
    """Who held the address when a scan saw it is told by one visit in the middle of a month."""
    told = []
    for day in range(28):
        there = day == 14
        told += [
            agent("k1", day * DAY, serial="S1", macs=MACS[:1],
                  address="10.0.0.5" if there else f"10.0.1.{day % 5}"),
            agent("k2", day * DAY + 3, serial="S2", macs=MACS[1:2], address="10.0.2.2"),
        ]  # fmt: skip
    told.append(scan("10.0.0.5", 14 * DAY + 1))
    engine.tell(*sorted(told, key=lambda line: str(line["observed_at"])))
    engine.tell(agent("k1", 40 * DAY, serial="S1", macs=MACS[:1], address="10.0.1.1"))
    before = engine.state()
    seen = [name for name in before["assets"] if "scan/one/site/10.0.0.5" in name]
    assert len(seen) == 1
    assert "agent/one/site/k1" in seen[0]
    assert superfluous(engine.record, *ALL, START + timedelta(days=40)) > 20
    assert thin(engine.record, *ALL, START + timedelta(days=40), engine.now) == 0
    assert engine.state() == before


examples = settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@st.composite
def said(draw: st.DrawFn) -> dict[str, Any]:
    at = draw(st.integers(0, 70 * DAY))
    address = draw(st.sampled_from(("10.0.0.1", "10.0.0.2")))
    if draw(st.integers(0, 2)) == 0:
        return scan(address, at, draw(st.sampled_from(("", *MACS))))
    macs = draw(st.sampled_from((MACS[:1], MACS[1:2], MACS[:2], MACS[2:], ())))
    return agent(
        draw(st.sampled_from(("k1", "k2"))), at,
        serial=draw(st.sampled_from(("", "S1", "S2"))), macs=macs, address=address,
    )  # fmt: skip


@examples
@given(st.lists(said(), min_size=10, max_size=30), st.integers(10, 70))
def test_nothing_is_about_something_else_afterwards(
    history: list[dict[str, Any]], days: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = Engine(record)
        arrived = (START + timedelta(days=71)).isoformat()
        engine.tell(*({**line, "at": arrived} for line in history), group=10)
        before, count = engine.state(), sum(len(each.visits) for each in timelines(engine))
        gone = thin(record, *ALL, START + timedelta(days=days), engine.now, worth=1)
        assert count - sum(len(each.visits) for each in timelines(engine)) == gone
        assert engine.state() == before
        run(engine)
        assert engine.state() == before
        record.close()
