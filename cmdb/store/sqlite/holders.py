"""Who has some releases installed: the reading side of programs.py, of one connection.

Keeps in memory what the tiles do not know yet; each look-up first reads what came since the last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmdb.store.sqlite import packed, tiles
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.programs import BITS, epoch, sealed, sections
from cmdb.store.sqlite.tiles import Kind, Pairs

Joined = NDArray[np.uint64]
"""Pairs as single numbers: release, then record."""

_SECTION_VERSIONS = (
    "SELECT r.id, s.version FROM record r CROSS JOIN section s ON s.id = r.id * 16 + 7"
    " WHERE r.id >= ?"
)
_MOST_NEW = 64
"""Records of the open block that are kept beside its sorted pairs."""
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Holders:
    """Answers which records have which of some releases."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._open = _OpenBlock(connection)
        self._waiting = _Waiting(connection)

    def pairs(self, releases: Sequence[int]) -> Pairs:
        """Records and releases, of these releases; by release, then by record."""
        wanted = np.array(sorted(releases), np.uint32)
        blocks = sealed(self._db)
        owners, keys = tiles.read_keys(self._db, Kind.PROGRAMS, releases, blocks)
        held = self._waiting.after(_joined(keys, owners), wanted)
        held = np.unique(np.concatenate([held, self._open.pairs(blocks << BITS, wanted)]))
        return (held & _LOW).astype(np.uint32), (held >> _HALF).astype(np.uint32)


class _Waiting:
    """What changed in blocks since they were written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._epoch = -1
        self._upto = 0
        self._words: list[tuple[Joined, NDArray[np.bool_]]] = []

    def after(self, held: Joined, wanted: Ids) -> Joined:
        """What is held after all that waits."""
        self._refresh()
        if not self._words:
            return held
        if len(self._words) > 1:
            pairs, came = zip(*self._words, strict=True)
            self._words = [(np.concatenate(pairs), np.concatenate(came))]
        words, came_ = self._words[0]
        mine = np.flatnonzero(_among((words >> _HALF).astype(np.uint32), wanted))
        # Of several words about one pair the last counts.
        last, place = np.unique(words[mine][::-1], return_index=True)
        kept = held[~np.isin(held, last)]
        return np.concatenate([kept, last[came_[mine][::-1][place]]])

    def _refresh(self) -> None:
        now = epoch(self._db)
        if now != self._epoch:
            self._epoch, self._upto, self._words = now, 0, []
        rows = self._db.execute(
            "SELECT n.id, n.record, p.patch FROM pend n LEFT JOIN past p ON p.version = n.version"
            " WHERE n.id > ? ORDER BY n.id",
            (self._upto,),
        ).fetchall()
        for number, record, patch in rows:
            self._upto = number
            if patch is not None:
                delta = packed.delta_of(patch)
                self._say(record, delta.gone, came=False)
                self._say(record, delta.come, came=True)
            else:
                for _, _, ids in sections(self._db, record, record):
                    self._say(record, ids, came=True)

    def _say(self, record: int, ids: Ids, *, came: bool) -> None:
        owners = np.full(len(ids), record, np.uint32)
        self._words.append((_joined(ids, owners), np.full(len(ids), came)))


class _OpenBlock:
    """The records that no block has yet, read from their own sections."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._versions: dict[int, int] = {}
        self._pairs: Joined = np.empty(0, np.uint64)
        self._new: dict[int, Ids] = {}

    def pairs(self, first: int, wanted: Ids) -> Joined:
        """Pairs of these releases and the records from `first` on."""
        self._refresh(first)
        starts = np.searchsorted(self._pairs, wanted.astype(np.uint64) << _HALF)
        ends = np.searchsorted(self._pairs, wanted.astype(np.uint64) + np.uint64(1) << _HALF)
        found = [self._pairs[a:b] for a, b in zip(starts, ends, strict=True)]
        held = np.concatenate(found) if found else self._pairs[:0]
        if not self._new:
            return held
        held = held[~np.isin(held & _LOW, np.array(list(self._new), np.uint64))]
        more = [
            _joined(ids[_among(ids, wanted)], np.uint32(record))
            for record, ids in self._new.items()
        ]
        return np.concatenate([held, *more])

    def _refresh(self, first: int) -> None:
        now = dict(self._db.execute(_SECTION_VERSIONS, (first,)).fetchall())
        if self._versions.keys() - now.keys():
            # A block was written, or a scope erased.
            self._versions, self._new, self._pairs = {}, {}, self._pairs[:0]
        changed = [r for r, version in now.items() if self._versions.get(r) != version]
        self._versions = now
        if len(changed) > _MOST_NEW:
            changed, self._new = list(now), {}
            self._pairs = self._pairs[:0]
        for record in changed:
            self._new.update((r, ids) for r, _, ids in sections(self._db, record, record))
        if len(self._new) > _MOST_NEW:
            kept = ~np.isin(self._pairs & _LOW, np.array(list(self._new), np.uint64))
            more = [_joined(ids, np.uint32(record)) for record, ids in self._new.items()]
            self._pairs = np.sort(np.concatenate([self._pairs[kept], *more]))
            self._new = {}


def _among(keys: Ids, wanted: Ids) -> NDArray[np.bool_]:
    if not len(wanted):
        return np.zeros(len(keys), bool)
    place = np.searchsorted(wanted, keys)
    place[place == len(wanted)] = 0
    return np.asarray(wanted[place] == keys)


def _joined(keys: Ids, owners: Ids | np.uint32) -> Joined:
    return np.asarray(keys.astype(np.uint64) << _HALF | np.uint64(0) + owners)
