"""What people decide holds, can be taken back, and loses nothing that was said meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from reconcile.deciding import DecisionRefused, UnknownRecord, Word, join, retire, split
from reconcile.decisions import decided
from tests.reconcile.history import START, Engine, Say, observation
from tests.reconcile.test_order import lines
from tests.reconcile.words import person, ref

Line = dict[str, Any]
RECORDS = (
    ref("agent", "k1"), ref("agent", "k2"), ref("import", "k1"), ref("cloud", "k3"),
    ref("scan", "10.0.0.5"), ref("scan", "10.0.0.6"), ref("import", "k2"),
)  # fmt: skip
LATER = 20
WORD = Word("ann", START + timedelta(hours=LATER))
examples = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=True,
)


@st.composite
def reports(draw: st.DrawFn, least: int = 0, most: int = 3) -> list[Line]:
    """Reports in any order of time, no two at one instant: then a source contradicts itself."""
    told = draw(st.lists(lines(), min_size=least, max_size=most))
    start = draw(st.integers(0, 9)) * 1_000
    for number, line in enumerate(told, start):
        at = datetime.fromisoformat(line["observed_at"]) + timedelta(milliseconds=number)
        line["at"] = line["observed_at"] = at.isoformat()
    return told


def apart(some: list[Line], others: list[Line]) -> bool:
    """Whether no two are of one instant."""
    return not {x["observed_at"] for x in some} & {x["observed_at"] for x in others}


@contextmanager
def engine_of(*told: Line) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        try:
            yield Engine(record).tell(*told)
        finally:
            record.close()


def state_of(told: Sequence[Line], end: int = 40) -> Any:
    """The state after all of it, at one clock."""
    with engine_of(*told) as engine:
        engine.tell(person("trust", end, key="mac", value="005056000000"))
        return engine.state()


pairs = st.lists(st.sampled_from(RECORDS), min_size=2, max_size=4, unique_by=repr)


@examples
@given(st.data())
def test_a_decision_that_is_taken_back_was_never_made(data: st.DataObject) -> None:
    history = data.draw(reports(2, 5))
    between = data.draw(reports().filter(lambda told: apart(told, history)))
    act = data.draw(st.sampled_from(("same", "different", "exclude", "retire")))
    records = data.draw(pairs)
    decision = person(act, LATER, *records)
    undo = person("undo", LATER + 1, undoes=1)
    with_it = state_of([*history, decision, *between, undo])
    assert with_it == state_of([*history, *between])
    assert with_it["assets"]


@examples
@given(st.data())
def test_what_was_excluded_and_included_again_counts_as_ever(data: st.DataObject) -> None:
    history = data.draw(reports(2, 5))
    between = data.draw(reports().filter(lambda told: apart(told, history)))
    what: dict[str, Any] = data.draw(
        st.sampled_from(({"source": "agent/one"}, {"source": "scan/one"}, {}))
    )
    records = [] if what else [data.draw(st.sampled_from(RECORDS))]
    out = person("exclude", LATER, *records, **what)
    again = person("include", LATER + 1, *records, **what)
    assert state_of([*history, out, *between, again]) == state_of([*history, *between])


@examples
@given(st.data())
def test_the_last_word_about_a_pair_counts(data: st.DataObject) -> None:
    history = data.draw(reports(2, 5))
    one, two = data.draw(pairs)[:2]
    last = data.draw(st.sampled_from(("same", "different")))
    first = "different" if last == "same" else "same"
    earlier, later = person(first, LATER, one, two), person(last, LATER + 1, one, two)
    assert state_of([*history, earlier, later]) == state_of([*history, later])


@examples
@given(st.data())
def test_ids_survive_a_join_that_is_taken_back(data: st.DataObject) -> None:
    history = data.draw(reports(2, 5))
    records = data.draw(pairs)[:2]
    with engine_of(*history) as engine:
        before = whose(engine)
        engine.tell(person("same", LATER, *records))
        joined = whose(engine)
        assume(joined != before)
        # A record that is cut in two, by the join or before it, may keep the id of one part alone.
        assume(all(len(assets) == 1 for found in (before, joined) for assets in found.values()))
        engine.tell(person("undo", LATER + 1, undoes=1))
        assert whose(engine) == before


def whose(engine: Engine) -> dict[str, set[int]]:
    """The assets of each record that speaks for itself; stubs of scans may get another id."""
    ledger = engine.record.ledger
    rows = {row.id: row.key for row in ledger.all_records() if row.key.source.kind != "scan"}
    found = ledger.stretches(rows)
    return {str(rows[each]): {link.asset for link in links} for each, links in found.items()}


def test_each_side_of_a_split_has_its_own_history(engine: Engine) -> None:
    serial = {"system_serial": "5CG1234XYZ"}
    engine.tell(
        observation("agent", "k1", 1, attributes={"name": "left", "owner": "ops"} | serial),
        observation("import", "row", 1, attributes={"name": "right", "owner": "sales"} | serial),
        observation("import", "row", 2, attributes={"name": "right", "owner": "hr"} | serial),
    )
    view, ledger = engine.record.view, engine.record.ledger
    assert len(list(view.all_assets())) == 1
    engine.tell(person("different", 3, ref("agent", "k1"), ref("import", "row")))
    left, right = engine.find("left"), engine.find("right")
    assert (left.id, left.attributes["owner"]) == (1, "ops")
    assert right.attributes["owner"] == "hr"
    record = next(row for row in ledger.all_records() if row.key.native_key == "row")
    history = ledger.link_history(record.id)
    assert [link.asset for link in history] == [left.id, right.id]
    assert history[0].ended_at == START + timedelta(hours=3)
    (stretch,) = ledger.stretches([record.id])[record.id]
    assert stretch.since == START + timedelta(hours=1), "also its past is about the right one"


def test_a_join_after_a_split_says_otherwise_of_every_pair(engine: Engine) -> None:
    said = {"system_serial": "5CG1234XYZ"}
    engine.tell(
        *(observation(kind, "k1", 1, attributes=said) for kind in ("agent", "cloud", "import"))
    )
    apart = split(engine.record, "ci-1", ["agent/one/site/k1"], WORD)
    assert (apart.act, apart.extra, len(apart.records)) == ("different", {"sides": "1"}, 3)
    engine.tell(person("different", 20, *map(_ref, apart.records), sides=1))
    assert len(list(engine.record.view.all_assets())) == 2
    together = join(engine.record, ("ci-1", "ci-2"), WORD)
    engine.tell(person("same", 21, *map(_ref, together.records), sides=together.extra["sides"]))
    assert len(list(engine.record.view.all_assets())) == 1
    assert decided(engine.record.ledger.decisions()).rulings.different == ()


def _ref(key: Any) -> Any:
    return ref(key.source.kind, key.native_key, instance=key.source.instance, scope=key.scope)


def test_a_stub_of_a_scan_can_be_joined_and_follows(engine: Engine) -> None:
    engine.tell(
        observation("agent", "k1", 1, attributes={"name": "box", "system_serial": "5CG1234XYZ"}),
        observation("scan", "10.0.0.9", 1, attributes={"name": "stub"}),
    )
    together = join(engine.record, ("box", "stub"), WORD)
    engine.tell(person("same", 20, *map(_ref, together.records)))
    assert [asset.name for asset in engine.record.view.all_assets()] == ["box"]
    assert engine.record.view.find("ci-2").name == "box"
    engine.tell(observation("scan", "10.0.0.9", 21, attributes={"name": "stub"}))
    assert [asset.name for asset in engine.record.view.all_assets()] == ["box"]
    engine.tell(person("undo", 22, undoes=1))
    assert sorted(asset.name for asset in engine.record.view.all_assets()) == ["box", "stub"]


def test_a_sighting_that_a_person_denies_stands_alone(engine: Engine) -> None:
    adapter = {"name": "eth0", "mac": "00:50:56:aa:00:01", "kind": "ethernet"}
    engine.tell(
        observation("agent", "k1", 1, attributes={"name": "box"}, interfaces=[adapter]),
        observation("scan", "10.0.0.9", 2, interfaces=[adapter]),
    )
    assert len(list(engine.record.view.all_assets())) == 1
    apart = split(engine.record, "box", ["scan/one/site/10.0.0.9"], WORD)
    engine.tell(person("different", 20, *map(_ref, apart.records)))
    assert len(list(engine.record.view.all_assets())) == 2


@pytest.mark.parametrize(
    ("records", "error", "words"),
    [
        (["agent/one/site/k9"], UnknownRecord, "no record"),
        (["1", "2"], DecisionRefused, "leave a record"),
        ([], DecisionRefused, "name the records"),
        (["3"], UnknownRecord, "no record '3'"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(
    engine: Engine, records: list[str], error: type[Exception], words: str
) -> None:
    said = {"system_serial": "5CG1234XYZ"}
    engine.tell(*(observation(kind, "k1", 1, attributes=said) for kind in ("agent", "cloud")))
    with pytest.raises(error, match=words):
        split(engine.record, "ci-1", records, WORD)


def test_a_join_of_what_is_one_is_refused(engine: Engine) -> None:
    engine.tell(observation("agent", "k1", 1, attributes={"name": "box"}))
    with pytest.raises(DecisionRefused, match="one already"):
        join(engine.record, ("ci-1", "box"), WORD)


def test_what_a_key_left_behind_is_not_retired_with_its_successor(
    engine: Engine, said: Say
) -> None:
    old, new = {"system_serial": "5CG1234XYZ"}, {"system_serial": "MXL0123ABC"}
    engine.tell(said("agent", "ri", 0, attributes=old), said("agent", "ri", 48, attributes=new))
    left, following = (retire(engine.record, ref, WORD) for ref in ("ci-1", "ci-2"))
    assert left.records == following.records
    assert left.extra == {"times": "2026-01-01T00:00:00Z"}
    assert following.extra == {"times": "2026-01-03T00:00:00Z"}
