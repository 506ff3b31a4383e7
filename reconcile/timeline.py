"""When a record gave which evidence: what a record's stretches are cut from.

A timeline is a function of the statements and never of their order: visits stand in order of the
time at which they were observed. Equal ones that follow each other are one visit with a first
and a last time. A late statement that falls inside a visit cuts it in two; which of the inner
statements came before it is not known any more, so that the visit goes on right after it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from cmdb.model.canonical import decode
from cmdb.model.observation import Json
from reconcile.evidence import Evidence, Told, unpack
from reconcile.sayings import Saying, Sayings

_SILENCE = 36 * 3600 * 1_000_000
"""Microseconds after which the same evidence is a new visit: what was in between is not known."""
Micros = int
"""Microseconds since 1970."""


@dataclass(slots=True)
class Visit:
    """A time during which a record gave one evidence."""

    first: Micros
    last: Micros
    node: int
    """Place of its evidence in the timeline."""
    addresses: tuple[str, ...] | None

    def key(self) -> tuple[int, tuple[str, ...] | None]:
        """What two visits must share to be one."""
        return self.node, self.addresses


@dataclass
class Timeline:
    """All evidence of one record."""

    nodes: list[Evidence] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    sayings: Sayings = field(default_factory=Sayings)
    """When the record spoke of which sections."""

    def add(self, at: Micros, told: Told, *, each: bool = False) -> bool:
        """Notes what a statement told.

        Args:
            at: When it was observed.
            told: Its evidence.
            each: Keep the time of every statement, even where it repeats the one before.

        Returns:
            Whether anything but the last time of the newest visit changed.
        """
        node = self._node(told.evidence)
        new = Visit(at, at, node, told.addresses)
        if not self.visits:
            self.visits.append(new)
            return True
        newest = self.visits[-1]
        if at > newest.last:
            if not each and _goes_on(newest, new):
                newest.last = at
                return False
            self.visits.append(new)
            return True
        return self._splice(new, each=each)

    def _node(self, evidence: Evidence) -> int:
        try:
            return self.nodes.index(evidence)
        except ValueError:
            self.nodes.append(evidence)
            return len(self.nodes) - 1

    def _splice(self, new: Visit, *, each: bool) -> bool:
        at = new.first
        place = bisect_right(self.borders(), at)
        before = self.visits[place - 1] if place else None
        if before is not None and at <= before.last:
            return self._inside(place, before, new)
        if each:
            self.visits.insert(place, new)
            return True
        after = self.visits[place] if place < len(self.visits) else None
        if before is not None and _goes_on(before, new):
            before.last = at
            if after is not None and _goes_on(before, after):
                before.last = after.last
                del self.visits[place]
        elif after is not None and _goes_on(new, after):
            after.first = at
        else:
            self.visits.insert(place, new)
        return True

    def _inside(self, place: int, visit: Visit, new: Visit) -> bool:
        at = new.first
        same_time = [seen for seen in self.visits if seen.first <= at <= seen.last]
        if any(seen.key() == new.key() for seen in same_time):
            return False
        pieces = [new]
        if at in {visit.first, visit.last}:
            pieces.append(Visit(at, at, visit.node, visit.addresses))
        if visit.first < at:
            pieces.insert(0, Visit(visit.first, at - 1, visit.node, visit.addresses))
        if at < visit.last:
            pieces.append(Visit(at + 1, visit.last, visit.node, visit.addresses))
        self.visits[place - 1 : place] = pieces
        self._order_ties(at)
        return True

    def _order_ties(self, at: Micros) -> None:
        """Of what was said at one time the order is that of content."""
        tied = [i for i, v in enumerate(self.visits) if v.first == v.last == at]
        ordered = sorted((self.visits[i] for i in tied), key=self._content)
        for place, visit in zip(tied, ordered, strict=True):
            self.visits[place] = visit

    def _content(self, visit: Visit) -> str:
        return json.dumps([self.nodes[visit.node].pack(), visit.addresses], sort_keys=True)

    def evidence(self, visit: Visit) -> Evidence:
        """What was told during a visit."""
        return self.nodes[visit.node]

    def borders(self) -> list[Micros]:
        """When its visits began."""
        return [visit.first for visit in self.visits]

    def place(self, at: Micros) -> int:
        """Place of the visit that holds a time: the last that began by then, or the first."""
        return max(0, bisect_right(self.borders(), at) - 1)

    def pack(self) -> bytes:
        """As bytes, the same for timelines with the same content up to the order of arrival."""
        table = sorted({a for visit in self.visits for a in visit.addresses or ()})
        number = {address: place for place, address in enumerate(table)}
        start = self.visits[0].first if self.visits else 0
        visits: list[Json] = [
            [
                visit.first - start,
                visit.last - visit.first,
                visit.node,
                None if visit.addresses is None else [number[a] for a in visit.addresses],
            ]
            for visit in self.visits
        ]
        nodes: list[Json] = [node.pack() for node in self.nodes]
        packed: list[Json] = [start, cast("Json", table), nodes, visits]
        if self.sayings.left is not None or self.sayings.rows:
            packed.append(_packed(self.sayings, self.visits, visits))
        return json.dumps(packed, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )


def _goes_on(visit: Visit, after: Visit) -> bool:
    """Whether the later one says the same, without a silence in between."""
    return visit.key() == after.key() and after.first - visit.last <= _SILENCE


def read(body: bytes) -> Timeline:
    """The timeline that pack() wrote; an empty one for nothing."""
    if not body:
        return Timeline()
    start, table, nodes, visits, *said = cast("list[Any]", decode(body))
    known = Timeline(
        [unpack(node) for node in nodes],
        [
            Visit(
                start + first,
                start + first + length,
                node,
                None if places is None else tuple(table[place] for place in places),
            )
            for first, length, node, places, *_ in visits
        ],
    )
    if said:
        known.sayings = Sayings(said[0][0], partial(_unpacked, start, visits, said[0]))
    return known


def _packed(sayings: Sayings, visits: Sequence[Visit], rows: Sequence[Json]) -> Json:
    """Their kinds once, and of which each is that has not the time of a visit.

    Those of a visit's first and last time are told by numbers that its row gets.
    """
    kinds = {row[1:]: None for row in sayings.rows}
    number = {pair: place for place, pair in enumerate(kinds)}
    unplaced = {row.at: number[row[1:]] for row in sayings.rows}
    start = visits[0].first
    for visit, row in zip(visits, rows, strict=True):
        ends = [unplaced.pop(at, None) for at in dict.fromkeys((visit.first, visit.last))]
        while ends and ends[-1] is None:
            ends.pop()
        cast("list[Json]", row).extend(ends)
    others: list[Json] = [[at - start, place] for at, place in unplaced.items()]
    return [sayings.left, [list(pair) for pair in kinds], *others]


def _unpacked(start: Micros, visits: list[list[Any]], said: list[Any]) -> list[Saying]:
    _, kinds, *others = said
    found = [Saying(start + at, *kinds[place]) for at, place in others]
    for first, length, _, _, *ends in visits:
        for at, place in zip((first, first + length), ends, strict=False):
            if place is not None:
                found.append(Saying(start + at, *kinds[place]))
    return sorted(found)


def parted(timeline: Timeline, times: Sequence[Micros]) -> Timeline:
    """The same with borders at these times: what was told before and after one is two evidences."""
    nodes, number = list(timeline.nodes), dict[tuple[int, int], int]()
    visits: list[Visit] = []
    for visit in timeline.visits:
        within = [at for at in times if visit.first < at <= visit.last]
        starts = [visit.first, *within]
        for first, last in zip(starts, [*(at - 1 for at in within), visit.last], strict=True):
            place = visit.node, bisect_right(times, first)
            if place not in number:
                taken = any(node == visit.node for node, _ in number)
                number[place] = len(nodes) if taken else visit.node
                nodes += [timeline.nodes[visit.node]] if taken else []
            visits.append(Visit(first, last, number[place], visit.addresses))
    return Timeline(nodes, visits)


def addresses(timelines: Sequence[Timeline]) -> set[str]:
    """Every address at which these were ever seen."""
    return {
        address
        for timeline in timelines
        for visit in timeline.visits
        for address in visit.addresses or ()
    }
