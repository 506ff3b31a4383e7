"""Complete runs from which nothing may be concluded, because they saw so little.

A credential that expired, or a router that is down, looks like half a site gone; the run ends
without an error all the same. So a complete run that missed at least half of what its source had
seen since the last run that counted (three things at least, two where it saw none at all) counts
for nothing. Runs over the same places are compared with one another, each with the last before it
that counted, and by what was known when that one ended: who came up since, in runs that count for
nothing, does not stand for what is out of sight. What a run missed is told by when records were
heard: it does not matter in which order that became known, nor who returns later.
"""

from __future__ import annotations

import ipaddress
import json
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cmdb.model.observation import RunEvent, Source
from cmdb.store.port import Hearings, Ledger, RecordRow, RunRow
from reconcile.account import Account, normal_address
from reconcile.instants import from_micros, to_micros
from reconcile.lifecycle import covers, places

LEAST = 3
"""So many must be missed: of two things one may well be gone."""
_EMPTY = 2
"""A run that saw nothing at all of what was known says nothing of these either."""
_BEFORE = timedelta(days=35)
"""A first run is compared with what was heard for so long before it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG = timedelta(days=90)
"""What was not heard for so long is missed no more: half a site may have been given up."""
_BRIEF = timedelta(hours=36)
"""Whoever returns after longer was silent in the run, and that is kept."""

Place = tuple[Source, str]
"""A source and a scope."""


@dataclass(frozen=True, slots=True, order=True)
class Doubt:
    """A run that counts for nothing."""

    began_at: datetime
    ended_at: datetime
    run: str
    missed: int
    """Things that it did not see, of those that the last run that counted may have seen."""
    saw: int
    """Things known before that it saw."""

    @property
    def why(self) -> str:
        """In words."""
        known = self.missed + self.saw
        return f"run {self.run} missed {self.missed} of {known} things: nothing is concluded"


class Shrunken:
    """Keeps track, in one transaction, of the runs that must be weighed again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._due: dict[Place, datetime] = {}
        """From which time on what its runs saw may differ."""
        self._newest: Mapping[Place, datetime] | None = None
        self._doubts: dict[Place, tuple[Doubt, ...]] = {}

    def heard(self, row: RecordRow, at: datetime) -> None:
        """A record, as it was before, was heard at a time."""
        if self._newest is None:
            self._newest = self._ledger.newest_runs()
        place = (row.key.source, row.key.scope)
        newest = self._newest.get(place)
        if newest is None:
            return
        if at < newest:
            # It may also part, or end, a silence that was too brief to be kept.
            self._again(place, at - _BRIEF)
        elif row.seen_at < at <= row.seen_at + _BRIEF:
            doubts = self._doubts.get(place)
            if doubts is None:
                doubts = self._doubts[place] = doubts_of(self._ledger, *place)
            if any(row.seen_at < doubt.began_at <= at for doubt in doubts):
                self._again(place, row.seen_at)

    def anew(self) -> None:
        """All runs are to be weighed again."""
        for place in self._ledger.newest_runs():
            self._again(place, _EPOCH)

    def run(self, event: RunEvent) -> None:
        """A run that is complete began or ended."""
        self._again((event.source, event.scope), event.at)

    def _again(self, place: Place, since: datetime) -> None:
        self._due[place] = min(since, self._due.get(place, since))

    def settle(self) -> list[tuple[Place, datetime]]:
        """Weighs again; gives where that differs from before, and the end of the last such run."""
        found = []
        for place, since in sorted(self._due.items()):
            before = doubts_of(self._ledger, *place)
            after = _weighed(self._ledger, place, since, before)
            differ = {(d.began_at, d.ended_at) for d in set(before) ^ set(after)}
            if differ:
                keep(self._ledger, place, after)
                found.append((place, max(ended for _, ended in differ)))
        self._due.clear()
        self._doubts.clear()
        self._newest = None
        return found


def doubts_of(ledger: Ledger, source: Source, scope: str) -> tuple[Doubt, ...]:
    """Runs of a source over a scope that count for nothing, oldest first."""
    text = ledger.memo(_name((source, scope)))
    rows = json.loads(text) if text else []
    return tuple(
        Doubt(from_micros(began), from_micros(ended), run, missed, saw)
        for began, ended, run, missed, saw in rows
    )


def counting(ledger: Ledger, source: Source, scope: str, after: datetime) -> tuple[RunRow, ...]:
    """Complete runs that began after a time and count, oldest first."""
    runs = ledger.complete_runs(source, scope, after)
    if not runs:
        return runs
    doubted = {(doubt.run, doubt.ended_at) for doubt in doubts_of(ledger, source, scope)}
    return tuple(run for run in runs if (run.run, run.ended_at) not in doubted)


def unheeded(ledger: Ledger, accounts: Iterable[Account]) -> Iterator[str]:
    """Which runs missed what accounts tell of, and count for nothing; in words."""
    for account in accounts:
        key = account.row.key
        doubts = {(d.run, d.ended_at): d for d in doubts_of(ledger, key.source, key.scope)}
        if not doubts:
            continue
        runs = ledger.complete_runs(key.source, key.scope, account.said_at)
        missed = [(run.run, run.ended_at) for run in runs if covers(run, places(account))]
        last = [doubts[run] for run in missed if run in doubts]
        yield from (f"{key.source.kind} {key.source.instance}: {d.why}" for d in last[-1:])


def keep(ledger: Ledger, place: Place, doubts: Iterable[Doubt]) -> None:
    """Notes which runs count for nothing."""
    rows = [
        [to_micros(d.began_at), to_micros(d.ended_at), d.run, d.missed, d.saw]
        for d in sorted(doubts)
    ]
    ledger.set_memo(_name(place), json.dumps(rows) if rows else None)


