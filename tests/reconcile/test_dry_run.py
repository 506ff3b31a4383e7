"""A dry run tells what would be so, and leaves no trace."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cmdb.query.identity import ValueChange
from cmdb.store.sqlite.record import open_record
from collector.sources.lines import parse
from reconcile.deciding import Word, exclude, find_record
from reconcile.dry_run import rehearse
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person, ref

SERIAL = {"system_serial": "5CG1234XYZ"}
LATER = START + timedelta(hours=30)


@pytest.fixture
def told(engine: Engine) -> Engine:
    return engine.tell(
        observation("agent", "k1", 1, attributes={"name": "box", "owner": "ops"} | SERIAL),
        observation("import", "row", 1, attributes=SERIAL),
        observation("agent", "k2", 1, instance="two", attributes={"name": "other"}),
    )


def dump(folder: Path) -> list[str]:
    """Everything in the file, as text."""
    (path,) = folder.glob("record-*.db")
    db = sqlite3.connect(path)
    found = list(db.iterdump())
    db.close()
    return found


def said(*rows: dict[str, Any]) -> Any:
    return [parse(json.dumps(row)) for row in rows]


def test_it_tells_values_and_links_and_leaves_no_trace(told: Engine, tmp_path: Path) -> None:
    before, applied = dump(tmp_path), told.record.ledger.applied()
    found = rehearse(
        told.record,
        said(
            observation("agent", "k1", 2, attributes={"name": "box", "owner": "sales"} | SERIAL),
            observation("cloud", "vm", 2, attributes={"name": "fresh"}),
        ),
        LATER,
    )
    assert (dump(tmp_path), told.record.ledger.applied()) == (before, applied)
    assert found.statements == 2
    plans = {plan.name: plan for plan in found.assets}
    assert (plans["box"].asset, plans["box"].what) == ("ci-1", "changed")
    assert plans["box"].values == (ValueChange("owner", "ops", "sales"),)
    assert (plans["fresh"].asset, plans["fresh"].what) == ("new 1", "created")
    (link,) = found.links
    assert (str(link.record), link.before, link.after) == ("cloud/one/site/vm", (), ("new 1",))


def test_a_join_is_told_with_its_evidence(told: Engine) -> None:
    row = observation("cloud", "row", 2, attributes=SERIAL | {"name": "other", "asset_tag": "A-1"})
    found = rehearse(told.record, said(row), LATER)
    (link,) = found.links
    assert link.after == ("ci-1",)
    assert isinstance(link.evidence, dict)
    assert {"key": "system_serial", "value": "5CG1234XYZ"}.items() <= dict(
        link.evidence["joined_by"][0]  # type: ignore[index,arg-type]
    ).items()


def test_it_says_which_assets_would_join_and_come_apart(told: Engine) -> None:
    join = person("same", 20, ref("agent", "k1"), ref("agent", "k2", instance="two"))
    assert rehearse(told.record, said(join), LATER).summary == (
        "ci-2 (other) would join ci-1 (box)",
    )
    split = person("different", 20, ref("agent", "k1"), ref("import", "row"))
    assert rehearse(told.record, said(split), LATER).summary == (
        "1 record would leave ci-1 (box) for new 1 (5CG1234XYZ)",
    )
    out = exclude(told.record, "agent/two", Word("ann", LATER), source=True, out=True)
    assert rehearse(told.record, [out], LATER).summary == (
        "1 record of ci-2 (other) would be about nothing",
        "ci-2 (other) would be gone: nothing is about it",
    )
    assert find_record(told.record, "agent/two/site/k2").key.native_key == "k2"


def test_what_is_the_same_changes_nothing(told: Engine) -> None:
    row = observation("import", "row", 2, attributes=SERIAL)
    found = rehearse(told.record, said(row), LATER)
    assert (found.assets, found.links, found.summary) == ((), (), ())


def test_it_works_beside_a_writer(told: Engine, tmp_path: Path) -> None:
    (path,) = tmp_path.glob("record-*.db")
    other = open_record(path)
    row = said(observation("agent", "k3", 2, attributes={"name": "third"}))
    assert [plan.name for plan in rehearse(other, row, LATER).assets] == ["third"]
    told.tell(observation("agent", "k4", 2, attributes={"name": "fourth"}))
    assert [plan.asset for plan in rehearse(other, row, LATER).assets] == ["new 1"]
    assert told.find("fourth").name == "fourth"
    other.close()


def test_one_report_among_two_thousand_assets_is_quick(engine: Engine) -> None:
    engine.tell(
        *(
            observation("agent", f"k{n}", 1, instance=f"k{n}", attributes={"name": f"pc-{n}"})
            for n in range(2_000)
        ),
        group=500,
    )
    row = said(observation("agent", "k7", 2, instance="k7", attributes={"name": "renamed"}))
    began = time.perf_counter()
    (plan,) = rehearse(engine.record, row, LATER).assets
    assert plan.values == (ValueChange("name", "pc-7", "renamed"),)
    assert time.perf_counter() - began < 2


def test_what_time_alone_changes_is_no_part_of_it(told: Engine) -> None:
    """The clock of a replay stands where it ended; a report of today comes long after."""
    report = observation("agent", "k1", 2, attributes={"name": "box", "owner": "sales"} | SERIAL)
    late = START + timedelta(days=200)
    rows = [(row.id, row.state) for row in told.record.view.all_assets()]
    found = rehearse(told.record, said(report), late)
    (plan,) = found.assets
    assert plan.values == (ValueChange("owner", "ops", "sales"),)
    assert not plan.more
    assert [(row.id, row.state) for row in told.record.view.all_assets()] == rows
    back = observation("agent", "k1", 200 * 24, attributes={"name": "box", "owner": "ops"} | SERIAL)
    assert rehearse(told.record, said(back), late).assets == ()
    told.pipeline.refresh(late)
    (plan,) = rehearse(told.record, said(back), late).assets
    assert plan.values == (ValueChange("state", "retired", "present"),)


def test_what_is_shown_stands_beside_what_would_be(told: Engine) -> None:
    """It would be missing by then without the report, and is present as it is now with it."""
    late = START + timedelta(days=200)
    values = {"name": "box", "owner": "sales"} | SERIAL
    report = observation("agent", "k1", 200 * 24, attributes=values)
    (plan,) = rehearse(told.record, said(report), late).assets
    assert plan.values == (ValueChange("owner", "ops", "sales"),)
    assert not plan.more


def test_who_stays_keeps_its_name_in_what_is_told(engine: Engine) -> None:
    engine.tell(
        observation("import", "row", 1, attributes={"name": "old"}),
        observation("agent", "k2", 1, attributes={"name": "new"}),
    )
    join = person("same", 20, ref("import", "row"), ref("agent", "k2"))
    found = rehearse(engine.record, said(join), LATER)
    assert found.summary == ("ci-2 (new) would join ci-1 (old)",)
    stays = next(plan for plan in found.assets if plan.asset == "ci-1")
    assert stays.name == "old"
    assert ValueChange("name", "old", "new") in stays.values
