"""The grains of identification and the clusters that they grow into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.evidence import LENT, Evidence
from reconcile.keys import SCAN

if TYPE_CHECKING:
    from reconcile.stretches import Subject

NATIVE = "native key"
_SERIALS = ("system_serial", "board_serial")
_CONTAINER = "Container"
_MOST_REASONS = 32


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record is, or is not, joined to another."""

    key: str
    value: str
    other: RecordKey
    counted: bool
    why: str = ""


@dataclass(eq=False, slots=True)
class Grain:
    """One evidence of one record, with the times at which it was given."""

    record: RecordId
    key: RecordKey
    node: int
    values: dict[str, frozenset[str]]
    cls: str | None
    parent: RecordKey | None
    counts: bool
    """Whether it takes part: what says nothing that identifies goes with what surrounds it."""
    spans: tuple[tuple[int, int], ...]
    places: frozenset[tuple[str, str]]

    def of(self, key: str) -> frozenset[str]:
        """Values of a key."""
        return self.values.get(key, frozenset())

    @property
    def first(self) -> int:
        """When it was first given."""
        return self.spans[0][0]

    def last_by(self, at: int) -> int:
        """When it was last given up to a time."""
        return max((min(last, at) for first, last in self.spans if first <= at), default=-1)

    def order(self) -> tuple[RecordKey, int, str]:
        """A stable order of content."""
        return self.key, self.first, repr(sorted((k, sorted(v)) for k, v in self.values.items()))

    @property
    def houses(self) -> bool | None:
        """Whether it is a thing that holds others; None where it does not say."""
        if self.cls is None or self.key.source.kind == SCAN:
            return None
        declared = CLASS_BY_NAME.get(self.cls)
        houses = bool(declared and declared.houses)
        # Lists call blades what they like; what they call an enclosure is one.
        return houses or None if self.key.source.kind in {"import", "manual"} else houses

    @property
    def is_container(self) -> bool | None:
        """Whether its agent runs in a container; None where no agent says."""
        if self.cls is None or self.key.source.kind != "agent":
            return None
        return self.cls == _CONTAINER


@dataclass(eq=False)
class Cluster:
    """Grains about one thing."""

    grains: list[Grain]
    values: dict[str, set[str]]
    places: set[tuple[str, str]]
    reasons: dict[tuple[RecordId, int], dict[Reason, None]] = field(default_factory=dict)
    rivals: set[Cluster] = field(default_factory=set)
    """Those of whom a person is asked whether they are the same."""

    @classmethod
    def of_grain(cls, grain: Grain) -> Cluster:
        """A cluster of one."""
        return cls([grain], {k: set(v) for k, v in grain.values.items()}, set(grain.places))

    def of(self, key: str) -> set[str]:
        """Values of a key."""
        return self.values.get(key, set())

    def records(self) -> set[RecordId]:
        """Its records."""
        return {grain.record for grain in self.grains}

    def keys(self) -> set[RecordKey]:
        """The keys of its records."""
        return {grain.key for grain in self.grains}

    def take(self, other: Cluster) -> None:
        """Makes another cluster's grains its own."""
        self.grains += other.grains
        for key, found in other.values.items():
            self.values.setdefault(key, set()).update(found)
        self.places |= other.places
        for place, reasons in other.reasons.items():
            self.reasons.setdefault(place, {}).update(reasons)
        for rival in other.rivals:
            rival.rivals.discard(other)
            if rival is not self:
                rival.rivals.add(self)
                self.rivals.add(rival)
        self.rivals.discard(other)

    def note(self, grain: Grain, reason: Reason) -> None:
        """Keeps a reason; of very many the first ones."""
        reasons = self.reasons.setdefault((grain.record, grain.node), {})
        if len(reasons) < _MOST_REASONS:
            reasons[reason] = None


def grains_of(subjects: Sequence[Subject]) -> list[Grain]:
    """The grains of records, with the values that are their own."""
    found = [grain for subject in subjects for grain in _grains(subject)]
    _disown(found)
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
    for node, evidence in enumerate(timeline.nodes):
        if node in spans:
            yield Grain(
                record=subject.record,
                key=subject.key,
                node=node,
                values=_values(subject, evidence),
                cls=evidence.cls,
                parent=_parent(subject.key, evidence),
                counts=_counts(subject, evidence, strong=strong),
                spans=tuple(spans[node]),
                places=frozenset(places[node]),
            )


def _values(subject: Subject, evidence: Evidence) -> dict[str, frozenset[str]]:
    values = {key: frozenset(found) for key, found in evidence.values.items()}
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


def _disown(grains: Sequence[Grain]) -> None:
    """Takes serial numbers from those who only repeat them, and MACs of docks from everyone.

    A blade prints its enclosure's number, a switch stack that of the member which leads it.
    """
    lent = {value for grain in grains for value in grain.of(LENT)}
    housing = {v for g in grains if g.houses for name in _SERIALS for v in g.of(name)}
    parts = _serials_of_parts(grains)
    for grain in grains:
        own = dict(grain.values)
        _drop(own, "mac", lent)
        borrowed = parts.get(grain.key, set()) | _repeated(grain, grains, parts)
        if grain.houses is False:
            borrowed |= housing
        elif grain.houses:
            borrowed = set()
        for name in _SERIALS:
            _drop(own, name, borrowed)
        grain.values = own


def _serials_of_parts(grains: Sequence[Grain]) -> Mapping[RecordKey, set[str]]:
    found: dict[RecordKey, set[str]] = {}
    for grain in grains:
        if grain.parent is not None and not grain.houses:
            values = {value for name in _SERIALS for value in grain.of(name)}
            found.setdefault(grain.parent, set()).update(values)
    return found


def _repeated(
    grain: Grain, grains: Sequence[Grain], parts: Mapping[RecordKey, set[str]]
) -> set[str]:
    """Serial numbers of the parts of a whole that somebody else tells of, too, without parts.

    It is the whole by name or adapter; a part that is told of by itself has those of the part.
    """
    found: set[str] = set()
    for whole, serials in parts.items():
        if grain.key == whole or grain.parent is not None or not _carries(grain, serials):
            continue
        labels = {v for g in grains if g.key == whole for v in _labels(g)}
        theirs = {v for g in grains if g.parent == whole for v in _labels(g)}
        if _labels(grain) & labels - theirs:
            found |= serials
    return found


def _carries(grain: Grain, serials: set[str]) -> bool:
    return any(grain.of(name) & serials for name in _SERIALS)


def _labels(grain: Grain) -> frozenset[str]:
    return grain.of("mac") | grain.of("name")


def _drop(values: dict[str, frozenset[str]], name: str, gone: set[str]) -> None:
    if name in values and values[name] & gone:
        values[name] -= gone
        if not values[name]:
            del values[name]
