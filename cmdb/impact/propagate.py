"""What goes down, loses redundancy or comes at risk when some things fail. Pure.

The rules, for a set F that fails:

* Down is the least set that holds F, everything that needs something that is down, and every group
  that has lost a member and has fewer than `min_up` left. Only what must be down is: a cycle does
  not fall by itself, and a group that nobody left is not asked.
* A group that lost a member and is up is *degraded*. If it has no more than `min_up` left it is
  also at risk: one more failure takes it down.
* *At risk* is what would be down if one of those groups went down too. That counts redundancy
  further up: a tier of two whose members both need the group is at risk, one of whose members does
  is not.
* What needs a degraded thing, and is neither down nor at risk, is degraded. Degradation does not
  pass into a group: its members are up, so it has lost none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from cmdb.impact.graph import UNSEEN, Graph


class State(Enum):
    """How something fares, worst first."""

    DOWN = "down"
    DEGRADED = "degraded"
    AT_RISK = "at risk"


@dataclass(slots=True)
class Spread:
    """How every node fares that does not fare as before."""

    failing: frozenset[int]
    down: set[int] = field(default_factory=set)
    """With those that fail."""
    degraded: set[int] = field(default_factory=set)
    at_risk: set[int] = field(default_factory=set)
    """Some of them degraded as well."""
    lost: dict[int, int] = field(default_factory=dict)
    """Of each group how many members are down."""
    distance: dict[int, int] = field(default_factory=dict)
    """Relations between it and the nearest failing thing that explains its state."""
    came_by: dict[int, int] = field(default_factory=dict)
    """The last arrow of that way."""

    def state(self, node: int) -> State:
        """The state of an affected node."""
        if node in self.down:
            return State.DOWN
        # A group that lost members is degraded, whatever else may happen to it.
        lost = self.lost.get(node, 0) > 0
        return State.AT_RISK if node in self.at_risk and not lost else State.DEGRADED

    def affected(self) -> set[int]:
        """Every node that suffers; those that fail are not among them."""
        return (self.down | self.degraded | self.at_risk) - self.failing


def spread(graph: Graph, failing: Iterable[int]) -> Spread:
    """What follows when these nodes fail."""
    found = Spread(frozenset(failing))
    _fall(graph, found.failing, found.down, found.lost)
    found.distance = dict.fromkeys(found.failing, 0)
    _explain(graph, found, found.failing, found.down)
    hit = sorted(node for node in found.lost if node not in found.down)
    for group in hit:
        _explain_group(graph, found, group)
    for group in hit:
        if graph.members[group] - found.lost[group] <= graph.min_up[group]:
            _risk(graph, found, group)
    _degrade(graph, found, hit)
    return found


def path(graph: Graph, found: Spread, node: int) -> list[int]:
    """The arrows from a failing thing to the node, in that order."""
    way: list[int] = []
    while node in found.came_by:
        way.append(found.came_by[node])
        node = graph.cause[way[-1]]
    return way[::-1]


def _fall(graph: Graph, seeds: Iterable[int], down: set[int], lost: dict[int, int]) -> list[int]:
    """Adds to `down` what falls with the seeds, counts losses, and returns what came."""
    fallen = [node for node in seeds if node not in down]
    down.update(fallen)
    for node in fallen:  # grows
        for arrow in graph.out[node]:
            hurt = graph.hurt[arrow]
            if graph.member[arrow]:
                lost[hurt] = lost.get(hurt, 0) + 1
                falls = graph.members[hurt] - lost[hurt] < graph.min_up[hurt]
            else:
                falls = True
            if falls and hurt not in down:
                down.add(hurt)
                fallen.append(hurt)
    return fallen


def _risk(graph: Graph, found: Spread, group: int) -> None:
    """Marks what would go down with the group, and takes the trial back."""
    fallen = _fall(graph, (group,), found.down, found.lost)
    for node in fallen:
        for arrow in graph.out[node]:
            if graph.member[arrow]:
                found.lost[graph.hurt[arrow]] -= 1
    found.down.difference_update(fallen)
    found.at_risk.update(fallen)
    _explain(graph, found, (group,), set(fallen))


def _degrade(graph: Graph, found: Spread, hit: Iterable[int]) -> None:
    start = list(hit)
    reached = list(start)
    seen = set(reached)
    for node in reached:  # grows
        for arrow in graph.out[node]:
            hurt = graph.hurt[arrow]
            if graph.member[arrow] or hurt in seen or hurt in found.down:
                continue
            seen.add(hurt)
            reached.append(hurt)
    found.degraded = seen
    _explain(graph, found, start, seen - found.at_risk)


def _explain_group(graph: Graph, found: Spread, group: int) -> None:
    lost = [
        arrow
        for arrow in graph.into[group]
        if graph.member[arrow] and graph.cause[arrow] in found.down
    ]
    nearest = min(lost, key=lambda arrow: (found.distance[graph.cause[arrow]], arrow))
    found.distance[group] = found.distance[graph.cause[nearest]] + 1
    found.came_by[group] = nearest


def _explain(graph: Graph, found: Spread, start: Iterable[int], among: Collection[int]) -> None:
    """Finds the shortest ways from the start to all of these, over them only.

    A way that an earlier, worse state found stays unless this one is shorter.
    """
    queue = deque(sorted(start))
    while queue:
        node = queue.popleft()
        for arrow, hurt in _steps(graph, node, among):
            unseen = graph.relation[arrow] == UNSEEN
            distance = found.distance[node] + (0 if unseen else 1)
            if distance < found.distance.get(hurt, 1 << 60):
                found.distance[hurt] = distance
                found.came_by[hurt] = arrow
                (queue.appendleft if unseen else queue.append)(hurt)


def _steps(graph: Graph, node: int, among: Collection[int]) -> Iterator[tuple[int, int]]:
    for arrow in graph.out[node]:
        if graph.hurt[arrow] in among:
            yield arrow, graph.hurt[arrow]
