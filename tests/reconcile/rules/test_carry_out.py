"""Rules that come into force are carried out on all that was there before, whatever happens."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import Decision
from cmdb.store.sqlite.record import open_record
from collector.sources.lines import BadLine, parse
from reconcile.decisions import decided
from reconcile.rules import carry_out
from reconcile.rules.show import shown, version_list
from tests.reconcile.history import START, Engine, Say, observation
from tests.reconcile.rules.telling import carried_out, files, of_name, under, value
from tests.reconcile.test_order import lines
from tests.reconcile.words import person, ref

WHEN = START.replace(day=2).isoformat()
examples = settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def estate(data: st.DataObject) -> list[dict[str, Any]]:
    """Reports that all arrive at one time, since the clock is state, too."""
    told = data.draw(st.lists(lines(), min_size=2, max_size=6))
    return [{**line, "at": WHEN} for line in told]


@examples
@given(st.data())
def test_rules_hold_alike_before_and_after_what_was_said(data: st.DataObject) -> None:
    history, text = estate(data), data.draw(files())
    rules = {**person("rules", 0, rules=text), "at": WHEN}
    with tempfile.TemporaryDirectory() as folder:
        states = []
        for place in (0, len(history) // 2, len(history)):
            record = open_record(Path(folder) / f"{place}.db")
            engine = Engine(record).tell(*history[:place], rules, *history[place:])
            states.append(carried_out(engine).state())
            record.close()
    assert states[0] == states[1] == states[2]


@examples
@given(st.data())
def test_rules_that_are_taken_back_leave_nothing_behind(data: st.DataObject) -> None:
    history, text = estate(data), data.draw(files())
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = Engine(record).tell(*history)
        before = engine.state()
        under(engine, text, 30)
        engine.tell(person("undo", 31, undoes=1))
        engine.now = START.replace(day=2)
        assert carried_out(engine).state() == before
        record.close()


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    record = open_record(path)
    engine = Engine(record)
    count = 450
    for n in range(count):
        engine.tell(
            observation("agent", f"a{n}", 1, attributes={"name": f"box{n}"}),
            observation("import", f"a{n}", 1, attributes={"name": f"list{n}"}),
        )
    engine.tell(person("same", 2, *_pair("a7")), person("rules", 3, rules=of_name("rule: latest")))
    steps = 0
    while True:
        work = carry_out.pending(record)
        if work is None:
            break
        assert not work.identity
        assert work.total >= 2 * count - 1
        assert carry_out.advance(record, engine.now)
        # Whatever ends the process here, what is left stands in the file.
        record.close()
        record = open_record(path)
        engine.record = record
        left = carry_out.pending(record)
        assert left is None or left.done > work.done
        steps += 1
    assert steps > 5
    assert value(engine, "ci-1", "name") == "box0"
    assert not carry_out.advance(record, engine.now)
    record.close()


def _pair(key: str) -> tuple[Any, Any]:
    return ref("agent", key), ref("import", key)


def test_a_file_about_values_identifies_nothing_anew(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k1", 1, attributes={"name": "a"}))
    engine.tell(person("rules", 2, rules=of_name("rule: latest")))
    work = carry_out.pending(engine.record)
    assert work is not None
    assert (work.identity, work.stage) == (False, "assets")
    # Another that does comes before the first is done: nothing of it may be left out.
    engine.tell(person("rules", 3, rules="stop_list: {limit: 2}"))
    engine.tell(person("rules", 4, rules=of_name("rule: latest")))
    work = carry_out.pending(engine.record)
    assert work is not None
    assert work.identity
    carried_out(engine)
    assert shown(engine.record).work is None


def test_versions_are_kept_for_good(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k1", 1, attributes={"name": "a"}))
    under(engine, of_name("rule: latest"), 2)
    under(engine, of_name("empty: clears"), 3)
    assert [row.version for row in version_list(engine.record) if row.in_force] == [2]
    carried_out(engine.tell(person("undo", 4, undoes=2)))
    assert [row.version for row in version_list(engine.record) if row.in_force] == [1]
    assert shown(engine.record).version == 1
    carried_out(engine.tell(person("undo", 5, undoes=1)))
    assert shown(engine.record).version == 0
    carried_out(engine.tell(person("undo", 6, undoes=3)))
    rows = version_list(engine.record)
    assert [(row.version, row.decision, row.in_force, row.undone_by) for row in rows] == [
        (2, 2, True, None),
        (1, 1, False, 4),
    ]
    under(engine, of_name("rule: latest"), 7)
    assert shown(engine.record).version == 3


def test_what_a_later_product_does_not_know_is_left_out(engine: Engine, said: Say) -> None:
    text = of_name("rule: latest") + "      gone_by_now: {rule: latest}\n"
    engine.tell(said("agent", "k1", 1, attributes={"name": "a"}))
    decision = decided([(1, _rules(text))]).rules
    assert decision.attribute("Device", "name") is not None
    assert decision.origin_of("Device", "name") == "rules version 1, line 5 (rule)"


def _rules(text: str) -> Any:
    return Decision("rules", (), START, START, "ann", "", {"rules": text})


def test_change_sets_name_the_version(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k1", 1, attributes={"name": "a", "system_serial": "5CG1234XYZ"}))
    engine.tell(said("import", "k2", 1, attributes={"name": "b", "system_serial": "5CG1234XYZ"}))
    under(engine, of_name("order: [import]"), 2)
    (newest,) = engine.record.view.changes(None, 1, None)
    assert newest.detail == {"attributes": {"name": ["a", "b"]}, "rules": 1}


def test_an_import_refuses_rules_that_are_not_good() -> None:
    with pytest.raises(BadLine, match="line 2: unknown kind of source"):
        parse(json.dumps(person("rules", 1, rules="silence:\n  agnt: 3 days\n")))
