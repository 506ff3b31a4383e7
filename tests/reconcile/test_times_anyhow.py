"""Words about a time of a record: taken back, in other orders, as the product makes them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cmdb.model.observation import Decision
from reconcile.deciding import DecisionRefused, Word, join, retire, split
from tests.reconcile.history import Engine
from tests.reconcile.test_join_split import (
    LATER,
    apart,
    engine_of,
    examples,
    reports,
    state_of,
)
from tests.reconcile.test_times_of_records import asset, hours, line
from tests.reconcile.words import person

TIMES = ("-", "2026-01-01T04:30:00Z", "2026-01-01T06:00:00Z/..", "../2026-01-01T06:00:00Z",
         "2026-01-01T03:00:00Z/2026-01-01T09:00:00Z")  # fmt: skip
KEYS = (("agent", "k1"), ("agent", "k2"), ("import", "k1"), ("scan", "10.0.0.5"), ("cloud", "k3"))


@st.composite
def words(draw: st.DrawFn, acts: tuple[str, ...] = ("same", "different", "retire")) -> Any:
    """A person's word about records at times."""
    act = draw(st.sampled_from(acts))
    about = draw(
        st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from(TIMES)),
            min_size=2, max_size=3, unique=True,
        ).filter(lambda found: all(
            time != "-" or [key for key, _ in found].count(key) == 1 for key, time in found
        ))
    )  # fmt: skip
    records = [
        {"source": {"kind": kind, "instance": "one"}, "scope": "site", "native_key": key}
        for (kind, key), _ in about
    ]
    return person(act, LATER, *records, times=" ".join(time for _, time in about))


@examples
@given(st.data())
def test_a_word_about_times_that_is_taken_back_was_never_said(data: st.DataObject) -> None:
    history = data.draw(reports(2, 5))
    between = data.draw(reports().filter(lambda found: apart(found, history)))
    said = data.draw(words())
    with_it = state_of([*history, said, *between, person("undo", LATER + 1, undoes=1)])
    assert with_it == state_of([*history, *between])


@examples
@given(st.data())
def test_words_about_times_do_not_depend_on_the_order_of_arrival(data: st.DataObject) -> None:
    history = data.draw(reports(2, 6))
    for each in history:
        each["at"] = hours(LATER + 1).isoformat()
    some = [data.draw(words()) | {"at": hours(LATER + n).isoformat()} for n in range(2)]
    every = [*history, *some]
    other = data.draw(st.permutations(every))
    assert state_of(every) == state_of(other)


@examples
@given(st.data())
def test_what_people_join_and_split_is_as_it_was_once_undone(data: st.DataObject) -> None:
    """Decisions as the product makes them, of whatever assets a history left."""
    history = data.draw(reports(3, 6))
    late = data.draw(reports().filter(lambda found: apart(found, history)))
    with engine_of(*history) as engine:
        decision = data.draw(st.sampled_from(["join", "split", "since", "retire"]).map(
            lambda act: made(engine, act, data)))  # fmt: skip
        if decision is None:
            return
    said = line(decision)
    assert state_of([*history, said, *late, person("undo", LATER + 1, undoes=1)]) == state_of(
        [*history, *late]
    )
    assert state_of([said, *reversed(history)]) == state_of([*history, said])


def made(engine: Engine, act: str, data: st.DataObject) -> Decision | None:
    refs = [f"ci-{row.id}" for row in engine.record.view.all_assets() if row.parent is None]
    refs = [ref for ref in refs if engine.record.ledger.linked(asset(engine, ref).id)]
    pair = data.draw(st.permutations(refs))[:2]
    if act == "join" and len(refs) < 2:
        return None
    at, word_ = hours(data.draw(st.integers(1, 11))), Word("ann", hours(LATER))
    try:
        if act == "join":
            return join(engine.record, pair, word_)
        if act == "retire":
            return retire(engine.record, pair[0], word_)
        return split(engine.record, pair[0], ["1"], word_, at if act == "since" else None)
    except (DecisionRefused, ValueError):
        return None
