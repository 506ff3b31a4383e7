"""Timelines hold what was told when, in whatever order it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconcile.evidence import Evidence, Told
from reconcile.sayings import Saying, Sayings
from reconcile.timeline import Timeline, read

_TEN = 10
"""Instants are far apart: what goes on after a late word goes on one microsecond later."""


def told(serial: str, *addresses: str) -> Told:
    return Told(Evidence({"system_serial": (serial,)}), addresses)


def serials(timeline: Timeline) -> list[tuple[int, int, str]]:
    return [(v.first, v.last, timeline.evidence(v).of("system_serial")[0]) for v in timeline.visits]


def test_equal_statements_that_follow_each_other_are_one_visit() -> None:
    timeline = Timeline()
    assert timeline.add(1, told("A"))
    assert not timeline.add(5, told("A"))
    assert not timeline.add(5, told("A"))
    assert timeline.add(9, told("B"))
    assert serials(timeline) == [(1, 5, "A"), (9, 9, "B")]


def test_another_address_is_another_visit_of_the_same_evidence() -> None:
    timeline = Timeline()
    timeline.add(1, told("A", "10.0.0.1"))
    assert timeline.add(2, told("A", "10.0.0.2"))
    assert [visit.node for visit in timeline.visits] == [0, 0]


def test_a_late_statement_cuts_the_visit_that_it_falls_into() -> None:
    timeline = Timeline()
    for at in (1, 4, 6, 9):
        timeline.add(at, told("A"))
    timeline.add(5, told("B"))
    assert serials(timeline) == [(1, 4, "A"), (5, 5, "B"), (6, 9, "A")]


def test_a_late_statement_extends_its_like() -> None:
    timeline = Timeline()
    timeline.add(1, told("A"))
    timeline.add(9, told("B"))
    assert timeline.add(4, told("A"))
    assert timeline.add(7, told("B"))
    assert serials(timeline) == [(1, 4, "A"), (7, 9, "B")]


def test_scans_keep_each_time() -> None:
    timeline = Timeline()
    for at in (1, 2, 3):
        timeline.add(at, told("A"), each=True)
    assert [visit.first for visit in timeline.visits] == [1, 2, 3]


@given(
    st.lists(
        st.tuples(st.integers(0, 12).map(_TEN.__mul__), st.sampled_from("ABC")),
        min_size=1,
        max_size=12,
    ).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said)))
)
def test_what_was_told_when_does_not_depend_on_the_order(
    case: tuple[list[tuple[int, str]], list[tuple[int, str]]],
) -> None:
    said, other = case
    orders = []
    for order in (said, other):
        timeline = Timeline()
        for at, serial in order:
            timeline.add(at, told(serial))
        orders.append(read(timeline.pack()))
    for at, serial in said:
        if {other for when, other in said if when == at} != {serial}:
            # Two words at one instant: one that repeats what surrounds it may be forgotten.
            continue
        for timeline in orders:
            spans = [other for first, last, other in serials(timeline) if first <= at <= last]
            assert spans == [serial]
    newest = [serials(timeline)[-1][2] for timeline in orders]
    assert newest[0] == newest[1]


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ABC")), min_size=1, max_size=20))
def test_a_packed_timeline_is_the_same(said: list[tuple[int, str]]) -> None:
    timeline = Timeline()
    for at, serial in said:
        timeline.add(at, told(serial, f"10.0.0.{at % 3}"))
    again = read(timeline.pack())
    assert (again.nodes, again.visits) == (timeline.nodes, timeline.visits)
    assert again.sayings.rows == []


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ABC")), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 7), st.integers(0, 7)), max_size=20),
)
def test_when_sections_were_spoken_of_is_packed_with_it(
    said: list[tuple[int, str]], spoken: list[tuple[int, int, int]]
) -> None:
    timeline = Timeline()
    for at, serial in said:
        timeline.add(at, told(serial))
    for at, whole, left in spoken:
        timeline.sayings.note(Saying(at, whole, left & ~whole))
    timeline.sayings.left = 5
    again = read(timeline.pack())
    assert again.visits == timeline.visits
    assert (again.sayings.left, again.sayings.rows) == (5, timeline.sayings.rows)


def test_of_many_times_within_a_visit_the_first_and_the_last_of_each_section_stay() -> None:
    sayings = Sayings()
    for at in range(20):
        assert sayings.note(Saying(at, 2 if at == 7 else 1, 4 if 3 < at < 12 else 0))
    sayings.note(Saying(30, 1, 0))
    sayings.thin([0, 25])
    assert [row.at for row in sayings.rows] == [0, 4, 7, 11, 19, 30]


def test_a_timeline_from_before_they_were_kept_is_read() -> None:
    again = read(b'[10,["10.0.0.1"],[[null,null,{"system_serial":["A"]}]],[[0,4,0,[0]]]]')
    assert serials(again) == [(10, 14, "A")]
    assert (again.sayings.left, again.sayings.rows) == (None, [])
    assert read(again.pack()).visits == again.visits
