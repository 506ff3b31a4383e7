"""An asset is found by every name that one of its records says, also after a join."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cmdb.store.port import AssetId, Search, UnknownAsset
from cmdb.store.sqlite.record import open_record
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref


def two(engine: Engine) -> tuple[AssetId, AssetId]:
    """A machine that an agent knows, and one that an import calls otherwise; joined by a person."""
    engine.tell(
        observation(
            "agent",
            "k1",
            0,
            attributes={
                "system_serial": "PF3A7K2M",
                "name": "new-name",
                "fqdn": "new-name.example",
            },
        ),
        observation(
            "import", "row-7", 0, attributes={"name": "Old-Name", "fqdn": "old-name.example"}
        ),
    )
    one, other = engine.find("new-name").id, engine.find("old-name").id
    assert one != other
    engine.tell(person("same", 1, ref("agent", "k1"), ref("import", "row-7"), sides=1))
    return one, other


def found(engine: Engine, text: str) -> list[AssetId]:
    return [row.id for row in engine.record.view.search(Search(text=text)).rows]


def test_a_joined_asset_is_found_by_the_names_that_lost(engine: Engine) -> None:
    one, _ = two(engine)
    for name in ("new-name", "old-name", "OLD-NAME.example", " old-name "):
        assert engine.find(name).id == one
    assert engine.find("old-name").name == "new-name"
    assert found(engine, "old-name") == [one]


def test_who_goes_by_a_name_comes_before_whom_a_record_calls_so(engine: Engine) -> None:
    one, _ = two(engine)
    engine.tell(
        observation(
            "agent",
            "k9",
            2,
            instance="k9",
            attributes={"system_serial": "PF3A7K9Z", "name": "old-name"},
        )
    )
    assert engine.find("old-name").id != one
    assert engine.find("old-name.example").id == one


def test_a_name_that_nobody_says_any_more_finds_nothing(engine: Engine) -> None:
    one, _ = two(engine)
    engine.tell(observation("import", "row-7", 2, attributes={"name": "third-name"}))
    assert engine.find("third-name").id == one
    for gone in ("old-name", "old-name.example"):
        with pytest.raises(UnknownAsset):
            engine.find(gone)
    assert found(engine, "old-name") == []


def test_parted_again_each_is_found_by_its_own_names(engine: Engine) -> None:
    one, other = two(engine)
    engine.tell(person("different", 2, ref("agent", "k1"), ref("import", "row-7"), sides=1))
    assert engine.find("new-name").id == one
    assert engine.find("old-name").id == other
    assert found(engine, "new-name") == [one]


def test_two_that_were_once_called_alike_are_both_offered(engine: Engine) -> None:
    two(engine)
    engine.tell(
        observation(
            "agent",
            "k2",
            0,
            instance="k2",
            attributes={"system_serial": "PF3A7K3N", "name": "second"},
        ),
        observation("import", "row-8", 0, attributes={"name": "old-name"}),
        person("same", 2, ref("agent", "k2", instance="k2"), ref("import", "row-8"), sides=1),
    )
    with pytest.raises(UnknownAsset, match="means several assets: ci-"):
        engine.find("old-name")


def test_a_record_from_before_finds_them_once_it_is_projected_again(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    with closing(open_record(path)) as record:
        one, _ = two(Engine(record))
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "DROP TABLE other_name; DROP INDEX asset_seen; UPDATE words SET text='new-name';"
            "PRAGMA user_version=10;"
        )
    with closing(open_record(path)) as record:
        engine = Engine(record)
        with pytest.raises(UnknownAsset):
            engine.find("old-name")
        engine.pipeline.refresh(START + timedelta(hours=2), 10)
        assert engine.find("old-name").id == one
