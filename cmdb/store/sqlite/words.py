"""Reads what a record said at a moment: one word of each section, along the chain of patches.

Of the chain of earlier words only those patches are applied that lead from what is said now to the
wanted one.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmdb.store.history import Moment
from cmdb.store.sqlite import chain, codec, packed
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.sections import KINDS
from cmdb.store.values import StoredSection

FOREVER = 2**62
"""Later than all that is seen, and all transactions."""


@dataclass(frozen=True, slots=True)
class Word:
    """One version of a section."""

    section: int
    place: int
    """Its number among the earlier ones, chain.CURRENT for what is said now."""
    at: int
    confirmed: int
    tx: int
    ended_tx: int
    digest: bytes | None
    """None: that of its body."""

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
        self._past: dict[int, chain.Chain] = {}
        self._rows: dict[int, tuple[int, int, int, bytes, bytes]] = {}
        self._asides: dict[int, int] = {}
        self._confirmed: dict[int, int] = {}

    def load(self, confirmed: dict[int, int]) -> None:
        """Reads the current words."""
        first, last = self._record * KINDS, self._record * KINDS + KINDS - 1
        self._confirmed = confirmed
        for row in self._db.execute(
            "SELECT id, past, at, tx, digest, body FROM section WHERE id BETWEEN ? AND ?",
            (first, last),
        ):
            self._rows[row[0] - first] = row[1:]
        asides = chain.newest_aside(self._db, first, last)
        self._asides = {section - first: newest for section, newest in asides.items()}

    def kinds(self, *, late: bool) -> Iterable[int]:
        """Sections of which anything is said, or also those of which only late words tell."""
        if not late:
            return self._rows.keys()
        return sorted(self._rows.keys() | self._asides.keys())

    def chosen(self, kind: int, limits: Limits) -> Word | None:
        """The word of a section at a moment."""
        current = self._current(kind)
        known = current is not None and current.tx <= limits.tx
        if limits.as_of is None:
            if known:
                return current
            return self._believed(kind, limits.tx)
        return self._held(kind, self._as_of(kind, limits.as_of, limits), limits)

    def _as_of(self, kind: int, as_of: int, limits: Limits) -> Word | None:
        current = self._current(kind)
        known = current is not None and current.tx <= limits.tx
        if current is not None and known and current.at <= as_of:
            late = self._late(kind, current.at, as_of, limits.tx)
            last = self._last([current, *late], limits.limit)
            # The same was said before and after: it held in between.
            same = last is current or (last and self._digest(last) == current.digest)
            return current if same and current.confirmed > limits.limit else last
        return self._last(self._earlier(kind, limits.tx, as_of), limits.limit)

    def _held(self, kind: int, word: Word | None, limits: Limits) -> Word | None:
        """A word, which was said all the while where the next that came late says the same."""
        if word is None or kind not in self._asides or word.confirmed > limits.limit:
            return word
        later = [each for each in self._earlier(kind, limits.tx, FOREVER) if each.at > limits.limit]
        at = min((each.at for each in later), default=0)
        said = {self._digest(each) for each in later if each.at == at}
        return replace(word, confirmed=at) if said == {self._digest(word)} else word

    def before(self, kind: int, until: int, limits: Limits) -> Word | None:
        """The last word before a time, of those known and said by the moment."""
        last = until - 1 if limits.as_of is None else min(until - 1, limits.as_of)
        found = self._earlier(kind, limits.tx, last)
        return self._heaviest(found, lambda word: (word.at,))

    def last_before(self, kind: int, until: int, limits: Limits) -> tuple[Word | None, int]:
        """The last word said before a time, and when it was said last before it.

        A word is known at its first and last time; where nothing else was said between two, it was
        said all the while. Of two said at one time the one that says something counts.
        """
        points: dict[int, list[Word]] = {}
        for word in self._earlier(kind, limits.tx, limits.limit):
            for at in {word.at, word.heard(limits.limit)}:
                points.setdefault(at, []).append(word)
        times = sorted(points)
        place = bisect_left(times, until) - 1
        if place < 0:
            return None, 0
        found = self._telling(points[times[place]], last=True)
        if place + 1 == len(times):
            return found, times[place]
        after = self._telling(points[times[place + 1]], last=False)
        same = after is found or self._digest(after) == self._digest(found)
        return found, until if same else times[place]

    def out_of_order(self, kind: int, tx: int) -> tuple[StoredSection, ...]:
        """All words known by a transaction, of a section of which any came late; else nothing."""
        if kind not in self._asides:
            return ()
        current = self._rows.get(kind)
        said = self._chain(kind).bodies(opened(self._db, current[4]) if current else b"")
        return tuple(
            StoredSection(
                said[word.place],
                codec.digest(said[word.place]) if word.digest is None else word.digest,
                codec.from_micros(word.at),
                codec.from_micros(word.confirmed),
            )
            for word in self._earlier(kind, tx, FOREVER)
        )

    def _telling(self, words: Sequence[Word], *, last: bool) -> Word:
        """Of words said at one time the last, or the first, of those that say something."""
        if len(words) == 1:
            return words[0]
        pick = max if last else min
        return pick(words, key=lambda word: (bool(self.body(word)), self._digest(word)))

    def body(self, word: Word) -> bytes:
        """What it said."""
        return chain.walk(*self._way(word))

    def releases(self, word: Word) -> tuple[int, ...]:
        """Release ids of a word of programs; small patches are applied to a set."""
        body, patches = self._way(word)
        if not all(map(packed.is_patch, patches)):
            return tuple(packed.unpack(chain.walk(body, patches))[0].tolist())
        held = packed.unpack(body)[0]
        if not patches:
            return tuple(held.tolist())
        # From newer to older: what came was not there before, what went was; the oldest counts.
        told, was = packed.deltas_of(patches[::-1])
        last, place = np.unique(told, return_index=True)
        kept = held[~np.isin(held, last)]
        return tuple(np.sort(np.concatenate([kept, last[was[place]]])).tolist())

    def _current(self, kind: int) -> Word | None:
        row = self._rows.get(kind)
        if row is None:
            return None
        _, at, tx, digest, _ = row
        confirmed = self._confirmed.get(kind, at)
        section = self._record * KINDS + kind
        return Word(section, chain.CURRENT, at, confirmed, tx, FOREVER, digest)

    def _believed(self, kind: int, tx: int) -> Word | None:
        """What was believed then; where that was taken out, the nearest before it."""
        held = [word for word in self._earlier(kind, tx, FOREVER) if not word.late]
        return max(held, key=lambda word: (word.ended_tx > tx, word.tx), default=None)

    def _earlier(self, kind: int, tx: int, until: int) -> list[Word]:
        """Words known by a transaction and said by a time, the current one included."""
        section = self._record * KINDS + kind
        found = [_word(section, row) for row in self._chain(kind).known(tx, until)]
        current = self._current(kind)
        if current is not None and current.at <= until and current.tx <= tx:
            found.append(current)
        return found

    def _late(self, kind: int, after: int, until: int, tx: int) -> list[Word]:
        """Earlier words that tell of a later time than what is said now."""
        if kind not in self._asides:
            return []
        return [word for word in self._earlier(kind, tx, until) if word.at > after]

    def _chain(self, kind: int) -> chain.Chain:
        if kind not in self._past:
            row = self._rows.get(kind)
            newest, tx = (row[0], row[2]) if row else (self._asides.get(kind, 0), 0)
            self._past[kind] = chain.read(self._db, newest, tx)
        return self._past[kind]

    def _way(self, word: Word) -> tuple[bytes, list[bytes]]:
        """The body where the way starts, and the patches from there to a word."""
        kind = word.section % KINDS
        current = self._rows.get(kind)
        begins, patches = True, list[bytes]()
        if word.place != chain.CURRENT:
            begins, patches = self._chain(kind).way(word.place)
        start = opened(self._db, current[4]) if current is not None and begins else b""
        return start, patches

    def _digest(self, word: Word) -> bytes:
        return codec.digest(self.body(word)) if word.digest is None else word.digest

    def _last(self, words: Sequence[Word], limit: int) -> Word | None:
        """The one said last; of those said at one time the one that was believed, then by content.

        What is never believed has no transaction that could count.
        """
        return self._heaviest(
            words, lambda word: (word.said(limit), not word.late, word.tx * (not word.late))
        )

    def _heaviest(
        self, words: Sequence[Word], weight: Callable[[Word], tuple[int, ...]]
    ) -> Word | None:
        ordered = chain.by_weight(words, weight, self._digest)
        return ordered[-1] if ordered else None


def _word(section: int, row: chain.Earlier) -> Word:
    return Word(section, row.id, row.at, row.confirmed, row.tx, row.ended_tx, row.digest)
