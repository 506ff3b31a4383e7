"""The feed says of an asset that is back that it returned, and by what; it is created once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from cmdb.query.estate_diff import Only, estate_differences
from cmdb.store.port import AssetId
from collector.sources.lines import parse
from reconcile.dry_run import rehearse
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

ONE, OTHER = ref("agent", "k1"), ref("import", "row-7")


def line(row: dict[str, Any]) -> Any:
    return parse(json.dumps(row))


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


NIC = [{"name": "eth0", "mac": "b0:7b:25:90:09:01", "addresses": ["10.20.9.1/24"]}]
SEEN = [{"addresses": ["10.20.9.1"]}]
AGENT: dict[str, Any] = {
    "attributes": {"name": "one", "system_serial": "PF3A7K2M"},
    "interfaces": NIC,
}


def test_a_stub_that_went_into_what_is_new_makes_it_no_asset_that_returned(engine: Engine) -> None:
    engine.tell(observation("scan", "10.20.9.1", 0, interfaces=SEEN))
    engine.tell(observation("agent", "k1", 1, **AGENT))
    words = [what for what, _ in told(engine, engine.find("one").id)]
    assert sorted(words) == ["created", "joined"]


def test_a_dry_run_says_so_too(engine: Engine) -> None:
    engine.tell(observation("scan", "10.20.9.1", 0, interfaces=SEEN))
    agent = line(observation("agent", "k1", 1, **AGENT))
    found = rehearse(engine.record, [agent], START + timedelta(hours=2))
    assert [(each.asset, each.what) for each in found.assets][-1] == ("new 1", "created")


def test_a_dry_run_names_what_would_return_by_its_own_id(engine: Engine) -> None:
    _, other = two(engine)
    engine.tell(person("exclude", 3, source="import/one"))
    include = line(person("include", 4, source="import/one"))
    found = rehearse(engine.record, [include], START + timedelta(hours=5))
    assert [(each.asset, each.what) for each in found.assets] == [(f"ci-{other}", "returned")]
