"""The estate as arrows along which failure travels, in compact arrays.

Made from a view once for each state of it. A node is a number; an arrow leads from what fails to
what suffers. Knows no state of failure: that is propagate.py's.

Two readings of traffic are decided here. They hold for arrows that were derived from sockets; what
is declared is taken at its word:

* Who talks to several members of one group, or to one service (protocol and port) on several
  members, needs as many of those as the group asks for: `min_up` less the members it does not talk
  to, at least one. Such a need is a group of its own, unseen, between the members and the one who
  talks.
* Members of one group that talk to each other keep in step; failure does not travel between them.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cmdb.model.classes import RELATION_BY_NAME
from cmdb.model.declare import Impact
from cmdb.model.observation import Json
from cmdb.store.port import AssetId, AssetRow, RelationRow, View

Socket = tuple[object, object]

UNSEEN = -1
"""In place of a relation: the arrow ends a need that was read from traffic."""
_NO_GROUP = -1
_RETIRED = "retired"
_MIN_UP = re.compile(r"(\d{1,9})\s*(%?)", re.ASCII)
_WHOLE_SHARE = 100


@dataclass(slots=True)
class Graph:
    """Nodes and arrows. Nodes past the assets are needs read from traffic."""

    assets: list[AssetRow] = field(default_factory=list)
    place: dict[AssetId, int] = field(default_factory=dict)
    relations: list[RelationRow] = field(default_factory=list)
    cause: array[int] = field(default_factory=lambda: array("l"))
    """Of each arrow the node it starts at: when this fails ..."""
    hurt: array[int] = field(default_factory=lambda: array("l"))
    """... this one suffers."""
    member: bytearray = field(default_factory=bytearray)
    """Of each arrow whether it is a member's to its group, which counts."""
    relation: array[int] = field(default_factory=lambda: array("l"))
    """Of each arrow its relation's place, or UNSEEN."""
    out: list[list[int]] = field(default_factory=list)
    """Of each node the arrows that start there."""
    into: list[list[int]] = field(default_factory=list)
    """Of each node the arrows that end there."""
    members: list[int] = field(default_factory=list)
    """Of each node how many members it has as a group."""
    min_up: list[int] = field(default_factory=list)
    """Of each node how many of them must be up."""
    sequence: int = 0
    """State of the view it was made from."""

    def is_group(self, node: int) -> bool:
        """Whether it counts its members."""
        return self.members[node] > 0 or (self.is_asset(node) and self.assets[node].cls == "Group")

    def is_asset(self, node: int) -> bool:
        """Whether it is an asset, and not a need read from traffic."""
        return node < len(self.assets)


def needed_up(text: Json, members: int) -> int:
    """Of so many members how many must be up, by the text of `min_up`.

    A share is of the declared members, rounded up. What is neither a count nor a share is 1.
    """
    match = _MIN_UP.fullmatch(str(text).strip()) if text is not None else None
    if match is None:
        return 1
    if match[2]:
        return math.ceil(min(int(match[1]), _WHOLE_SHARE) * members / _WHOLE_SHARE)
    return int(match[1])


def build(view: View) -> Graph:
    """The graph of all assets and relations of the view; retired assets have no arrows."""
    return from_rows(view.all_assets(), view.all_relations(), view.change_sequence())


def from_rows(
    assets: Iterable[AssetRow], relations: Iterable[RelationRow], sequence: int = 0
) -> Graph:
    """The graph of these assets and relations."""
    graph = Graph(sequence=sequence)
    for row in assets:
        graph.place[row.id] = len(graph.assets)
        graph.assets.append(row)
        _add_node(graph)
    traffic: list[tuple[int, int, int]] = []
    for relation in _between_present(graph, relations):
        number = len(graph.relations)
        graph.relations.append(relation)
        source, target = graph.place[relation.source], graph.place[relation.target]
        if _is_traffic(relation):
            traffic.append((source, target, number))
        else:
            _add_declared(graph, source, target, number)
    _count_members(graph)
    _add_traffic(graph, traffic)
    return graph


