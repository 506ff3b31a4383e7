"""The feed says of an asset that is back that it returned, and by what; it is created once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from cmdb.query.estate_diff import Only, estate_differences
from cmdb.store.port import AssetId
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

ONE, OTHER = ref("agent", "k1"), ref("import", "row-7")


def told(engine: Engine, asset: AssetId) -> list[tuple[str, Mapping[str, Any]]]:
    """What the feed says of an asset, the oldest first."""
    changes = engine.record.view.changes(asset, 50, None)
    return [(each.what, cast("Mapping[str, Any]", each.detail)) for each in changes[::-1]]


def two(engine: Engine) -> tuple[AssetId, AssetId]:
    engine.tell(
        observation("agent", "k1", 0, attributes={"system_serial": "PF3A7K2M", "name": "one"}),
        observation("import", "row-7", 0, attributes={"name": "other", "owner": "ops"}),
    )
    return engine.find("one").id, engine.find("other").id


def test_an_undone_join_says_what_brought_the_asset_back(engine: Engine) -> None:
    one, other = two(engine)
    engine.tell(person("same", 1, ONE, OTHER, sides=1), person("undo", 2, undoes=1))
    assert engine.find("other").id == other
    assert told(engine, other) == [
        ("created", {"class": "Device"}),
        ("returned", {"class": "Device", "from": f"ci-{one}",
                      "why": "returned by the undoing of decision 1"}),
    ]  # fmt: skip
    assert "returned" not in {what for what, _ in told(engine, one)}


def test_a_split_and_an_inclusion_bring_back_too(engine: Engine) -> None:
    _, other = two(engine)
    engine.tell(person("same", 1, ONE, OTHER, sides=1), person("different", 2, ONE, OTHER, sides=1))
    assert told(engine, other)[-1][1]["why"] == "returned by a split"
    engine.tell(
        person("exclude", 3, source="import/one"), person("include", 4, source="import/one")
    )
    words = told(engine, other)[-2:]
    assert [what for what, _ in words] == ["dissolved", "returned"]
    assert words[1][1] == {"class": "Device", "why": "returned by an inclusion"}


def test_an_estate_compared_counts_it_as_there_again(engine: Engine) -> None:
    _, other = two(engine)
    engine.tell(person("same", 1, ONE, OTHER, sides=1), person("undo", 3, undoes=1))

    def came(first: int, second: int) -> list[str]:
        times = (START + timedelta(hours=hours, minutes=30) for hours in (first, second))
        begin, end = times
        found = estate_differences(engine.record, begin, end, Only("", ""))
        return [each.asset for each in found.created]

    assert came(1, 4) == [f"ci-{other}"], "it was part of another at the first"
    assert came(0, 4) == [], "it was there at both"
