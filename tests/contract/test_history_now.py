"""What cmdb.store.history promises to whoever lays out the past: neighbours, and Scratch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cmdb.model.observation import RecordKey, Source
from cmdb.store.port import (
    AssetId,
    Edge,
    Identifier,
    Part,
    Projection,
    Record,
    RecordId,
    RelationRow,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def projection(name: str, **fields: Any) -> Projection:
    return Projection(
        cls="Computer", attributes={"name": name}, scope="office", state="present", first_seen=T0,
        last_seen=T0, source_kinds=("agent",), demo=False, **fields,
    )  # fmt: skip


def told(record: Record, do: Callable[[], Any]) -> Any:
    """Does something in a transaction."""
    with record.transaction(T0):
        return do()


@pytest.fixture
def three(record: Record) -> list[AssetId]:
    """A server with a service; one that talks to it; one that is related to it."""
    service = Part("tcp/5432", "Service", {"name": "postgres:5432", "port": 5432})

    def make() -> list[AssetId]:
        view = record.view
        assets = [view.new_asset() for _ in range(3)]
        address = ("office", "10.0.0.1", T0, "agent")
        view.put(assets[0], projection("db", parts=(service,), addresses=(address,)))
        talks = Edge(None, "uses", None, target_socket=("10.0.0.1", "tcp", 5432), observed_at=T0)
        view.put(assets[1], projection("web", edges=(talks,)))
        stated = Edge(None, "related_to", assets[0], observed_at=T0)
        view.put(assets[2], projection("spare", edges=(stated,)))
        return assets

    found: list[AssetId] = told(record, make)
    return found


def test_who_points_at_an_asset_now(reader: Record, three: list[AssetId]) -> None:
    db, web, spare = three
    history = reader.history
    service = reader.view.part(db, "tcp/5432")
    assert history.pointing(db, 10) == ((web, spare), 2)
    assert history.pointing(db, 1) == ((web,), 2)
    assert history.pointing(web, 10) == ((), 0)
    found = history.relations_between([web, spare], db)
    assert {(row.source, row.type, row.target) for row in found} == {
        (web, "uses", service), (spare, "related_to", db),
    }  # fmt: skip
    assert history.relations_between([spare], web) == ()
    assert history.callers([("office", "10.0.0.1"), ("office", "10.0.0.9")]) == (web,)
    assert history.callers([("elsewhere", "10.0.0.1")]) == ()
    assert history.now_at("office", "10.0.0.1", "tcp", 5432) == service
    assert history.now_at("elsewhere", "10.0.0.1", "tcp", 5432) is None
    assert history.last_asset() >= max(three)


def test_who_once_talked_to_an_address(
    record: Record, reader: Record, three: list[AssetId]
) -> None:
    db, web, spare = three
    place = [("office", "10.0.0.1")]
    talks = Edge(None, "uses", None, target_socket=("10.0.0.1", "tcp", 5432), observed_at=T0)
    outside = Edge(None, "uses", None, target_socket=("203.0.113.300", "tcp", 443))
    told(record, lambda: record.view.put(web, projection("web")))
    assert reader.history.pointing(db, 10) == ((spare,), 1)
    assert reader.history.callers(place) == (web,)
    told(record, lambda: record.view.put(spare, projection("x", edges=(talks, outside))))
    told(record, lambda: record.view.drop(spare, db))
    assert reader.history.callers(place) == (web, spare)


def test_who_ever_carried_a_value(record: Record, reader: Record) -> None:
    def make() -> RecordId:
        row = record.ledger.heard(
            RecordKey(Source("agent", "obs-1"), "office", "a"), T0, full=False
        ).id
        record.ledger.set_identifiers(row, frozenset({Identifier(7)}))
        return row

    row = told(record, make)
    assert row in record.history.carriers(Identifier(7))
    assert reader.history.carriers(Identifier(8)) == ()


def test_a_scratch_record_is_laid_out_and_gone(reader: Record, three: list[AssetId]) -> None:
    db, web, spare = three
    service = reader.view.part(db, "tcp/5432")
    held = Part("tcp/5432", "Service", {"name": "postgres:5432", "port": 5432})
    other = Part("tcp/22", "Service", {"name": "sshd:22", "port": 22})
    with reader.history.scratch([db]) as scratch:
        with scratch.transaction(T0):
            scratch.view.put(db, projection("db-then", parts=(held, other)))
            scratch.copy([spare])
            scratch.relate([RelationRow(spare, "related_to", db, T0)])
            scratch.tidy()
        view = scratch.view
        # Its name then; parts that it has now keep their ids, others get ids that none has.
        assert view.find("db-then").id == db
        assert view.part(db, "tcp/5432") == service
        new = view.part(db, "tcp/22")
        assert new is not None
        assert new > reader.history.last_asset()
        assert dict(scratch.names())[new] == f"ci-{db}#tcp/22"
        copied = view.asset(spare)
        assert copied is not None
        assert copied.name == "spare"
        assert [(each.source, each.target) for each in view.relations(db)] == [(spare, db)]
        assert view.asset(web) is None
    present = reader.view.asset(db)
    assert present is not None
    assert present.name == "db"
    assert reader.view.part(db, "tcp/22") is None


def test_ids_kept_for_what_was_not_there_go(reader: Record, three: list[AssetId]) -> None:
    db, web, _ = three
    with reader.history.scratch([db, web]) as scratch:
        with scratch.transaction(T0):
            scratch.view.put(db, projection("db"))
            scratch.tidy()
        assert scratch.view.parts(db) == ()
        assert [row.id for row in scratch.view.all_assets()] == [db]