def _add_node(graph: Graph) -> int:
    for held in (graph.out, graph.into):
        held.append([])
    graph.members.append(0)
    graph.min_up.append(0)
    return len(graph.out) - 1


def _between_present(graph: Graph, relations: Iterable[RelationRow]) -> Iterator[RelationRow]:
    there = {asset for asset, at in graph.place.items() if graph.assets[at].state != _RETIRED}
    return (each for each in relations if each.source in there and each.target in there)


def _is_traffic(relation: RelationRow) -> bool:
    """Whether sockets told it: such arrows carry how many connections there were."""
    declared = RELATION_BY_NAME.get(relation.type)
    return (
        declared is not None
        and declared.impact is Impact.ON_SOURCE
        and isinstance(relation.detail, dict)
        and "connections" in relation.detail
    )


def _add_declared(graph: Graph, source: int, target: int, number: int) -> None:
    declared = RELATION_BY_NAME.get(graph.relations[number].type)
    impact = declared.impact if declared else Impact.NONE
    if source == target or impact is Impact.NONE:
        return
    if impact is Impact.ON_SOURCE:
        _add_arrow(graph, target, source, number)
    else:
        _add_arrow(graph, source, target, number, member=impact is Impact.MEMBER)


def _add_arrow(graph: Graph, cause: int, hurt: int, relation: int, *, member: bool = False) -> None:
    number = len(graph.cause)
    graph.cause.append(cause)
    graph.hurt.append(hurt)
    graph.member.append(member)
    graph.relation.append(relation)
    graph.out[cause].append(number)
    graph.into[hurt].append(number)
    if member:
        graph.members[hurt] += 1


def _count_members(graph: Graph) -> None:
    for node, members in enumerate(graph.members):
        if members:
            text = graph.assets[node].attributes.get("min_up")
            graph.min_up[node] = needed_up(text, members)


def _add_traffic(graph: Graph, traffic: list[tuple[int, int, int]]) -> None:
    by_need: dict[tuple[int, int, Socket], list[tuple[int, int]]] = defaultdict(list)
    for source, target, number in traffic:
        if source == target:
            continue
        group = _group_between(graph, source, target)
        if group == _NO_GROUP:
            _add_arrow(graph, target, source, number)
        elif group is not None:
            by_need[source, group, _socket(graph, target)].append((target, number))
    for (source, group, _), targets in by_need.items():
        _add_need(graph, source, group, targets)


def _add_need(graph: Graph, source: int, group: int, targets: list[tuple[int, int]]) -> None:
    if len(targets) == 1:
        _add_arrow(graph, targets[0][0], source, targets[0][1])
        return
    need = _add_node(graph)
    for target, number in targets:
        _add_arrow(graph, target, need, number, member=True)
    unseen_members = max(0, graph.members[group] - len(targets))
    graph.min_up[need] = max(1, min(graph.min_up[group], graph.members[group]) - unseen_members)
    _add_arrow(graph, need, source, UNSEEN)


def _socket(graph: Graph, node: int) -> Socket:
    """Protocol and port of a service: another one on the same members is another need."""
    attributes = graph.assets[node].attributes
    return attributes.get("protocol"), attributes.get("port")


def _group_between(graph: Graph, source: int, target: int) -> int | None:
    """The group through which source needs target; _NO_GROUP for none, None for peers."""
    of_target = _groups(graph, target)
    if set(of_target) & set(_groups(graph, source)):
        return None
    return of_target[0] if of_target else _NO_GROUP


def _groups(graph: Graph, node: int) -> list[int]:
    """Groups it is a member of, or else its machine is."""
    own = [graph.hurt[arrow] for arrow in graph.out[node] if graph.member[arrow]]
    own = [group for group in own if graph.is_asset(group)]
    parent = graph.assets[node].parent
    if own or parent is None or parent not in graph.place:
        return sorted(own)
    return _groups(graph, graph.place[parent])
