"""Cuts the time of each record into stretches in which it was about one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.cluster import Cluster, Reason
from reconcile.timeline import Timeline, Visit


@dataclass(frozen=True, slots=True)
class Subject:
    """A record that is to be identified."""

    record: RecordId
    key: RecordKey
    timeline: Timeline
    family: str = "Device"
    native: str | None = None
    """Its native key, where that identifies things of its class."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a record was about one thing. It holds `since` and not `until`."""

    record: RecordId
    key: RecordKey
    since: int
    until: int | None
    last: int
    """When it last said in it who it is; a report between two things that does not is neither's."""
    reasons: tuple[Reason, ...]
    keys: tuple[tuple[str, str], ...]
    """Identifying values that were given in it."""


@dataclass
class Identified:
    """One thing: its stretches, and those of whom a person is asked whether they are the same."""

    stretches: list[Stretch]
    rivals: list[RecordKey] = field(default_factory=list)
    watched: frozenset[RecordId] = frozenset()
    """Records of the component whose next words may change it, even if they are the same."""


Clusters = Mapping[tuple[RecordId, int], Cluster]


def cut(subjects: Sequence[Subject], clusters: Clusters) -> list[Identified]:
    """The things that clusters stand for, in the order of their first records."""
    things: dict[int, Identified] = {}
    for subject in subjects:
        for cluster, visits in _runs(subject, clusters):
            thing = things.setdefault(id(cluster), Identified([], _rivals(cluster)))
            thing.stretches.append(_stretch(subject, cluster, visits))
    found = list(things.values())
    for thing in found:
        thing.stretches.sort(key=lambda stretch: (stretch.key, stretch.since))
    return sorted(found, key=lambda thing: (thing.stretches[0].key, thing.stretches[0].since))


_Run = tuple[Cluster, tuple[int, int, int | None]]
"""A cluster, the first and the last visit, and where the next run starts."""


def _runs(subject: Subject, clusters: Clusters) -> list[_Run]:
    marks = _assigned(subject, clusters)
    runs: list[_Run] = []
    start = 0
    for place in range(1, len(marks) + 1):
        if place == len(marks) or marks[place] is not marks[start]:
            following = place if place < len(marks) else None
            runs.append((marks[start], (start, place - 1, following)))
            start = place
    return runs


def _assigned(subject: Subject, clusters: Clusters) -> list[Cluster]:
    """The cluster of each visit; one that says nothing goes with the one before it."""
    visits = subject.timeline.visits
    known = [clusters.get((subject.record, visit.node)) for visit in visits]
    following = next((found for found in known if found is not None), None)
    if following is None:
        return []
    marks: list[Cluster] = []
    current = following
    for found in known:
        current = found or current
        marks.append(current)
    return marks


def _stretch(subject: Subject, cluster: Cluster, visits: tuple[int, int, int | None]) -> Stretch:
    first, last, following = visits
    seen = subject.timeline.visits
    nodes = sorted({visit.node for visit in seen[first : last + 1]})
    reasons: dict[Reason, None] = {}
    keys: dict[tuple[str, str], None] = {}
    for node in nodes:
        reasons.update(cluster.reasons.get((subject.record, node), {}))
        for name, values in sorted(subject.timeline.nodes[node].values.items()):
            keys.update({(name, value.rpartition("\0")[2]): None for value in values})
    return Stretch(
        record=subject.record,
        key=subject.key,
        since=seen[first].first,
        until=None if following is None else seen[following].first,
        last=_heard_last(subject.timeline, seen[first : last + 1]),
        reasons=tuple(reasons),
        keys=tuple(keys),
    )


def _heard_last(timeline: Timeline, visits: Sequence[Visit]) -> int:
    """Of visits that say who it is; others are kept or not by the order in which they arrived."""
    nodes = timeline.nodes
    telling = [each for each in visits if nodes[each.node].says_who or each.addresses is not None]
    return max(visit.last for visit in telling or visits)


def _rivals(cluster: Cluster) -> list[RecordKey]:
    return sorted(min(rival.keys()) for rival in cluster.rivals)
