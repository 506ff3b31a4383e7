"""The sample estate through the real intake, the real pipeline, and what people ask of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cmdb.impact.answer import impact
from cmdb.impact.propagate import State
from cmdb.store.sqlite.record import SqliteRecord, open_record
from collector import demo
from collector.demo_data import KEYS, SCOPE, estate
from collector.demo_items import items
from collector.door_client import Door
from collector.ingest import statement
from collector.intake_desk import IntakeDesk
from collector.journal.sqlite import SqliteReader
from licenses.position import SAMPLE, PositionState, positions
from reconcile.pipeline import Pipeline

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@contextmanager
def reconciled(journal: Path, folder: Path) -> Iterator[SqliteRecord]:
    reader = SqliteReader(journal)
    entries = [found.entry for found in reader.read(0, 10_000, 1 << 30)]
    reader.close()
    record = open_record(folder / "record.db")
    try:
        Pipeline(record).apply([statement(entry) for entry in entries], NOW)
        yield record
    finally:
        record.close()


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteRecord]:
    folder = tmp_path_factory.mktemp("demo")
    record = open_record(folder / "record.db")
    from collector.journal.port import ITEM_FORM, Entry

    found = items(estate(NOW), NOW)
    for item in found:
        item.observation.source.instance = "obs-1"
        for section in item.observation.sections:
            for relation in section.relations.relations:
                relation.target.source.CopyFrom(item.observation.source)
                relation.target.scope = SCOPE
    said = [
        statement(Entry("observer/obs-1", ITEM_FORM, NOW, item.SerializeToString()))
        for item in found
    ]
    Pipeline(record).apply(said, NOW)
    yield record
    record.close()


def test_the_same_seed_makes_the_same_estate() -> None:
    one, two = items(estate(NOW, 7), NOW), items(estate(NOW, 7), NOW)
    assert [item.SerializeToString(deterministic=True) for item in one] == [
        item.SerializeToString(deterministic=True) for item in two
    ]
    assert estate(NOW, 7) != estate(NOW, 8)


def test_there_are_forty_machines_and_everything_is_marked() -> None:
    found = estate(NOW)
    machines = [machine for machine in found.machines if machine.cls != "NetworkDevice"]
    assert len(machines) == 40
    assert len(found.services) == 3
    for item in items(found, NOW):
        assert item.observation.native_key.startswith(KEYS)
        assert item.observation.scope == SCOPE
        assert item.observation.source.kind == "demo"
    keys = [item.observation.native_key for item in items(found, NOW)]
    assert len(set(keys)) == len(keys)
    assert len({machine.address for machine in found.machines}) == len(found.machines)


def test_it_comes_in_through_the_running_intake(collector, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with Door(collector.home) as door:
        result = demo.load(door, collector.home, NOW)
        assert result.refused == ()
        assert result.accepted == len(items(estate(NOW), NOW))
        observers = {each.id: each for each in door.list_observers()}
        assert observers[result.observer].revoked_at is not None
        assert observers[result.observer].kinds == {"demo"}
        again = demo.load(door, collector.home, NOW)
        assert again.sequence > result.sequence
    with reconciled(collector.home.journal_path, tmp_path) as found:
        counts = found.view.counts()
        assert counts["Computer"] + counts["VirtualMachine"] == 40, "a second load doubles nothing"
        assert (counts["BusinessService"], counts["Group"], counts["Entitlement"]) == (3, 11, 3)


def test_it_comes_in_without_a_server_too(tmp_path: Path) -> None:
    from collector.home import Home

    home = Home(tmp_path / "home").create()
    desk = IntakeDesk(home)
    try:
        result = demo.load(desk, home, NOW)
        assert (result.refused, result.accepted) == ((), result.sequence)
        assert desk.addresses().collectors == ("127.0.0.1:8441",), "where observers go stays"
    finally:
        desk.close()


def test_every_asset_is_marked_as_sample(record: SqliteRecord) -> None:
    rows = list(record.view.all_assets())
    assert len(rows) > 100
    assert all(row.demo for row in rows)


def test_one_application_server_of_three_does_not_take_the_shop_down(record: SqliteRecord) -> None:
    answer = impact(record.view, "demo-app-02", NOW)
    states = {each.thing.name: each for each in answer.affected}
    assert states["demo shop app tier"].state is State.DEGRADED
    assert states["demo shop app tier"].at_risk, "two of three must be up, and two are"
    shop = states["Demo web shop"]
    assert shop.state is State.AT_RISK
    assert [hop.relation for hop in shop.path] == ["member_of", "depends_on"]
    assert states["nginx:443"].state is State.AT_RISK, "seen to talk to all three"
    down = {each.thing.name for each in answer.affected if each.state is State.DOWN}
    assert down == {"java:8080", "sshd:22"}


def test_a_virtualisation_host_takes_the_shop_down(record: SqliteRecord) -> None:
    answer = impact(record.view, "demo-host-01", NOW)
    states = {each.thing.name: each.state for each in answer.affected}
    assert states["Demo web shop"] is State.DOWN
    assert states["demo shop web tier"] is State.DOWN
    assert states["Demo customer portal"] is not State.DOWN
    assert answer.oldest_evidence == NOW


def test_one_switch_of_a_pair_puts_all_servers_at_risk_and_none_down(record: SqliteRecord) -> None:
    answer = impact(record.view, "demo-access-sw-01", NOW)
    assert answer.counts.down == 0
    risky = {each.thing.name for each in answer.affected if each.at_risk}
    assert {"demo access pair", "demo-db-01", "Demo web shop"} <= risky


def test_one_product_is_short_one_expired_and_one_fine(record: SqliteRecord) -> None:
    found = {each.product: each for each in positions(record, NOW)}
    assert {name: each.state for name, each in found.items()} == {
        f"Microsoft Visio{SAMPLE}": PositionState.SHORT,
        f"Adobe Acrobat{SAMPLE}": PositionState.EXPIRED,
        f"Microsoft Office{SAMPLE}": PositionState.OK,
    }
    visio = found[f"Microsoft Visio{SAMPLE}"]
    assert (visio.required, visio.owned, visio.shortfall) == (8, 5, 3)
    assert [right.asset_name for right in visio.required_by] == [
        f"demo-laptop-{number:02d}" for number in range(1, 9)
    ]
    assert visio.required_by[0].evidence[0].versions == ("16.0.14332.20771",)
