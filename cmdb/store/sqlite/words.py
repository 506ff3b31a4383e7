"""Reads what a record said at a moment: one word of each section, along the chain of patches.

A section's versions form a tree: each earlier one is a difference from the one it names as its
base. Only the way from the current version down to the wanted one is walked.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from cmdb.model.observation import SectionKind
from cmdb.store.history import Moment
from cmdb.store.sqlite import codec, packed
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.sections import KINDS

_PAST = (
    "SELECT version, base, at, confirmed, tx, ended_tx, digest, patch FROM past WHERE section=? "
)
_LATE = _PAST + "AND at > ? AND at <= ?"
FOREVER = 2**62
"""Later than all that is seen, and all transactions."""

_PastRow = tuple[int, int, int, int, int, int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Word:
    """One version of a section."""

    section: int
    version: int
    at: int
    confirmed: int
    tx: int
    ended_tx: int
    digest: bytes

    @property
    def late(self) -> bool:
        """Whether it was never what a record says."""
        return self.tx == self.ended_tx

    def said(self, limit: int) -> int:
        """When it was last said by a time, as far as is known."""
        return max(self.at, self.confirmed) if self.confirmed <= limit else self.at

    def heard(self, limit: int) -> int:
        """The same, but said all the while where it was said before and after that time."""
        return max(self.at, min(self.confirmed, limit))


@dataclass(frozen=True, slots=True)
class Limits:
    """A moment in the store's own numbers."""

    as_of: int | None
    limit: int
    """Nothing seen later counts."""
    tx: int


def limits_of(moment: Moment) -> Limits:
    """The numbers of a moment."""
    as_of = None if moment.as_of is None else codec.to_micros(moment.as_of)
    known = FOREVER if moment.known_at is None else codec.to_micros(moment.known_at)
    return Limits(as_of, known if as_of is None else min(as_of, known), moment.tx)


