"""Answers on a real record, made by the real pipeline."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmdb.impact.answer import dependencies, impact
from cmdb.impact.graph import build
from cmdb.impact.propagate import State
from cmdb.query.encode import to_json
from cmdb.store.port import UnknownAsset
from cmdb.store.sqlite.record import SqliteRecord, open_record
from collector.sources.lines import parse
from reconcile.pipeline import Pipeline

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SAID = NOW - timedelta(days=9)


def line(key: str, cls: str, *relations: tuple[str, str], **more: object) -> str:
    attributes = {"name": key, "system_serial": f"SN-{key}-0X"} | dict(more.pop("attributes", {}))  # type: ignore[call-overload]
    return json.dumps({
        "type": "observation", "at": SAID.isoformat(), "scope": "hq", "native_key": key,
        "source": {"kind": "import", "instance": "t"}, "full": True, "class": cls,
        "attributes": attributes,
        "relations": [
            {"type": kind, "target": {"native_key": target}} for kind, target in relations
        ], **more,
    })  # fmt: skip


def tls(port: int, process: str) -> dict[str, object]:
    return {"protocol": "tcp", "address": "0.0.0.0", "port": port, "process": process}


def adapter(address: str) -> list[dict[str, object]]:
    return [{"name": "eth0", "mac": "", "kind": "ethernet", "addresses": [address]}]


def talk(address: str, port: int, process: str) -> dict[str, object]:
    return {
        "protocol": "tcp", "outbound": True, "server_address": address, "server_port": port,
        "process": process, "count": 3,
    }  # fmt: skip


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteRecord]:
    lines = [
        line("pair", "Group", attributes={"min_up": "1", "owner": "Operations"}),
        line("db-1", "Computer", ("member_of", "pair"), services=[tls(5432, "postgres")],
             interfaces=adapter("10.0.0.1/24")),
        line("db-2", "Computer", ("member_of", "pair"), services=[tls(5432, "postgres")],
             interfaces=adapter("10.0.0.2/24")),
        line("web", "Computer", services=[tls(443, "nginx")], interfaces=adapter("10.0.0.3/24"),
             connections=[talk("10.0.0.1", 5432, "nginx"), talk("10.0.0.2", 5432, "nginx")]),
        line("shop", "BusinessService", ("depends_on", "web#tcp/443"),
             attributes={"owner": "Sales", "environment": "production"}),
        line("report", "BusinessService", ("depends_on", "db-1#tcp/5432")),
    ]  # fmt: skip
    record = open_record(tmp_path_factory.mktemp("impact") / "record.db")
    Pipeline(record).apply([parse(each) for each in lines], SAID)
    yield record
    record.close()


def test_what_fails_with_one_database_of_two(record: SqliteRecord) -> None:
    answer = impact(record.view, "db-1", NOW)
    found = {(each.thing.name, each.thing.on): each for each in answer.affected}
    states = {key: (each.state, each.at_risk) for key, each in found.items()}
    assert states == {
        ("postgres:5432", "db-1"): (State.DOWN, False),
        ("report", ""): (State.DOWN, False),
        ("pair", ""): (State.DEGRADED, True),
        ("nginx:443", "web"): (State.AT_RISK, True),
        ("shop", ""): (State.AT_RISK, True),
    }
    assert (answer.counts.down, answer.counts.degraded, answer.counts.at_risk) == (2, 1, 2)
    order = [State.DOWN, State.DOWN, State.DEGRADED, State.AT_RISK, State.AT_RISK]
    assert [each.state for each in answer.affected] == order
    pair = found["pair", ""].redundancy
    assert pair
    assert (pair.members, pair.members_up, pair.min_up) == (2, 1, 1)
    assert found["shop", ""].thing.owner == "Sales"
    assert found["shop", ""].thing.environment == "production"


def test_every_path_is_relations_that_stand_in_the_record(record: SqliteRecord) -> None:
    answer = impact(record.view, "db-1", NOW)
    known = {
        (f"ci-{row.source}", row.type, f"ci-{row.target}") for row in record.view.all_relations()
    }
    assert answer.affected
    for each in answer.affected:
        assert each.distance == len(each.path) > 0
        assert {(hop.source, hop.relation, hop.target) for hop in each.path} <= known
        ends = {each.path[-1].source, each.path[-1].target}
        assert each.thing.asset in ends
        assert all(hop.age == NOW - SAID for hop in each.path)
    shop = next(each for each in answer.affected if each.thing.name == "shop")
    assert [hop.relation for hop in shop.path] == ["runs_on", "depends_on", "depends_on"]
    assert answer.oldest_evidence == SAID
    drawn = {(arrow.source, arrow.relation, arrow.target) for arrow in answer.arrows}
    assert drawn <= known
    assert {(hop.source, hop.relation, hop.target) for hop in shop.path} <= drawn


def test_both_together_take_all_of_it_down(record: SqliteRecord) -> None:
    answer = impact(record.view, ["db-1", "db-2"], NOW)
    assert {each.state for each in answer.affected} == {State.DOWN}
    assert {"pair", "shop", "nginx:443"} <= {each.thing.name for each in answer.affected}
    assert [thing.name for thing in answer.failing] == ["db-1", "db-2"]


def test_depth_cuts_the_list_and_not_the_counts(record: SqliteRecord) -> None:
    whole = impact(record.view, "db-1", NOW)
    near = impact(record.view, "db-1", NOW, depth=1)
    assert near.counts == whole.counts
    assert (whole.truncated, near.truncated) == (False, True)
    assert {each.distance for each in near.affected} == {1}


def test_answers_say_of_which_state_they_are(record: SqliteRecord) -> None:
    graph = build(record.view)
    answer = impact(record.view, "shop", NOW, graph=graph)
    assert (answer.as_of, answer.sequence) == (NOW, record.view.change_sequence())
    assert answer.affected == ()
    assert answer.oldest_evidence is None
    assert json.dumps(to_json(impact(record.view, "db-1", NOW)))


def test_what_a_service_needs(record: SqliteRecord) -> None:
    answer = dependencies(record.view, "shop", NOW)
    found = {(each.thing.name, each.thing.on): each.distance for each in answer.needed}
    assert found == {
        ("nginx:443", "web"): 1, ("web", ""): 2, ("postgres:5432", "db-1"): 2,
        ("postgres:5432", "db-2"): 2, ("db-1", ""): 3, ("db-2", ""): 3,
    }  # fmt: skip
    last = next(each for each in answer.needed if each.thing.name == "db-1")
    assert [hop.relation for hop in last.path] == ["depends_on", "depends_on", "runs_on"]
    assert json.dumps(to_json(answer))


def test_a_name_that_nobody_has(record: SqliteRecord) -> None:
    with pytest.raises(UnknownAsset, match="nobody"):
        impact(record.view, "nobody", NOW)


def test_an_estate_without_relations(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.db")
    try:
        Pipeline(record).apply([parse(line("alone", "Computer"))], SAID)
        assert impact(record.view, "alone", NOW).affected == ()
    finally:
        record.close()
