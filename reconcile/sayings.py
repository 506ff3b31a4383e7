"""When a record spoke of its sections, as far as a word that comes late is judged by it.

A late word ends where its section was said again, or was left out of a whole report. Of what was
said again a section keeps the last time alone, and of what was never said it keeps nothing. So
each visit of a timeline keeps the first and the last time of each section; mostly that is one
time of all. Knows no words.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from cmdb.model.observation import Extent, Observation, SectionKind

Micros = int
Kinds = int
"""Section kinds, a bit for each by its number."""
EVERY: Kinds = sum(1 << kind.number for kind in SectionKind)
_MOST_INSIDE = 8
"""Times within a visit of which all are kept: only what comes late adds any to its ends."""
_WHOLE = frozenset({Extent.FULL, Extent.UNCHANGED, Extent.CHANGED})


class Saying(NamedTuple):
    """Of which sections a record spoke at one time."""

    at: Micros
    said: Kinds
    """Told whole, new or again."""
    left: Kinds
    """Left out of a whole report."""

    @property
    def kinds(self) -> Kinds:
        """Both."""
        return self.said | self.left


class Sayings:
    """Those of one record."""

    def __init__(
        self, left: Kinds | None = None, unread: Callable[[], list[Saying]] = list
    ) -> None:
        self.left = left
        """What the newest whole report left out; None: nobody noted it."""
        self._unread = unread

    @cached_property
    def rows(self) -> list[Saying]:
        """In order of time, read when they are asked for. The newest report is not among them."""
        return self._unread()

    def note(self, new: Saying) -> bool:
        """Keeps one beside what is known of its time; whether that is anything new."""
        place = bisect_left(self.rows, new.at, key=_at)
        if place == len(self.rows) or self.rows[place].at != new.at:
            self.rows.insert(place, new)
            return True
        before = self.rows[place]
        self.rows[place] = _both(before, new)
        return self.rows[place] != before

    def thin(self, borders: Sequence[Micros]) -> None:
        """Keeps what is needed where visits began at these times, ascending."""
        if len(self.rows) <= _MOST_INSIDE:
            return
        visits: dict[int, list[Saying]] = {}
        for row in self.rows:
            visits.setdefault(bisect_right(borders, row.at), []).append(row)
        self.rows = [row for rows in visits.values() for row in _needed(rows)]

    def after(self, kind: SectionKind, at: Micros) -> Iterator[Saying]:
        """Those that spoke of a section after a time."""
        bit = 1 << kind.number
        for row in self.rows[bisect_right(self.rows, at, key=_at) :]:
            if row.kinds & bit:
                yield row

    def left_out(self, kind: SectionKind, full_at: Micros | None) -> Micros | None:
        """When a section of which nothing is known was left out last.

        Args:
            kind: Which.
            full_at: When the record was told whole last.
        """
        bit = 1 << kind.number
        found = [row.at for row in self.rows if row.left & bit]
        if full_at is not None and (self.left is None or self.left & bit):
            found.append(full_at)
        return max(found, default=None)


def saying(observation: Observation, at: Micros) -> Saying:
    """Of which sections an observation speaks."""
    sections = observation.sections.items()
    said = sum(1 << kind.number for kind, section in sections if section.extent in _WHOLE)
    return Saying(at, said, left_out(tuple(observation.sections)) if observation.full else 0)


@lru_cache(maxsize=4096)
def left_out(named: tuple[SectionKind, ...]) -> Kinds:
    """What a whole report leaves out that names these sections."""
    return EVERY & ~sum(1 << kind.number for kind in set(named))


def _at(row: Saying) -> Micros:
    return row.at


def _both(one: Saying, other: Saying) -> Saying:
    """What was left out by one who spoke at that time, and said by another, was said."""
    said = one.said | other.said
    return Saying(one.at, said, (one.left | other.left) & ~said)


def _needed(rows: list[Saying]) -> list[Saying]:
    """Of many those that are the first or the last of any section."""
    if len(rows) <= _MOST_INSIDE:
        return rows
    kept = {*_firsts(rows), *_firsts(rows[::-1])}
    return [row for row in rows if row in kept]


def _firsts(rows: Sequence[Saying]) -> Iterator[Saying]:
    seen = 0
    for row in rows:
        if row.kinds & ~seen:
            seen |= row.kinds
            yield row
