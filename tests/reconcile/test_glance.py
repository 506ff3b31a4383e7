"""What is said again, or of sockets and programs alone, leads where a whole projection leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.port import AssetId
from cmdb.store.sqlite.record import SqliteRecord, open_record
from reconcile.components import Components
from tests.reconcile.history import Engine, observation

Line = dict[str, Any]
_WEEKS = 24 * 7
NGINX = {"protocol": "tcp", "port": 443, "process": "nginx"}
REDIS = {"protocol": "tcp", "port": 6379, "process": "redis"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    made: list[SqliteRecord] = []

    def make() -> Engine:
        made.append(open_record(tmp_path / f"{len(made)}.db"))
        return Engine(made[-1])

    yield make
    for record in made:
        record.close()


def _listed(key: str, at: int, owner: str) -> Line:
    return observation("import", key, at, attributes={"system_serial": "AAA111", "owner": owner})


def _at(kind: str, key: str, at: int, address: str, **fields: Any) -> Line:
    adapter = {"name": "eth0", "mac": f"00:50:56:aa:00:0{key[-1]}", "addresses": [address]}
    return observation(kind, key, at, interfaces=[adapter], **fields)


def _turn(day: int, name: str, serial: str, service: Line) -> Line:
    values = {"name": name, "system_serial": serial}
    fields: Line = {"class": "Computer", "attributes": values, "services": [service]}
    return observation("agent", "k1", day * 24, **fields)


HISTORIES = {
    "of two lists the one heard last": [
        _listed("k1", 0, "ops"),
        _listed("k2", 1, "sales"),
        _listed("k1", 2, "ops"),
    ],
    "of two machines at one address the one seen last": [
        _at("agent", "k1", 0, "10.0.0.5/24", services=[NGINX]),
        _at("agent", "k2", 1, "10.0.0.5/24", services=[NGINX]),
        _at("agent", "k1", 2, "10.0.0.5/24", services=[NGINX]),
        _at(
            "agent", "k3", 3, "10.0.0.6/24",
            connections=[
                {"protocol": "tcp", "outbound": True, "server_address": "10.0.0.5",
                 "server_port": 443, "process": "web"}
            ],
        ),
    ],
    "a word confirmed after it was stale": [
        observation("agent", "k1", 0, attributes={"system_serial": "AAA111", "owner": "ops"}),
        observation("import", "k2", 1, attributes={"system_serial": "AAA111", "owner": "sales"}),
        observation("agent", "k1", 60 * _WEEKS, attributes={"system_serial": "AAA111",
                                                            "owner": "ops"}),
    ],
    "two machines by turns under one native key": [
        _turn(0, "oldbox", "OLD-1", NGINX),
        _turn(14, "newbox", "NEW-2", REDIS),
        _turn(31, "oldbox", "OLD-1", NGINX),
        _turn(45, "newbox", "NEW-2", REDIS),
    ],
    "another service": [
        _at("agent", "k1", 0, "10.0.0.5/24", services=[NGINX]),
        _at("agent", "k1", 1, "10.0.0.5/24", services=[NGINX, REDIS]),
        _at(
            "agent", "k3", 2, "10.0.0.6/24",
            connections=[
                {"protocol": "tcp", "outbound": True, "server_address": "10.0.0.5",
                 "server_port": 6379, "process": "web"}
            ],
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_every_order_leads_to_one_state(name: str, engine: Callable[[], Engine]) -> None:
    history = HISTORIES[name]
    last = max(line["at"] for line in history)
    states = [
        engine().tell(*({**line, "at": last} for line in order), group=group).state()
        for order in permutations(history)
        for group in (1, len(history))
    ]
    assert states[0]["assets"]
    assert all(state == states[0] for state in states)


def _process(service: Line, peer: str, process: str) -> Line:
    talk = {"protocol": "tcp", "outbound": True, "server_address": peer, "server_port": 443,
            "process": process}  # fmt: skip
    return {"services": [service], "connections": [talk]}


def test_a_new_service_does_not_project_its_machine_anew(
    engine: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = engine(), engine()
    told = [
        _at("agent", "k1", 0, "10.0.0.5/24", **_process(NGINX, "10.0.0.9", "redis")),
        _at("agent", "k1", 1, "10.0.0.5/24", **_process(REDIS, "10.0.0.9", "redis")),
        _at("agent", "k1", 2, "10.0.0.5/24", **_process(NGINX, "127.0.0.1", "redis")),
        _at("agent", "k1", 3, "10.0.0.5/24", **_process(NGINX, "10.0.0.8", "nginx")),
    ]
    other.tell(told[3])
    one.tell(told[0])
    projected: list[int] = []
    whole = Components.project

    def project(self: Components, asset: AssetId, *, erased: bool = False) -> None:
        projected.append(asset)
        whole(self, asset, erased=erased)

    monkeypatch.setattr(Components, "project", project)
    one.tell(*told[1:])
    assert not projected
    ours, theirs = one.state(), other.state()
    assert ours["relations"] == theirs["relations"]
    assert ours["relations"]
    assert ours["assets"].keys() == theirs["assets"].keys()
    changes = one.record.view.changes(None, 3, None)
    assert [change.detail for change in changes] == [
        {"parts_removed": ["Application redis"]},
        {
            "parts_added": ["Application redis", "Service nginx:443"],
            "parts_removed": ["Service redis:6379"],
        },
        {
            "parts_added": ["Service redis:6379"],
            "parts_removed": ["Application redis", "Service nginx:443"],
        },
    ]
