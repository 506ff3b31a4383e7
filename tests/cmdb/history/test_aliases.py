"""The ids that led to an asset at a moment, not those that lead there now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cmdb.store.port import AssetId
from cmdb.store.sqlite.record import open_record
from reconcile.past_record import opened
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

ONE, OTHER, THIRD = (ref("import", key) for key in ("a", "b", "c"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    found = Engine(record)
    found.tell(
        *(
            observation("import", key, at, attributes={"name": key})
            for at, key in enumerate(("a", "b", "c"))
        )
    )
    yield found
    record.close()


def aliases(engine: Engine, name: str, hours: int, *, known: bool = True) -> tuple[AssetId, ...]:
    """Of what an id or name meant so many hours after the start."""
    at = START + timedelta(hours=hours)
    with opened(engine.record, None if known else at, at if known else None, engine.now) as past:
        return past.view.find(name).aliases


@pytest.mark.parametrize("cut", [False, True])
def test_what_is_joined_later_has_no_alias_before(engine: Engine, *, cut: bool) -> None:
    one, two, three = (engine.find(name).id for name in "abc")
    engine.tell(person("same", 5, ONE, OTHER, sides=1), person("same", 7, ONE, THIRD, sides=1))
    assert engine.find("a").aliases == (two, three)
    if cut:
        with engine.record.transaction(engine.now):
            engine.record.compaction.changes(START + timedelta(hours=9), None)
    for name in (f"ci-{one}", f"ci-{two}", f"ci-{three}"):
        assert aliases(engine, name, 4) == ()
    assert aliases(engine, f"ci-{one}", 6) == (two,)
    assert aliases(engine, f"ci-{three}", 6) == ()
    assert aliases(engine, f"ci-{one}", 8) == (two, three)
    assert aliases(engine, f"ci-{one}", 4, known=False) == (two, three), "as is known now"


def test_what_is_taken_apart_since_had_its_aliases(engine: Engine) -> None:
    one, two = engine.find("a").id, engine.find("b").id
    engine.tell(
        person("same", 5, ONE, OTHER, sides=1),
        person("undo", 7, undoes=1),
        person("same", 9, OTHER, THIRD, sides=1),
    )
    assert aliases(engine, f"ci-{one}", 6) == (two,)
    assert aliases(engine, f"ci-{one}", 8) == ()
    assert aliases(engine, f"ci-{one}", 9) == ()
