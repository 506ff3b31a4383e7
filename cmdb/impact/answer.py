"""What fails if this fails, and what this needs: for the command line, REST and pages alike.

The answers are plain and frozen; cmdb.query.encode.to_json writes them. What the states mean is
said in propagate.py.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cmdb.impact.graph import UNSEEN, Graph, build
from cmdb.impact.propagate import Spread, State, path, spread
from cmdb.query.assets import asset_name
from cmdb.query.past import PastNote
from cmdb.store.port import AssetRow, RelationRow, UnknownAsset, View

MOST_ITEMS = 5_000
"""Affected things that one answer lists; all are counted."""
_ORDER = {State.DOWN: 0, State.DEGRADED: 1, State.AT_RISK: 2}


@dataclass(frozen=True, slots=True)
class Thing:
    """An asset, as impact speaks of it."""

    asset: str
    """Its id, such as ci-12."""
    cls: str
    name: str
    on: str
    """Name of the machine that it is a part of; empty for a thing of its own."""
    owner: str
    environment: str


@dataclass(frozen=True, slots=True)
class Hop:
    """One relation of a proof, as it stands in the record: source, relation, target."""

    source: str
    source_name: str
    relation: str
    target: str
    target_name: str
    observed_at: datetime
    age: timedelta
    """How old this evidence is as of the answer."""


@dataclass(frozen=True, slots=True)
class Redundancy:
    """How a group stands."""

    members: int
    members_up: int
    min_up: int


@dataclass(frozen=True, slots=True)
class Affected:
    """One thing that suffers, and the shortest proof."""

    thing: Thing
    state: State
    at_risk: bool
    """Whether one more failure takes it down."""
    distance: int
    """Hops of the proof."""
    path: tuple[Hop, ...]
    """From the failing thing to this one."""
    redundancy: Redundancy | None
    """For groups."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A relation between two things of an answer, for a picture of it."""

    source: str
    relation: str
    target: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things suffer, listed or not. Each is counted once, by its state."""

    down: int
    degraded: int
    at_risk: int


@dataclass(frozen=True, slots=True)
class ImpactAnswer:
    """What fails if these fail."""

    failing: tuple[Thing, ...]
    affected: tuple[Affected, ...]
    """Down first, then degraded, then at risk; each by distance and name."""
    counts: Counts
    arrows: tuple[Arrow, ...]
    as_of: datetime
    sequence: int
    """State of the record that this is about."""
    oldest_evidence: datetime | None
    """The oldest relation on a listed path."""
    truncated: bool
    """Whether there is more than is listed: beyond the depth asked for, or too many."""
    past: PastNote | None = None
    """Of which moment this is; None: it is so now."""


@dataclass(frozen=True, slots=True)
class Needed:
    """One thing that is needed, directly or through others."""

    thing: Thing
    distance: int
    path: tuple[Hop, ...]
    """From the one that needs to this one."""
    redundancy: Redundancy | None


@dataclass(frozen=True, slots=True)
class DependencyAnswer:
    """What these need in order to work."""

    of: Thing
    needed: tuple[Needed, ...]
    arrows: tuple[Arrow, ...]
    as_of: datetime
    sequence: int
    truncated: bool
    past: PastNote | None = None


def impact(
    view: View,
    ref: str | Sequence[str],
    now: datetime,
    *,
    depth: int | None = None,
    graph: Graph | None = None,
) -> ImpactAnswer:
    """What fails if this asset, or all of these at once, fail.

    Args:
        view: What is so now.
        ref: Ids (ci-12), names or fully qualified names.
        now: The record's clock; ages are as of it.
        depth: Lists what is no more hops away than this; None lists all.
        graph: The view's graph, if it was already made.

    Raises:
        UnknownAsset: None answers to a name, or several do.
    """
    graph = graph or build(view)
    failing = [_node(graph, view, each) for each in _refs(ref)]
    found = spread(graph, failing)
    affected = [node for node in found.affected() if graph.is_asset(node)]
    rows = _Writer(graph, now)
    near = sorted(
        (node for node in affected if depth is None or found.distance[node] <= depth),
        key=lambda node: (_ORDER[found.state(node)], found.distance[node], rows.label(node)),
    )
    shown = tuple(
        sorted((_affected(rows, found, each) for each in near[:MOST_ITEMS]), key=_by_state)
    )
    drawn = {each.thing.asset for each in shown} | {rows.name(node) for node in failing}
    return ImpactAnswer(
        failing=tuple(rows.thing(node) for node in dict.fromkeys(failing)),
        affected=shown,
        counts=_counts(found.state(node) for node in affected),
        arrows=rows.arrows([*near[:MOST_ITEMS], *failing], drawn),
        as_of=now,
        sequence=graph.sequence,
        oldest_evidence=min((hop.observed_at for each in shown for hop in each.path), default=None),
        truncated=len(shown) < len(affected),
    )


def dependencies(
    view: View, ref: str, now: datetime, *, depth: int | None = None, graph: Graph | None = None
) -> DependencyAnswer:
    """What this asset needs, directly and through others, groups with their members.

    Raises:
        UnknownAsset: None answers to the name, or several do.
    """
    graph = graph or build(view)
    start = _node(graph, view, ref)
    ways = _needs(graph, start)
    rows = _Writer(graph, now)
    nodes = [node for node in ways if node != start and graph.is_asset(node)]
    listed = [_needed(rows, node, ways[node]) for node in nodes]
    near = [each for each in listed if depth is None or each.distance <= depth]
    near.sort(key=lambda each: (each.distance, each.thing.name, each.thing.asset))
    shown = tuple(near[:MOST_ITEMS])
    drawn = {each.thing.asset for each in shown} | {rows.name(start)}
    return DependencyAnswer(
        of=rows.thing(start),
        needed=shown,
        arrows=rows.arrows([*nodes, start], drawn),
        as_of=now,
        sequence=graph.sequence,
        truncated=len(shown) < len(listed),
    )


class _Writer:
    """Puts nodes and arrows of a graph into words."""

    def __init__(self, graph: Graph, now: datetime) -> None:
        self.graph = graph
        self._now = now

    def name(self, node: int) -> str:
        return asset_name(self.graph.assets[node].id)

    def label(self, node: int) -> str:
        return self.graph.assets[node].name

    def thing(self, node: int) -> Thing:
        row = self.graph.assets[node]
        return Thing(
            asset_name(row.id), row.cls, row.name, self._machine(row),
            _text(row.attributes, "owner"), _text(row.attributes, "environment"),
        )  # fmt: skip

    def hops(self, arrows: Iterable[int]) -> tuple[Hop, ...]:
        seen = (self.graph.relation[arrow] for arrow in arrows)
        return tuple(self._hop(self.graph.relations[each]) for each in seen if each != UNSEEN)

    def redundancy(self, node: int, lost: int = 0) -> Redundancy | None:
        if not self.graph.is_group(node):
            return None
        members = self.graph.members[node]
        return Redundancy(members, members - lost, self.graph.min_up[node])

    def arrows(self, nodes: Iterable[int], drawn: set[str]) -> tuple[Arrow, ...]:
        """Relations along which failure travels, between what is drawn."""
        found: dict[int, Arrow] = {}
        for node in nodes:
            for arrow in self.graph.out[node]:
                number = self.graph.relation[arrow]
                if number == UNSEEN or number in found:
                    continue
                row = self.graph.relations[number]
                source, target = asset_name(row.source), asset_name(row.target)
                if source in drawn and target in drawn:
                    found[number] = Arrow(source, row.type, target, row.observed_at)
        return tuple(found[number] for number in sorted(found))

    def _hop(self, row: RelationRow) -> Hop:
        source, target = self.graph.place[row.source], self.graph.place[row.target]
        return Hop(
            source=asset_name(row.source),
            source_name=self.graph.assets[source].name,
            relation=row.type,
            target=asset_name(row.target),
            target_name=self.graph.assets[target].name,
            observed_at=row.observed_at,
            age=max(self._now - row.observed_at, timedelta(0)),
        )

    def _machine(self, row: AssetRow) -> str:
        at = None if row.parent is None else self.graph.place.get(row.parent)
        return "" if at is None else self.graph.assets[at].name


def _affected(rows: _Writer, found: Spread, node: int) -> Affected:
    hops = rows.hops(path(rows.graph, found, node))
    return Affected(
        thing=rows.thing(node),
        state=found.state(node),
        at_risk=node in found.at_risk,
        distance=len(hops),
        path=hops,
        redundancy=rows.redundancy(node, found.lost.get(node, 0)),
    )


def _needed(rows: _Writer, node: int, way: tuple[int, ...]) -> Needed:
    hops = rows.hops(way)
    return Needed(rows.thing(node), len(hops), hops, rows.redundancy(node))


def _needs(graph: Graph, start: int) -> Mapping[int, tuple[int, ...]]:
    """Of each node that the start needs the shortest way there, as arrows."""
    came: dict[int, int] = {}
    steps = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for arrow in graph.into[node]:
            cause, unseen = graph.cause[arrow], graph.relation[arrow] == UNSEEN
            if cause not in steps:
                steps[cause] = steps[node] + (not unseen)
                came[cause] = arrow
                (queue.appendleft if unseen else queue.append)(cause)
    return {node: _way(graph, came, node) for node in steps}


def _way(graph: Graph, came: Mapping[int, int], node: int) -> tuple[int, ...]:
    way: list[int] = []
    while node in came:
        way.append(came[node])
        node = graph.hurt[way[-1]]
    return tuple(reversed(way))


def _counts(states: Iterable[State]) -> Counts:
    found = Counter(states)
    return Counts(found[State.DOWN], found[State.DEGRADED], found[State.AT_RISK])


def _by_state(each: Affected) -> tuple[int, int, str, str]:
    return _ORDER[each.state], each.distance, each.thing.name, each.thing.asset


def _refs(ref: str | Sequence[str]) -> Sequence[str]:
    return (ref,) if isinstance(ref, str) else ref


def _node(graph: Graph, view: View, ref: str) -> int:
    row = view.find(ref)
    node = graph.place.get(row.id)
    if node is None:
        raise UnknownAsset(f"{ref!r} is not in the graph: another asset stands for it")
    return node


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name)
    return "" if value is None else str(value)
