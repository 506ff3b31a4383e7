"""The grains of records: each evidence that a record gave, with what of it is its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cmdb.model.observation import RecordKey
from reconcile.cluster import Grain
from reconcile.disown import disown
from reconcile.evidence import CONTAINED, MODEL, OF_ENGINE, Evidence
from reconcile.keys import SCAN
from reconcile.stretches import Subject
from reconcile.timeline import Timeline
from reconcile.virtual import is_of_hypervisor

NATIVE = "native key"


def grains_of(subjects: Sequence[Subject]) -> list[Grain]:
    """The grains of records, with the values that are their own."""
    found = [grain for subject in subjects for grain in _grains(subject)]
    disown(found)
    return found


def _grains(subject: Subject) -> Iterable[Grain]:
    timeline = subject.timeline
    spans: dict[int, list[tuple[int, int]]] = {}
    places: dict[int, set[tuple[str, str]]] = {}
    scope = subject.key.scope
    for visit in timeline.visits:
        spans.setdefault(visit.node, []).append((visit.first, visit.last))
        places.setdefault(visit.node, set()).update((scope, a) for a in visit.addresses or ())
    strong = any(node.strong for node in timeline.nodes)
    # A model is no key; but that it turned virtual says that a machine did.
    mixed = len({is_of_hypervisor(m) for node in timeline.nodes for m in node.of(MODEL)}) > 1
    contained = _is_contained(timeline)
    for node in _in_order(timeline, spans):
        evidence = timeline.nodes[node]
        yield Grain(
            record=subject.record,
            key=subject.key,
            node=node,
            values=_values(subject, evidence, contained=contained),
            cls=evidence.cls,
            parent=_parent(subject.key, evidence),
            counts=_counts(subject, evidence, strong=strong)
            or (mixed and MODEL in evidence.values),
            spans=tuple(spans[node]),
            places=frozenset(places[node]),
        )


def _in_order(timeline: Timeline, spans: Mapping[int, Sequence[tuple[int, int]]]) -> Iterable[int]:
    """Nodes by time and content: their numbers are in order of arrival, which must not matter."""
    if len(spans) == 1:
        return spans
    return sorted(spans, key=lambda node: (spans[node], repr(timeline.nodes[node].pack())))


def _is_contained(timeline: Timeline) -> bool:
    """Whether it ever told of adapters of a container, and never of a machine's own."""
    if not any(CONTAINED in node.values for node in timeline.nodes):
        return False
    return not any("mac" in node.values for node in timeline.nodes)


def _values(subject: Subject, evidence: Evidence, *, contained: bool) -> dict[str, frozenset[str]]:
    values = {key: frozenset(found) for key, found in evidence.values.items()}
    values.pop(CONTAINED, None)
    if contained:
        values[CONTAINED] = frozenset({OF_ENGINE})
    if subject.native:
        values[NATIVE] = frozenset({f"{subject.family}\0{subject.key.scope}\0{subject.native}"})
    return values


def _parent(key: RecordKey, evidence: Evidence) -> RecordKey | None:
    if evidence.parent is None:
        return None
    return RecordKey(key.source, key.scope, evidence.parent)


def _counts(subject: Subject, evidence: Evidence, *, strong: bool) -> bool:
    if subject.native:
        return True
    if subject.key.source.kind == SCAN:
        return evidence.identifies_alone
    return evidence.strong or not strong