def _name(place: Place) -> str:
    source, scope = place
    return "shrunken/" + json.dumps([source.kind, source.instance, scope])


def _weighed(
    ledger: Ledger, place: Place, since: datetime, before: Sequence[Doubt]
) -> tuple[Doubt, ...]:
    """The doubts once all runs that ended after a time were weighed again."""
    runs = _Runs(ledger, place, since, before)
    doubts = [doubt for doubt in before if doubt.ended_at < since]
    if not runs.due:
        return tuple(doubts)
    hearings = ledger.hearings(*place, min(run.ended_at for run in runs.due))
    kinds = {_coverage(run): run for run in runs.due}
    heard = {coverage: _Heard.of(hearings, run) for coverage, run in kinds.items()}
    for run in runs.due:
        known = heard[_coverage(run)]
        missed, saw = known.told(runs.base(run), runs.last(run), run)
        little = (missed >= LEAST and missed >= saw) or (missed >= _EMPTY and not saw)
        if little:
            doubts.append(Doubt(run.began_at, run.ended_at, run.run, missed, saw))
        else:
            runs.count(run)
    return tuple(doubts)


def _coverage(run: RunRow) -> tuple[bool, tuple[str, ...]]:
    return run.covers_all, () if run.covers_all else tuple(sorted(run.prefixes))


class _Runs:
    """Runs that are weighed, and those before them that count."""

    def __init__(
        self, ledger: Ledger, place: Place, since: datetime, doubts: Sequence[Doubt]
    ) -> None:
        self._ledger = ledger
        self._place = place
        self._since = since
        self._doubted = {(doubt.run, doubt.ended_at) for doubt in doubts}
        self._counted: dict[tuple[bool, tuple[str, ...]], list[datetime]] = {}
        self._rows: dict[tuple[tuple[bool, tuple[str, ...]], datetime], RunRow] = {}
        near = ledger.complete_runs(*place, max(since - _BEFORE, _EPOCH))
        self.due = sorted(
            (run for run in near if run.ended_at >= since),
            key=lambda run: (run.began_at, run.ended_at, run.run),
        )
        self._all = False
        self._note(near)

    def _note(self, runs: Iterable[RunRow]) -> None:
        self._counted.clear()
        for run in runs:
            if run.ended_at < self._since and (run.run, run.ended_at) not in self._doubted:
                self.count(run)

    def count(self, run: RunRow) -> None:
        """A run counts."""
        insort(self._counted.setdefault(_coverage(run), []), run.began_at)
        self._rows[_coverage(run), run.began_at] = run

    def base(self, run: RunRow) -> datetime:
        """When the last before it that counted began."""
        before = self._before(run)
        if before is None and not self._all:
            self._read_all()
            before = self._before(run)
        if before is not None:
            return before
        # A first run over these places: as far back as the last that counted over others.
        others = [at for found in self._counted.values() for at in found if at < run.began_at]
        return min(run.began_at - _BEFORE, max(others, default=run.began_at))

    def last(self, run: RunRow) -> RunRow | None:
        """The last run over the same places that counted."""
        if self._before(run) is None and not self._all:
            self._read_all()
        before = self._before(run)
        return None if before is None else self._rows[_coverage(run), before]

    def _read_all(self) -> None:
        self._all = True
        decided = {coverage: tuple(found) for coverage, found in self._counted.items()}
        self._note(self._ledger.complete_runs(*self._place, _EPOCH))
        for coverage, found in decided.items():
            known = self._counted.setdefault(coverage, [])
            known[:] = sorted({*known, *found})

    def _before(self, run: RunRow) -> datetime | None:
        found = self._counted.get(_coverage(run), [])
        place = bisect_left(found, run.began_at)
        return found[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class _Heard:
    """When the records at some places were heard, in microseconds since 1970."""

    spans: list[tuple[int, int]]
    """First and last time of each record."""
    silences: list[tuple[int, int, int]]
    """First time of the record, begin and end of a silence."""

    @classmethod
    def of(cls, hearings: Hearings, run: RunRow) -> _Heard:
        """Of the records where a run looked."""
        covered = _covering(run)
        spans = {key: (first, last) for key, first, last in hearings.records if covered(key)}
        silences = [
            (spans[key][0], since, until) for key, since, until in hearings.silences if key in spans
        ]
        return cls(list(spans.values()), silences)

    def told(self, base: datetime, counted: RunRow | None, run: RunRow) -> tuple[int, int]:
        """How many a run missed of those known when the last that counted ended; how many it saw.

        What came up since then, in runs that count for nothing, stands for nothing that is gone.
        """
        base = max(base, run.began_at - _LONG)
        floor, began, ended = map(to_micros, (base, run.began_at, run.ended_at))
        known = began - 1 if counted is None else min(began - 1, to_micros(counted.ended_at))
        lasts = [last for first, last in self.spans if first <= known]
        gone = sum(last < began for last in lasts)
        missed = sum(floor <= last < began for last in lasts)
        saw = len(lasts) - gone
        for first, since, until in self.silences:
            if first <= known and since < began and until > ended:
                missed += since >= floor
                saw -= 1
        return missed, saw


def _covering(run: RunRow) -> Callable[[str], bool]:
    if run.covers_all:
        return lambda _: True
    networks = [ipaddress.ip_network(prefix, strict=False) for prefix in run.prefixes]
    spans = [
        (net.version, int(net.network_address), int(net.broadcast_address)) for net in networks
    ]

    def covered(key: str) -> bool:
        address = normal_address(key.partition("/")[0])
        if not address:
            return False
        parsed = ipaddress.ip_address(address)
        number = int(parsed)
        return any(v == parsed.version and low <= number <= high for v, low, high in spans)

    return covered
