"""What a simulation lists is what putting the rules in force does; the record stays as it is."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import Decision
from cmdb.store.sqlite.copying import copy_database
from cmdb.store.sqlite.record import SqliteRecord, open_record
from reconcile.rules.difference import AssetDifference, Totals
from reconcile.rules.simulate import Stage, settle, simulate
from tests.reconcile.history import Engine, Say
from tests.reconcile.rules.telling import carried_out, files, later, of_name, under
from tests.reconcile.test_order import lines
from tests.reconcile.words import person

SERIAL = {"system_serial": "5CG1234XYZ"}


def listed(engine: Engine, text: str, days: int = 0) -> tuple[list[AssetDifference], Totals]:
    """What a simulation says of an engine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        copy_database(engine.record._path, path)
        since = engine.now - timedelta(days=days) if days else None
        decision = Decision("rules", (), engine.now, engine.now, "ann", "", {"rules": text})
        with closing(open_record(path)) as copy:
            settle(copy, engine.now)
            with closing(open_record(path, readonly=True)) as before, before.snapshot():
                before.view.change_sequence()
                told = list(simulate(before, copy, decision, since, engine.now))
    stages = [each for each in told if isinstance(each, Stage)]
    assert [each.done for each in stages] == sorted(each.done for each in stages)
    assert not stages or stages[-1].done == stages[-1].total
    assert isinstance(told[-1], Totals)
    return [each for each in told if isinstance(each, AssetDifference)], told[-1]


def shown(record: SqliteRecord) -> dict[str, Any]:
    """Class, state, values and records of each asset."""
    return {
        f"ci-{row.id}": (
            row.cls,
            row.state,
            dict(row.attributes),
            sorted((link.record, link.since, link.until) for link in record.ledger.linked(row.id)),
            any(link.state == "twin" for link in record.ledger.linked(row.id)),
        )
        for row in record.view.all_assets()
        if row.parent is None and row.source_kinds
    }


