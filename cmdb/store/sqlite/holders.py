"""Who has some releases installed: the reading side of programs.py, of one connection.

Keeps in memory what the tiles do not know yet; each look-up first reads what came since the last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cmdb.store.sqlite import packed, tiles
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.programs import BITS, FIRST, epoch, epochs, sealed, sections
from cmdb.store.sqlite.tiles import Kind, Pairs

Joined = NDArray[np.uint64]
"""Pairs as single numbers: release, then record."""
Flags = NDArray[np.bool_]

_WAITING = (
    "SELECT n.id, n.record, n.past, p.patch FROM pend n"
    " LEFT JOIN past p ON p.id = n.past WHERE n.id > ? ORDER BY n.id"
)
_GROWTH = 4
"""A run is so many times as long as the next, at least: what is long is seldom merged."""
_BITS = np.uint64(BITS)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Holders:
    """Answers which records have which of some releases."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._waiting = _Waiting(connection)

    def pairs(self, releases: Sequence[int]) -> Pairs:
        """Records and releases, of these releases; by release, then by record."""
        wanted = sorted(set(releases))
        owners, keys = tiles.read_keys(self._db, Kind.PROGRAMS, wanted, sealed(self._db))
        held = self._waiting.after(joined(keys, owners), np.array(wanted, np.uint32))
        held.sort()
        return (held & _LOW).astype(np.uint32), (held >> _HALF).astype(np.uint32)


class _Waiting:
    """What changed in blocks since they were written, and all of the block that is not yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._epoch = -1
        self._epochs: dict[int, int] = {}
        self._upto = 0
        self._words = Words()

    def after(self, held: Joined, wanted: Ids) -> Joined:
        """What is held after all that waits."""
        self._refresh()
        pairs, came = self._words.about(wanted)
        if not len(pairs):
            return held
        told = np.zeros(int((pairs & _LOW).max()) + 1, np.bool_)
        told[(pairs & _LOW).astype(np.int64)] = True
        owners = (held & _LOW).astype(np.int64)
        # Of few records anything waits: only what is held of those is looked at closely.
        doubtful = np.flatnonzero(told[np.minimum(owners, len(told) - 1)] & (owners < len(told)))
        kept = np.ones(len(held), np.bool_)
        kept[doubtful] = ~among(held[doubtful], pairs)
        return np.concatenate([held[kept], pairs[came]])

    def _refresh(self) -> None:
        now = epoch(self._db)
        if now != self._epoch:
            known, self._epochs = self._epochs, epochs(self._db)
            written = {block for block, at in self._epochs.items() if known.get(block) != at}
            self._words.drop(written)
            self._epoch = now
        new: list[tuple[Joined, Flags]] = []
        for number, record, past, patch in self._db.execute(_WAITING, (self._upto,)).fetchall():
            self._upto = number
            if patch is None and past != FIRST:
                self._take(new)
                new = []
                self._words.drop_owner(record)
            new += self._said(record, patch)
        self._take(new)

    def _take(self, told: list[tuple[Joined, Flags]]) -> None:
        if told:
            pairs, came = zip(*told, strict=True)
            self._words.add(np.concatenate(pairs), np.concatenate(came))

    def _said(self, record: int, patch: bytes | None) -> Iterator[tuple[Joined, Flags]]:
        """What came and went; without a patch all that the record says by now."""
        if patch is not None:
            delta = packed.delta_of(patch)
            yield _words(record, delta.gone, came=False)
            yield _words(record, delta.come, came=True)
        else:
            for _, ids in sections(self._db, record, record):
                yield _words(record, ids, came=True)


def _words(record: int, ids: Ids, *, came: bool) -> tuple[Joined, Flags]:
    return joined(ids, np.uint32(record)), np.full(len(ids), came)


class Words:
    """Pairs that came or went, in sorted runs, the newest last: of several words the last counts.

    Few runs, each several times as long as the next, so that a word is moved seldom.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[Joined, Flags]] = []

    def add(self, pairs: Joined, came: Flags) -> None:
        """Takes in words, in the order in which they were said."""
        self._runs.append(_last_words(pairs, came))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < len(self._runs[-1][0]) * _GROWTH:
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(_one(older, newer))

    def about(self, keys: Ids) -> tuple[Joined, Flags]:
        """The last words about these keys, ascending."""
        starts, ends = keys.astype(np.uint64) << _HALF, keys.astype(np.uint64) + 1 << _HALF
        found = []
        for pairs, came in self._runs:
            spans = zip(
                np.searchsorted(pairs, starts).tolist(),
                np.searchsorted(pairs, ends).tolist(),
                strict=True,
            )
            found += [(pairs[a:b], came[a:b]) for a, b in spans if a < b]
        if not found:
            return np.empty(0, np.uint64), np.empty(0, np.bool_)
        every, flags = zip(*found, strict=True)
        return _last_words(np.concatenate(every), np.concatenate(flags))

    def drop(self, blocks: set[int]) -> None:
        """Forgets what was said of the records of some blocks."""
        gone = np.array(sorted(blocks), np.uint64)
        self._keep([~np.isin((pairs & _LOW) >> _BITS, gone) for pairs, _ in self._runs])

    def drop_owner(self, record: int) -> None:
        """Forgets what was said of a record."""
        self._keep([(pairs & _LOW) != record for pairs, _ in self._runs])

    def _keep(self, masks: Sequence[Flags]) -> None:
        runs = zip(self._runs, masks, strict=True)
        self._runs = [(pairs[mask], came[mask]) for (pairs, came), mask in runs]


def _last_words(pairs: Joined, came: Flags) -> tuple[Joined, Flags]:
    """In order of pairs, of each the last word."""
    order = np.argsort(pairs, kind="stable")
    pairs, came = pairs[order], came[order]
    last = np.ones(len(pairs), np.bool_)
    last[:-1] = pairs[1:] != pairs[:-1]
    return pairs[last], came[last]


def _one(older: tuple[Joined, Flags], newer: tuple[Joined, Flags]) -> tuple[Joined, Flags]:
    """Two runs as one, linear in their length."""
    (pairs, came), (more, flags) = older, newer
    place = np.searchsorted(pairs, more)
    known = place < len(pairs)
    known[known] = pairs[place[known]] == more[known]
    came = came.copy()
    came[place[known]] = flags[known]
    fresh = ~known
    return np.insert(pairs, place[fresh], more[fresh]), np.insert(came, place[fresh], flags[fresh])


def among(pairs: Joined, wanted: Joined) -> Flags:
    """Which of the pairs are among some that ascend."""
    if not len(wanted):
        return np.zeros(len(pairs), np.bool_)
    place = np.searchsorted(wanted, pairs)
    place[place == len(wanted)] = 0
    return np.asarray(wanted[place] == pairs)


def joined(keys: Ids, owners: Ids | np.uint32) -> Joined:
    """Pairs as single numbers."""
    return np.asarray(keys.astype(np.uint64) << _HALF | np.uint64(0) + owners)
