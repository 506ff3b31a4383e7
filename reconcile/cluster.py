"""The grains of identification and the clusters that they grow into."""

from __future__ import annotations

from dataclasses import dataclass, field

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.evidence import CONTAINED
from reconcile.keys import SCAN

SERIALS = ("system_serial", "board_serial")
LISTS = frozenset({"import", "manual"})
"""Kinds of source whose numbers are typed by hand."""
LIVE = frozenset({"agent", "cloud", "snmp"})
"""Kinds of source that look at things; a list may have one machine in two rows."""
HOSTED = "host_serial"
"""Serial numbers that a container reads: they are its host's, and say on which host it runs."""
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
    notes: tuple[Reason, ...] = ()
    """Values that it gave and that are another's, with whose they are."""

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
        return houses or None if self.key.source.kind in LISTS else houses

    @property
    def is_container(self) -> bool | None:
        """Whether its agent runs in a container; None where no agent says.

        Some agents take what they run in for a computer: its adapters say it.
        """
        if self.cls is None or self.key.source.kind != "agent":
            return None
        return self.cls == _CONTAINER or CONTAINED in self.values


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
        values = {key: set(found) for key, found in grain.values.items()}
        cluster = cls([grain], values, set(grain.places))
        for note in grain.notes:
            cluster.note(grain, note)
        return cluster

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