class Words:
    """The words of one record; what it read it remembers."""

    def __init__(self, connection: sqlite3.Connection, record: int) -> None:
        self._db = connection
        self._record = record
        self._past: dict[int, list[_PastRow]] = {}
        self._rows: dict[int, tuple[int, int, int, bytes, bytes]] = {}
        self._confirmed: dict[int, int] = {}

    def load(self, confirmed: dict[int, int]) -> None:
        """Reads the current words."""
        first = self._record * KINDS
        self._confirmed = confirmed
        for row in self._db.execute(
            "SELECT id, version, at, tx, digest, body FROM section WHERE id BETWEEN ? AND ?",
            (first, first + KINDS - 1),
        ):
            self._rows[row[0] - first] = row[1:]

    def kinds(self, *, late: bool) -> Iterable[int]:
        """Sections of which anything is said, or also those of which only late words tell."""
        if not late:
            return self._rows.keys()
        first = self._record * KINDS
        sql = "SELECT 1 FROM past WHERE section=? LIMIT 1"
        return [
            kind.value
            for kind in SectionKind
            if kind.value in self._rows or self._db.execute(sql, (first + kind.value,)).fetchone()
        ]

    def chosen(self, kind: int, limits: Limits) -> Word | None:
        """The word of a section at a moment."""
        current = self._current(kind)
        known = current is not None and current.tx <= limits.tx
        if limits.as_of is None:
            if known:
                return current
            return self._believed(kind, limits.tx)
        if current is not None and known and current.at <= limits.as_of:
            late = self._late(kind, current.at, limits)
            last = _last([current, *late], limits.limit)
            # The same was said before and after: it held in between.
            same = last is not None and last.digest == current.digest
            return current if same and current.confirmed > limits.limit else last
        return _last(self._earlier(kind, limits.tx, limits.as_of), limits.limit)

    def before(self, kind: int, until: int, limits: Limits) -> Word | None:
        """The last word before a time, of those known and said by the moment."""
        last = until - 1 if limits.as_of is None else min(until - 1, limits.as_of)
        found = self._earlier(kind, limits.tx, last)
        return max(found, key=lambda word: (word.at, word.digest), default=None)

    def last_before(self, kind: int, until: int, limits: Limits) -> tuple[Word | None, int]:
        """The last word said before a time, and when it was said last before it.

        A word is known at its first and last time; where nothing else was said between two, it was
        said all the while. Of two said at one time the one that says something counts.
        """
        points: dict[int, dict[bytes, Word]] = {}
        for word in self._earlier(kind, limits.tx, limits.limit):
            for at in (word.at, word.heard(limits.limit)):
                points.setdefault(at, {})[word.digest] = word
        times = sorted(points)
        place = bisect_left(times, until) - 1
        if place < 0:
            return None, 0
        found = max(points[times[place]].values(), key=self._weight(points[times[place]]))
        if place + 1 == len(times):
            return found, times[place]
        after = min(points[times[place + 1]].values(), key=self._weight(points[times[place + 1]]))
        return found, until if after.digest == found.digest else times[place]

    def _weight(self, words: Collection[bytes]) -> Callable[[Word], tuple[bool, bytes]]:
        """Orders words that were said at one time; what they say is read for several only."""
        several = len(words) > 1
        return lambda word: (several and bool(self.body(word)), word.digest)

    def body(self, word: Word) -> bytes:
        """What it said."""
        kind = word.section % KINDS
        body, patches = self._way(kind, word.version)
        for ours, run in groupby(patches, packed.is_patch):
            if ours:
                for patch in run:
                    body = packed.apply_patch(patch, body)
            else:
                body = codec.decompress_chain(body, list(run))
        return body

    def releases(self, word: Word) -> tuple[int, ...]:
        """Release ids of a word of programs; small patches are applied to a set."""
        body, patches = self._way(SectionKind.PROGRAMS.value, word.version)
        if not all(map(packed.is_patch, patches)):
            return tuple(packed.unpack(self.body(word))[0].tolist())
        held = packed.unpack(body)[0]
        if not patches:
            return tuple(held.tolist())
        # From newer to older: what came was not there before, what went was; the oldest counts.
        deltas = [packed.delta_of(patch) for patch in reversed(patches)]
        told = np.concatenate([ids for delta in deltas for ids in (delta.gone, delta.come)])
        was = np.repeat(
            [True, False] * len(deltas), [len(i) for d in deltas for i in (d.gone, d.come)]
        )
        last, place = np.unique(told, return_index=True)
        kept = held[~np.isin(held, last)]
        return tuple(np.sort(np.concatenate([kept, last[was[place]]])).tolist())

    def _current(self, kind: int) -> Word | None:
        row = self._rows.get(kind)
        if row is None:
            return None
        version, at, tx, digest, _ = row
        confirmed = self._confirmed.get(kind, at)
        return Word(self._record * KINDS + kind, version, at, confirmed, tx, FOREVER, digest)

    def _believed(self, kind: int, tx: int) -> Word | None:
        """What was believed then; where that was taken out, the nearest before it."""
        held = [word for word in self._earlier(kind, tx, FOREVER) if not word.late]
        return max(held, key=lambda word: (word.ended_tx > tx, word.tx), default=None)

    def _earlier(self, kind: int, tx: int, until: int) -> list[Word]:
        """Words known by a transaction and said by a time, the current one included."""
        section = self._record * KINDS + kind
        if kind not in self._past:
            self._past[kind] = self._db.execute(_PAST, (section,)).fetchall()
        rows = self._past[kind]
        found = [_word(section, row) for row in rows if row[2] <= until and row[4] <= tx]
        current = self._current(kind)
        if current is not None and current.at <= until and current.tx <= tx:
            found.append(current)
        return found

    def _late(self, kind: int, after: int, limits: Limits) -> list[Word]:
        section = self._record * KINDS + kind
        rows = self._db.execute(_LATE, (section, after, limits.as_of)).fetchall()
        return [_word(section, row) for row in rows if row[4] <= limits.tx]

    def _way(self, kind: int, version: int) -> tuple[bytes, list[bytes]]:
        """The body where the way starts, and the patches from there to a version."""
        current = self._rows.get(kind)
        if current is not None and current[0] == version:
            return opened(self._db, current[4]), []
        if kind not in self._past:
            section = self._record * KINDS + kind
            self._past[kind] = self._db.execute(_PAST, (section,)).fetchall()
        rows = {row[0]: row for row in self._past[kind]}
        patches = []
        while version in rows:
            patches.append(rows[version][7])
            version = rows[version][1]
        start = b""
        if current is not None and current[0] == version:
            start = opened(self._db, current[4])
        return start, patches[::-1]


def _word(section: int, row: _PastRow) -> Word:
    version, _, at, confirmed, tx, ended_tx, digest, _ = row
    return Word(section, version, at, confirmed, tx, ended_tx, digest)


def _last(words: Sequence[Word], limit: int) -> Word | None:
    """The one said last; of those said at one time the one that was believed, then by content."""
    return max(
        words,
        key=lambda word: (word.said(limit), not word.late, word.tx * (not word.late), word.digest),
        default=None,
    )
