"""An asset of the past shows relations that others had to it then, and have no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import open_record
from collector.retention import Policy, carry_out, steps
from reconcile.past_record import opened
from reconcile.rebuild import rebuild
from reconcile.rebuild import steps as rebuild_steps
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

COMPUTER: dict[str, Any] = {"class": "Computer"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def related(at: int, *targets: str, key: str = "web", **fields: Any) -> dict[str, Any]:
    relations = [{"type": "related_to", "target": {"native_key": each}} for each in targets]
    return observation("import", key, at, **COMPUTER, attributes={"name": key},
                       relations=relations, **fields)  # fmt: skip


def server(at: int, address: str = "10.0.0.1", *ports: int) -> dict[str, Any]:
    return observation(
        "agent", "db", at, **COMPUTER, attributes={"name": "db", "system_serial": "S-db"},
        interfaces=[{"name": "eth0", "mac": "00:50:56:aa:00:01", "addresses": [f"{address}/24"]}],
        services=[{"protocol": "tcp", "port": port, "process": "x"} for port in ports],
    )  # fmt: skip


def client(at: int, *servers: str, key: str = "web") -> dict[str, Any]:
    return observation(
        "agent", key, at, **COMPUTER, attributes={"name": key, "system_serial": f"S-{key}"},
        connections=[
            {"protocol": "tcp", "outbound": True, "process": key, "server_port": 5432,
             "server_address": address}
            for address in servers
        ],
    )  # fmt: skip


def pointing(engine: Engine, name: str, hour: float) -> set[tuple[str, str]]:
    """Who points at an asset or its parts at a time, or whose program does, and how."""
    with opened(engine.record, START + timedelta(hours=hour), None, engine.now) as past:
        view = past.view
        row = view.find(name)
        inside = {row.id, *(part.id for part in view.parts(row.id))}
        found = {
            (relation.source, relation.type)
            for each in inside
            for relation in view.relations(each)
            if relation.source not in inside
        }
        names = {asset: view.asset(asset) for asset, _ in found}
        return {(other.name, kind) for asset, kind in found if (other := names[asset])}


def test_a_stated_relation_that_was_taken_back(engine: Engine) -> None:
    engine.tell(observation("import", "db", 1, **COMPUTER, attributes={"name": "db"}))
    engine.tell(related(1, "db"), related(5), related(7, "db"), related(9))
    assert pointing(engine, "db", 0.5 + 1) == {("web", "related_to")}
    assert pointing(engine, "db", 6) == set()
    assert pointing(engine, "db", 8) == {("web", "related_to")}
    assert pointing(engine, "db", 9) == set()


def test_a_connection_that_is_made_no_longer(engine: Engine) -> None:
    engine.tell(server(1, "10.0.0.1", 5432), client(2, "10.0.0.1"), client(5))
    assert pointing(engine, "db", 1) == set()
    assert pointing(engine, "db", 3) == {("web", "depends_on")}
    assert pointing(engine, "db", 6) == set()


def test_neither_the_service_nor_the_address_is_there_any_more(engine: Engine) -> None:
    engine.tell(server(1, "10.0.0.1", 5432), client(2, "10.0.0.1", "10.0.0.9"))
    engine.tell(server(4, "10.0.0.2"), client(5))
    assert pointing(engine, "db", 3) == {("web", "depends_on")}
    assert pointing(engine, "db", 6) == set()


def test_who_talked_to_it_was_joined_with_another(engine: Engine) -> None:
    engine.tell(server(1, "10.0.0.1", 5432), client(2), client(2, "10.0.0.1", key="b"))
    engine.tell(client(5, key="b"))
    gone = engine.find("b").id
    engine.tell(person("same", 8, ref("agent", "web"), ref("agent", "b")))
    found = engine.record.view.asset(gone)
    assert found is not None
    assert found.id != gone
    assert pointing(engine, "db", 3) == {("b", "depends_on")}


def test_it_is_known_after_a_rebuild_and_after_retention(engine: Engine) -> None:
    engine.tell(server(1, "10.0.0.1", 5432), client(2, "10.0.0.1"), client(5))
    engine.tell(related(1, "web"), related(5))
    for step in list(rebuild_steps(engine.record)):
        rebuild(engine.record, step, engine.now)
    assert pointing(engine, "db", 3) == {("web", "depends_on")}
    engine.tell(client(60 * 24), client(61 * 24, "10.0.0.1"), client(62 * 24))
    for work in list(steps(engine.record, Policy(words_days=30), engine.now)):
        carry_out(engine.record, work, engine.now)
    assert pointing(engine, "db", 61 * 24 + 1) == {("web", "depends_on")}
