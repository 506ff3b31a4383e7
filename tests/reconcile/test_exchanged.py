"""Two machines that got each other's boards, or disks, while one of them told of adapters alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import open_record
from reconcile.exchanged import WHY
from reconcile.explain import explain
from tests.reconcile.history import Engine, observation

SERIALS = ("038366419353", "PFFVPP5D")
UUIDS = ("93e111ce-b272-49da-a5af-e4ffff8f58d3", "2b06dcb5-dd7c-4196-9624-f56cd7a5d434")
MACS = (("58:82:a8:c4:8a:84", "28:16:a8:a4:5c:87"), ("f8:75:a4:8e:03:26", "28:16:a8:b1:4a:ab"))
DAY = 24

Line = dict[str, Any]


def report(machine: int, at: float, *, system: int, board: int, part: bool = False) -> Line:
    """By the agent that lies on a machine's disk: whole, or of its adapters alone."""
    adapters = [
        {"name": f"eth{place}", "mac": mac, "kind": "ethernet", "addresses": []}
        for place, mac in enumerate(MACS[board])
    ]
    line = observation("agent", f"a{machine}", int(at), full=not part, interfaces=adapters)
    line["class"] = "Computer"
    if not part:
        line["attributes"] = {
            "name": f"lt-{machine}", "system_serial": SERIALS[system], "bios_uuid": UUIDS[board],
        }  # fmt: skip
    return line


def before() -> list[Line]:
    return [
        report(machine, day * DAY + machine, system=machine, board=machine, part=day % 2 == 1)
        for day in range(6)
        for machine in (0, 1)
    ]


def boards(upto: int) -> list[Line]:
    """The first tells all at once, the second only of what changed until its last report."""
    after = [
        report(0, 7 * DAY, system=0, board=1, part=True),
        report(0, 8 * DAY, system=0, board=1),
        report(1, 8 * DAY + 1, system=1, board=0, part=True),
        report(0, 10 * DAY, system=0, board=1),
        report(1, 11 * DAY, system=1, board=0, part=True),
        report(1, 12 * DAY, system=1, board=0),
    ]
    return before() + after[:upto]


def about(engine: Engine) -> dict[str, list[int]]:
    """Of each agent the assets that it was about, in order of time."""
    ledger = engine.record.ledger
    rows = {row.id: row.key.native_key for row in ledger.all_records()}
    found = ledger.stretches(rows).items()
    return {rows[record]: [link.asset for link in links] for record, links in found}


@pytest.mark.parametrize("upto", range(2, 7))
def test_boards_that_were_exchanged_leave_each_machine_itself(tmp_path: Path, upto: int) -> None:
    lines = boards(upto)
    for seed in range(4):
        order = list(lines)
        if seed:
            random.Random(seed).shuffle(order)
        engine = Engine(open_record(tmp_path / f"{seed}.db")).tell(*order, group=3)
        found = about(engine)
        assert [len(set(assets)) for assets in found.values()] == [1, 1], seed
        assert not set(found["a0"]) & set(found["a1"])
        engine.record.close()


def test_it_is_told_why_adapters_do_not_join(tmp_path: Path) -> None:
    engine = Engine(open_record(tmp_path / "record.db")).tell(*boards(5))
    links = explain(engine.record, "lt-0", None, engine.now).links
    assert any(WHY in str(link.evidence) for link in links)
    engine.record.close()


def test_a_disk_that_went_over_takes_its_agent_along(tmp_path: Path) -> None:
    """There the serial number is the other machine's, and the adapters are with it."""
    after = [
        report(0, 7 * DAY, system=1, board=1, part=True),
        report(1, 8 * DAY, system=0, board=0, part=True),
        report(0, 9 * DAY, system=1, board=1),
        report(1, 10 * DAY, system=0, board=0, part=True),
    ]
    engine = Engine(open_record(tmp_path / "record.db")).tell(*before(), *after)
    found = about(engine)
    assert found["a0"] == found["a1"][::-1]
    assert len(set(found["a0"])) == 2
    engine.record.close()
