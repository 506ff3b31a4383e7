"""Whom a scan saw: the second step of identification.

A scan knows an address, often a MAC, sometimes a name. It says nothing about who is one thing
with whom: it is a witness of things that others know, or of things that nobody else knows. So a
visit is judged by itself: by its MAC, then by who held the address then, then by the name, then
by its neighbours in time at the same address. What nobody claims stays a thing of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.evidence import Evidence
from reconcile.timeline import Timeline, Visit

_MUCH_NEARER = 4
_CUT = 15
"""Characters after which old naming services cut a name (RFC 1001)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A thing that others know, as far as it matters to a scan."""

    thing: int
    names: frozenset[str]
    timeline: Timeline
    """Of one of its records ..."""
    since: int
    until: int | None
    """... and the stretch in which that was about it."""
    record: int

    def covers(self, at: int) -> bool:
        """Whether the record was about it then, as far as is known."""
        first = self.timeline.visits[0].first
        return (self.since <= at or self.since <= first) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around one scanned address."""

    by_mac: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    """Who carries a MAC; nobody for a MAC that many carry."""
    lent: Collection[str] = ()
    """MACs that identify nobody: of docks, or on too many things."""
    by_lent: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    """Who ever had a dock with a MAC."""
    holders: tuple[Candidate, ...] = ()
    """Records that were ever at the address."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was made of a scan's record."""

    sightings: list[Sighting]
    """Of each visit."""
    watched: set[int]
    """Records whose next words may change that, even if they are the same."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Whom a visit saw, and how that is known."""

    thing: int | None
    """A thing that others know."""
    mac: str | None
    """The MAC by which a thing is known to scans only."""
    why: str
    mark: str = ""
    """What parts a thing that nobody knows from others at its address: a name, and where several
    things may have been seen the time."""


def judge(timeline: Timeline, address: str, known: Known) -> Judged:
    """Whom each visit of a scan's record saw."""
    judge_ = _Judge(timeline, address, known)
    found = [judge_.by_itself(visit) for visit in timeline.visits]
    sightings = [
        sighting or _by_neighbours(timeline, place, found, known)
        for place, sighting in enumerate(found)
    ]
    return Judged(_with_silent(timeline, sightings), judge_.watched)


def _with_silent(timeline: Timeline, sightings: Sequence[Sighting]) -> list[Sighting]:
    """A visit that told nothing is of the same as the one before it, or after it."""
    told = [
        None if _silent(timeline, visit) else sighting
        for visit, sighting in zip(timeline.visits, sightings, strict=True)
    ]
    last = next((sighting for sighting in told if sighting), None)
    found = []
    for sighting, own in zip(told, sightings, strict=True):
        last = sighting or last
        found.append(last or own)
    return found


def _silent(timeline: Timeline, visit: Visit) -> bool:
    return visit.addresses is None and not timeline.evidence(visit).values


def alike(one: Collection[str], two: Collection[str]) -> bool:
    """Whether two sets of names have one in common, be it cut short."""
    return any(
        left == right
        or (len(left) == _CUT and right.startswith(left))
        or (len(right) == _CUT and left.startswith(right))
        for left in one
        for right in two
    )


class _Judge:
    """Judges the visits of one record by themselves."""

    def __init__(self, timeline: Timeline, address: str, known: Known) -> None:
        self._timeline = timeline
        self._address = address
        self._known = known
        self.watched: set[int] = set()

    def by_itself(self, visit: Visit) -> Sighting | None:
        """Whom a visit saw, by its MAC or by who was there."""
        evidence = self._timeline.evidence(visit)
        macs = [mac for mac in evidence.of("mac") if mac not in self._known.lent]
        for mac in macs:
            things = self._known.by_mac.get(mac, ())
            if len({candidate.thing for candidate in things}) == 1:
                return Sighting(things[0].thing, None, f"mac {mac}")
            if things:
                return self._among(things, visit, evidence)
        if macs:
            return Sighting(None, macs[0], f"mac {macs[0]}")
        found = self._by_holder(visit, evidence, self._known.holders)
        return found or self._by_dock(visit, evidence)

    def _by_dock(self, visit: Visit, evidence: Evidence) -> Sighting | None:
        """Of those who ever had the dock that it saw the one that has its name."""
        names = evidence.of("name")
        named = {
            candidate.thing
            for mac in evidence.of("mac")
            for candidate in self._known.by_lent.get(mac, ())
            if candidate.covers(visit.first) and alike(names, candidate.names)
        }
        return Sighting(min(named), None, "mac of a dock, and name") if len(named) == 1 else None

    def _among(
        self, things: Sequence[Candidate], visit: Visit, evidence: Evidence
    ) -> Sighting | None:
        """Of several that carry its MAC the one that was there, or has its name."""
        found = self._by_holder(visit, evidence, things)
        if found:
            return found
        names = evidence.of("name")
        named = {candidate.thing for candidate in things if alike(names, candidate.names)}
        return Sighting(min(named), None, "mac and name") if len(named) == 1 else None

    def _by_holder(
        self, visit: Visit, evidence: Evidence, holders: Sequence[Candidate]
    ) -> Sighting | None:
        names = evidence.of("name")
        held: dict[int, _Hold] = {}
        named: set[int] = set()
        open_: set[int] = set()
        for candidate in holders:
            hold = self._hold(candidate, visit.first)
            if hold is None or (names and candidate.names and not alike(names, candidate.names)):
                continue
            held[candidate.thing] = held.get(candidate.thing, _Hold()).nearest(hold)
            if names and candidate.names:
                named.add(candidate.thing)
            if self._address in (candidate.timeline.visits[-1].addresses or ()):
                open_.add(candidate.record)
        if len(held) > 1:
            # Who tells of the address again may settle it otherwise.
            self.watched |= open_
        if not held:
            return None
        choice = held if not named else {thing: held[thing] for thing in named}
        thing = _holding(choice, visit.first)
        if thing is None:
            return None
        return Sighting(thing, None, "address and name" if named else "address")

    def _hold(self, candidate: Candidate, at: int) -> _Hold | None:
        return _held(candidate.timeline, at, self._address) if candidate.covers(at) else None