def differing(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """The assets that differ, each with the values that do."""
    found: dict[str, Any] = {}
    for asset in {*one, *two}:
        old, new = one.get(asset), two.get(asset)
        if old is None or new is None:
            found[asset] = None
        elif old != new:
            names = {*old[2], *new[2]}
            pairs = {name: (old[2].get(name), new[2].get(name)) for name in names}
            values = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            states = (old[1], new[1]) if old[1] != new[1] else ("", "")
            found[asset] = (values, states)
    return found


examples = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@examples
@given(st.data())
def test_what_is_listed_is_what_comes(data: st.DataObject) -> None:
    history = data.draw(st.lists(lines(), min_size=2, max_size=6))
    held, text = data.draw(st.one_of(st.just(""), files())), data.draw(files())
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = under(Engine(record), held).tell(*history)
        later(engine, data.draw(st.sampled_from((0, 1, 2, 40))))
        before, mark = shown(record), record.view.change_sequence()
        found, totals = listed(engine, text)
        assert shown(record) == before
        assert record.view.change_sequence() == mark
        carried_out(engine.tell({**person("rules", 0, rules=text), "at": engine.now.isoformat()}))
        expected = differing(before, shown(record))
        assert _ids(found, before, shown(record)) == set(expected)
        for each in found:
            wanted = expected.get(each.asset)
            if wanted is not None:
                told = {value.attribute: (value.before, value.after) for value in each.values}
                assert told == wanted[0]
                assert (each.state_before, each.state_after) == wanted[1]
        assert totals.assets == len(found)
        assert totals.left_out == 0
        record.close()


def _ids(found: list[AssetDifference], before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The ids of assets that differ; new ones are numbered in order of the ids that they got."""
    known = {each.asset for each in found if not each.asset.startswith("new ")}
    fresh = sorted(after.keys() - before.keys() - known, key=lambda asset: int(asset[3:]))
    assert [f"new {n}" for n in range(1, len(fresh) + 1)] == [
        each.asset for each in found if each.asset not in known
    ]
    return known | set(fresh)


@examples
@given(st.data())
def test_the_same_rules_change_nothing(data: st.DataObject) -> None:
    history = data.draw(st.lists(lines(), min_size=2, max_size=6))
    text = data.draw(st.one_of(st.just(""), files()))
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = later(under(Engine(record), text).tell(*history), 0)
        assert listed(engine, text)[0] == []
        record.close()


def test_a_value_is_told_with_both_sources_and_the_reason(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "k1", 1, attributes=SERIAL | {"name": "a"}),
        said("import", "k2", 1, attributes=SERIAL | {"name": "b"}),
        said("agent", "k3", 1, attributes={"name": "other"}),
    )
    (found,), totals = listed(engine, of_name("order: [import/one]"))
    assert (found.asset, found.what) == ("ci-1", ("values",))
    (value,) = found.values
    assert (value.attribute, value.before, value.after) == ("name", "a", "b")
    assert (value.source_before, value.source_after) == ("agent/one", "import/one")
    assert value.why == "import/one is the most trusted that says anything"
    assert value.rule == "rules version 1, line 5 (order)"
    assert (totals.assets, totals.looked_at) == (1, 2)
    assert [(each.cls, each.attribute, each.assets) for each in totals.by_attribute] == [
        ("Device", "name", 1)
    ]


def test_identity_is_told_with_its_evidence(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "k1", 1, attributes=SERIAL), said("cloud", "k2", 1, attributes=SERIAL)
    )
    off = "classes: {Device: {identity: {off: [system_serial]}}}"
    found, totals = listed(engine, off)
    assert [(each.asset, each.what) for each in found] == [
        ("ci-1", ("split",)),
        ("new 1", ("new",)),
    ]
    (moved,) = found[0].records
    assert (str(moved.record), moved.before, moved.after) == (
        "cloud/one/site/k2", ("ci-1",), ("new 1",)
    )  # fmt: skip
    assert totals.by_kind == {"new": 1, "split": 1}
    under(engine, off, 2)
    found, _ = listed(engine, "")
    assert [(each.asset, each.what, each.into) for each in found] == [
        ("ci-1", ("joined",), ""), ("ci-2", ("joined",), "ci-1")
    ]  # fmt: skip
    joined = found[0].records[0].evidence
    assert isinstance(joined, dict)
    assert "joined_by" in joined


def test_of_days_only_what_was_heard_in_them_is_listed(engine: Engine, said: Say) -> None:
    for key, at in (("old", 1), ("new", 24 * 40)):
        serial = {"system_serial": f"SRL-77-{key}"}
        engine.tell(said("agent", f"{key}-a", at, attributes=serial | {"name": "a"}))
        engine.tell(said("import", f"{key}-i", at, attributes=serial | {"name": "b"}))
    text = of_name("order: [import, agent]")
    assert [each.asset for each in listed(engine, text)[0]] == ["ci-1", "ci-2"]
    found, totals = listed(engine, text, days=30)
    assert [each.asset for each in found] == ["ci-2"]
    assert totals.left_out == 1
    # Whose state depends on silence is never heard of in those days.
    states = "classes: {Device: {retire_after: 1 day}}"
    found, totals = listed(engine, states, days=30)
    assert [(each.asset, each.what, each.state_before, each.state_after) for each in found] == [
        ("ci-1", ("state",), "missing", "retired")
    ]
    assert "silent for 30 days; missing for 1 days" in found[0].state_why
    assert (totals.looked_at, totals.for_states, totals.left_out) == (1, 1, 0)


def test_a_question_that_comes_or_goes_is_listed(engine: Engine) -> None:
    fault = Path(__file__).parents[1] / "faults" / "dr_replica.jsonl"
    engine.tell(*(json.loads(line) for line in fault.read_text(encoding="utf-8").splitlines()))
    assert len(engine.record.ledger.twins()) > 1
    off = "classes: {Device: {identity: {off: [bios_uuid]}}}"
    gone, totals = listed(engine, off)
    assert {word for each in gone for word in each.what} >= {"no twin"}
    assert totals.by_kind["no twin"] == 2
    under(engine, off, 24 * 300)
    assert engine.record.ledger.twins() == ()
    come, totals = listed(engine, "")
    assert totals.by_kind["twin"] == 2
    assert {each.asset for each in come if "twin" in each.what} == {each.asset for each in gone}
