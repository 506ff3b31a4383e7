"""Propagation against an oracle that evaluates the rules naively, and networkx for the paths."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.impact.graph import Graph, from_rows, needed_up
from cmdb.impact.propagate import State, path, spread
from cmdb.model.observation import Json
from cmdb.store.port import AssetId, AssetRow, RelationRow

NOW = datetime(2026, 11, 23, tzinfo=UTC)
Arrow = tuple[int, str, int]


def asset(
    number: int, cls: str = "Service", state: str = "present", **attributes: Json
) -> AssetRow:
    return AssetRow(
        AssetId(number),
        cls,
        f"n{number}",
        state,
        None,
        "hq",
        NOW,
        NOW,
        attributes,
        (),
        demo=False,
        revision=1,
    )


def relation(source: int, kind: str, target: int, detail: Json = None) -> RelationRow:
    return RelationRow(AssetId(source), kind, AssetId(target), NOW, detail)


def graph_of(nodes: int, arrows: list[Arrow], min_up: dict[int, str] | None = None) -> Graph:
    wanted = min_up or {}
    rows = [
        asset(number, "Group", min_up=wanted[number]) if number in wanted else asset(number)
        for number in range(nodes)
    ]
    return from_rows(rows, [relation(*arrow) for arrow in arrows])


class Oracle:
    """The rules, written down a second time: sets, and sweeps until nothing moves."""

    def __init__(self, arrows: set[Arrow], min_up: dict[int, str]) -> None:
        self.needs = {(a, c) for a, kind, c in arrows if kind == "depends_on" and a != c}
        self.member = {(a, c) for a, kind, c in arrows if kind == "member_of" and a != c}
        self.min_up = min_up

    def members(self, group: int) -> set[int]:
        return {a for a, c in self.member if c == group}

    def up_needed(self, group: int) -> int:
        return needed_up(self.min_up.get(group), len(self.members(group)))

    def down(self, failing: set[int]) -> set[int]:
        gone = set(failing)
        while True:
            more = {a for a, c in self.needs if c in gone}
            for group in {c for _, c in self.member}:
                members = self.members(group)
                if members & gone and len(members - gone) < self.up_needed(group):
                    more.add(group)
            if more <= gone:
                return gone
            gone |= more

    def states(self, failing: set[int]) -> dict[int, tuple[State, bool]]:
        down = self.down(failing)
        hit = {c for a, c in self.member if a in down} - down
        last = {g for g in hit if len(self.members(g) - down) <= self.up_needed(g)}
        risk = set().union(*(self.down(failing | {group}) - down for group in last))
        degraded = set(hit)
        while more := {a for a, c in self.needs if c in degraded} - degraded - down:
            degraded |= more
        found = dict.fromkeys(down - failing, (State.DOWN, False))
        for node in (degraded | risk) - down:
            bad = node in hit or node not in risk
            found[node] = (State.DEGRADED if bad else State.AT_RISK, node in risk)
        return found


@st.composite
def estates(draw: st.DrawFn) -> tuple[int, set[Arrow], dict[int, str], set[int]]:
    nodes = draw(st.integers(2, 12))
    node = st.integers(0, nodes - 1)
    groups = draw(st.sets(node, max_size=nodes // 2))
    arrows = draw(
        st.sets(st.tuples(node, st.just("depends_on"), node), max_size=nodes)
        if not groups
        else st.sets(
            st.one_of(
                st.tuples(node, st.just("depends_on"), node),
                st.tuples(node, st.just("member_of"), st.sampled_from(sorted(groups))),
            ),
            max_size=nodes * 3,
        )
    )
    texts = st.sampled_from(["1", "2", "3", "50%", "67%", "100%", "0", "many"])
    min_up = {group: draw(texts) for group in groups}
    return nodes, arrows, min_up, draw(st.sets(node, min_size=1, max_size=2))


@settings(max_examples=400, deadline=None)
@given(estates())
def test_states_are_those_of_the_oracle(
    estate: tuple[int, set[Arrow], dict[int, str], set[int]],
) -> None:
    nodes, arrows, min_up, failing = estate
    graph = graph_of(nodes, sorted(arrows), min_up)

    found = spread(graph, failing)

    assert {node: (found.state(node), node in found.at_risk) for node in found.affected()} == (
        Oracle(arrows, min_up).states(failing)
    )


@settings(max_examples=200, deadline=None)
@given(estates())
def test_every_way_starts_at_a_failing_thing_and_those_of_what_is_down_are_shortest(
    estate: tuple[int, set[Arrow], dict[int, str], set[int]],
) -> None:
    nodes, arrows, min_up, failing = estate
    graph = graph_of(nodes, sorted(arrows), min_up)
    found = spread(graph, failing)
    among_down: nx.DiGraph[int] = nx.DiGraph()
    among_down.add_nodes_from(found.down)
    among_down.add_edges_from(
        (graph.cause[arrow], hurt)
        for arrow, hurt in enumerate(graph.hurt)
        if {graph.cause[arrow], hurt} <= found.down
    )

    for node in found.affected():
        way = path(graph, found, node)
        assert graph.cause[way[0]] in failing
        assert graph.hurt[way[-1]] == node
        assert all(graph.hurt[one] == graph.cause[next_] for one, next_ in pairwise(way))
        if node in found.down:
            shortest = min(
                nx.shortest_path_length(among_down, start, node)
                for start in failing
                if nx.has_path(among_down, start, node)
            )
            assert len(way) == found.distance[node] == shortest


def test_one_of_two_lost_degrades_the_group_and_puts_what_needs_it_at_risk() -> None:
    arrows = [(0, "member_of", 2), (1, "member_of", 2), (3, "depends_on", 2)]
    found = spread(graph_of(4, arrows, {2: "1"}), [0])
    assert found.state(2) is State.DEGRADED
    assert found.at_risk == {2, 3}
    assert found.state(3) is State.AT_RISK
    assert found.down == {0}


def test_one_of_three_lost_only_degrades() -> None:
    arrows = [(n, "member_of", 3) for n in range(3)] + [(4, "depends_on", 3)]
    found = spread(graph_of(5, arrows, {3: "1"}), [0])
    assert (found.state(3), found.state(4), found.at_risk) == (
        State.DEGRADED,
        State.DEGRADED,
        set(),
    )


def test_a_tier_of_two_that_needs_a_group_without_slack_is_at_risk_through_both_members() -> None:
    # Databases 0 and 1 in group 2; web servers 3 and 4, which need it, in group 5; service 6.
    arrows = [
        (0, "member_of", 2), (1, "member_of", 2), (3, "depends_on", 2), (4, "depends_on", 2),
        (3, "member_of", 5), (4, "member_of", 5), (6, "depends_on", 5),
    ]  # fmt: skip
    found = spread(graph_of(7, arrows, {2: "1", 5: "1"}), [0])
    assert found.at_risk == {2, 3, 4, 5, 6}
    assert found.state(5) is State.AT_RISK, "its members are up, so it is not degraded"


def test_who_talks_to_two_members_of_a_group_stands_while_one_is_up() -> None:
    rows = [asset(0), asset(1), asset(2, "Group"), asset(3)]
    talks: Json = {"connections": 3}
    relations = [
        relation(0, "member_of", 2), relation(1, "member_of", 2),
        relation(3, "depends_on", 0, talks), relation(3, "depends_on", 1, talks),
    ]  # fmt: skip
    found = spread(from_rows(rows, relations), [0])
    assert found.down == {0}
    assert found.state(3) is State.AT_RISK
    assert spread(from_rows(rows, relations), [0, 1]).down >= {0, 1, 2, 3}


def test_another_service_on_the_members_is_another_need() -> None:
    rows = [asset(0), asset(1), asset(2, "Group"), asset(3)]
    rows += [
        replace(asset(number, port=port), parent=AssetId(machine))
        for number, machine, port in ((4, 0, 5432), (5, 1, 5432), (6, 0, 6379))
    ]
    relations = [
        relation(0, "member_of", 2), relation(1, "member_of", 2),
        relation(4, "runs_on", 0), relation(5, "runs_on", 1), relation(6, "runs_on", 0),
        *(relation(3, "depends_on", number, {"connections": 1}) for number in (4, 5, 6)),
    ]  # fmt: skip
    graph = from_rows(rows, relations)
    assert 3 in spread(graph, [0]).down, "it is only seen to talk to one 6379"
    assert spread(graph, [1]).state(3) is State.AT_RISK
    assert spread(graph, [4]).state(3) is State.AT_RISK


def test_a_declared_need_of_one_member_is_taken_at_its_word() -> None:
    rows = [asset(0), asset(1), asset(2, "Group"), asset(3)]
    relations = [
        relation(0, "member_of", 2), relation(1, "member_of", 2),
        relation(3, "depends_on", 0), relation(3, "depends_on", 1),
    ]  # fmt: skip
    assert 3 in spread(from_rows(rows, relations), [0]).down


def test_members_that_talk_to_each_other_do_not_take_each_other_down() -> None:
    rows = [asset(0), asset(1), asset(2, "Group")]
    relations = [
        relation(0, "member_of", 2), relation(1, "member_of", 2),
        relation(1, "depends_on", 0, {"connections": 1}),
    ]  # fmt: skip
    assert spread(from_rows(rows, relations), [0]).down == {0}


def test_retired_members_do_not_count() -> None:
    rows = [asset(0), asset(1, state="retired"), asset(2, "Group", min_up="1")]
    relations = [relation(0, "member_of", 2), relation(1, "member_of", 2)]
    assert spread(from_rows(rows, relations), [0]).down == {0, 2}


@pytest.mark.parametrize(
    ("text", "members", "needed"),
    [
        ("2", 3, 2), ("50%", 3, 2), ("50 %", 4, 2), ("100%", 3, 3), ("34%", 3, 2), ("33%", 3, 1),
        ("0", 3, 0), (None, 3, 1), ("half", 3, 1), (2, 3, 2), ("-1", 3, 1), ("900%", 3, 3),
    ],
)  # fmt: skip
def test_min_up_is_a_count_or_a_share_rounded_up(text: Json, members: int, needed: int) -> None:
    assert needed_up(text, members) == needed


def test_a_cascade_over_a_hundred_thousand_nodes_ends() -> None:
    nodes = 100_000
    arrows = [(number, "depends_on", number // 3) for number in range(1, nodes)]
    arrows += [(number, "depends_on", number // 7) for number in range(7, nodes)]
    graph = graph_of(nodes, arrows)
    assert len(spread(graph, [0]).down) == nodes