def _holding(held: dict[int, _Hold], at: int) -> int | None:
    """Who of these held the address.

    Whoever told it by far the nearest in time; else the only one who told it before and after;
    else, where all told it before, the last to tell: addresses are handed on. Where one told it
    before and another after, it changed hands at a time that nobody knows.
    """
    if len(held) == 1:
        return next(iter(held))
    nearest = _clearly({thing: hold.distance(at) for thing, hold in held.items()}, _MUCH_NEARER)
    if nearest is not None:
        return nearest
    surely = {thing: hold for thing, hold in held.items() if hold.surely}
    if len(surely) == 1:
        return next(iter(surely))
    choice = surely or held
    if any(hold.before is None for hold in choice.values()):
        return None
    return _clearly({thing: at - (hold.before or 0) for thing, hold in choice.items()}, 1)


def _clearly(distances: Mapping[int, int], times: int) -> int | None:
    """The one with the least distance, if any other is so many times as far."""
    (nearest, thing), (other, _) = sorted((far, thing) for thing, far in distances.items())[:2]
    return thing if nearest * times < other else None


@dataclass(frozen=True, slots=True)
class _Hold:
    """When a thing told that it is at an address, the nearest times before and after another."""

    before: int | None = None
    after: int | None = None

    @property
    def surely(self) -> bool:
        return self.before is not None and self.after is not None

    def distance(self, at: int) -> int:
        """How far away the nearer telling is."""
        return min(abs(at - told) for told in (self.before, self.after) if told is not None)

    def nearest(self, other: _Hold) -> _Hold:
        before = [at for at in (self.before, other.before) if at is not None]
        after = [at for at in (self.after, other.after) if at is not None]
        return _Hold(max(before, default=None), min(after, default=None))


def _held(timeline: Timeline, at: int, address: str) -> _Hold | None:
    before = after = None
    for visit in timeline.visits:
        if visit.addresses is None:
            continue
        if visit.first > at:
            after = visit
            break
        before = visit
    known = before is not None and address in (before.addresses or ())
    again = after is not None and address in (after.addresses or ())
    if known and before is not None and before.last >= at:
        return _Hold(at, at)
    hold = _Hold(
        before.last if known and before is not None else None,
        after.first if again and after is not None else None,
    )
    return hold if known or again else None


def _by_neighbours(
    timeline: Timeline, place: int, found: Sequence[Sighting | None], known: Known
) -> Sighting:
    """Where nothing tells: the same as before and after, when both agree and no name differs."""
    visits = timeline.visits
    for other in (place - 1, place + 1):
        # Said in one breath with another word: of the same thing.
        if 0 <= other < len(visits) and visits[other].first == visits[place].first:
            at_once = found[other]
            if at_once is not None:
                return at_once
    names = timeline.evidence(visits[place]).of("name")
    before = _neighbour(timeline, range(place - 1, -1, -1), found, names)
    after = _neighbour(timeline, range(place + 1, len(found)), found, names)
    if before and after:
        if (before.thing, before.mac) == (after.thing, after.mac):
            return Sighting(before.thing, before.mac, "same address, seen before and after")
        return _unknown(timeline, place, known)
    only = before or after
    if only and names and _known_name(names, only, known, timeline):
        return Sighting(only.thing, only.mac, "same address and name")
    return _unknown(timeline, place, known)


def _unknown(timeline: Timeline, place: int, known: Known) -> Sighting:
    visit = timeline.visits[place]
    evidence = timeline.evidence(visit)
    name = next(iter(evidence.of("name")), "")
    shared = any(
        mac in known.lent or len(known.by_mac.get(mac, ())) > 1 for mac in evidence.of("mac")
    )
    return Sighting(None, None, "", f"{name}/{visit.first}" if shared else name)


def _neighbour(
    timeline: Timeline,
    places: range,
    found: Sequence[Sighting | None],
    names: Sequence[str],
) -> Sighting | None:
    for place in places:
        sighting = found[place]
        if sighting is None:
            continue
        other = timeline.evidence(timeline.visits[place]).of("name")
        if names and other and not alike(names, other):
            return None
        return sighting
    return None


def _known_name(names: Sequence[str], sighting: Sighting, known: Known, timeline: Timeline) -> bool:
    told = {
        name
        for node in timeline.nodes
        if sighting.mac is not None and sighting.mac in node.of("mac")
        for name in node.of("name")
    }
    told |= {
        name
        for candidates in (*known.by_mac.values(), known.holders)
        for candidate in candidates
        if candidate.thing == sighting.thing
        for name in candidate.names
    }
    return alike(names, told)
