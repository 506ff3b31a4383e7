"""Titles and releases, interned once and known by number.

A release is found by the hash of its entry, as it travels, mixed with its package system. All
hashes are held as one sorted array, so that a list of 1,500 programs is one look-up and not as
many statements.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmdb.model.observation import ProgramColumns, Programs
from cmdb.model.programs import columns_of, entry_hash
from cmdb.store.sqlite.packed import NONE, Ids, pack

_LATEST_DAY = 65_535
_MOST_NEW = 4_096
"""Releases kept beside the array before they are sorted into it."""

Hashes = NDArray[np.int64]


def release_key(system: str, found: bytes) -> int:
    """What a release is found by: the hash of its entry, mixed with its package system."""
    return int.from_bytes(found, "little", signed=True) ^ _salt(system)


class Releases:
    """Gives every entry its release id; makes those that are new."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._known: tuple[Hashes, Ids] | None = None
        self._new: dict[int, int] = {}

    def intern(self, programs: Sequence[Programs | ProgramColumns]) -> bytes:
        """Packs the release ids of all entries with their days."""
        ids, days = [NONE], [np.empty(0, np.uint16)]
        for system in programs:
            columns = columns_of(system)
            found = self._ids(columns)
            ids.append(found)
            days.append(_days(columns.installed_days, len(found)))
        every = np.concatenate(ids)
        if not len(every):
            return pack(NONE)
        order = np.argsort(every)
        ordered = every[order]
        if (ordered[1:] > ordered[:-1]).all():
            return pack(ordered, np.concatenate(days)[order])
        # Of one release named twice the later word counts.
        unique, first = np.unique(every[::-1], return_index=True)
        return pack(unique, np.concatenate(days)[::-1][first])

    def _ids(self, columns: ProgramColumns) -> Ids:
        keys = np.frombuffer(columns.hashes, "<i8") ^ np.int64(_salt(columns.package_system))
        known, ids = self._array()
        place = np.searchsorted(known, keys)
        place[place == len(known)] = 0
        hit = known[place] == keys if len(known) else np.zeros(len(keys), bool)
        found = ids[place] if len(known) else np.zeros(len(keys), np.uint32)
        missed = np.flatnonzero(~hit)
        if len(missed):
            entries = columns.text.split(b"\n")
            for place_, key in zip(missed.tolist(), keys[missed].tolist(), strict=True):
                found[place_] = self._release(columns.package_system, key, entries[place_])
        return found

    def _release(self, system: str, key: int, entry: bytes) -> int:
        known = self._new.get(key)
        if known is not None:
            return known
        # A sender's hash is taken at its word only for a text that is here already.
        true = release_key(system, entry_hash(entry))
        row = self._db.execute("SELECT id FROM release WHERE hash=?", (true,)).fetchone()
        made = row[0] if row else self._make(true, system, entry.decode("utf-8", "replace"))
        self._new[true] = made
        if len(self._new) > _MOST_NEW:
            self._known = None
        return int(made)

    def _make(self, key: int, system: str, entry: str) -> int:
        name, version, architecture, publisher = (*entry.split("\t"), "", "", "", "")[:4]
        title = (system, name, publisher)
        self._db.execute(
            "INSERT OR IGNORE INTO title (system, name, publisher) VALUES (?, ?, ?)", title
        )
        row = self._db.execute(
            "SELECT id FROM title WHERE system=? AND name=? AND publisher=?", title
        ).fetchone()
        cursor = self._db.execute(
            "INSERT INTO release (hash, title, version, architecture) VALUES (?, ?, ?, ?)",
            (key, row[0], version, architecture),
        )
        return int(cursor.lastrowid or 0)

    def _array(self) -> tuple[Hashes, Ids]:
        if self._known is None:
            rows = self._db.execute("SELECT hash, id FROM release ORDER BY hash").fetchall()
            table = np.array(rows, np.int64).reshape(-1, 2)
            self._known = np.ascontiguousarray(table[:, 0]), table[:, 1].astype(np.uint32)
            self._new.clear()
        return self._known

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have changed."""
        self._known = None
        self._new.clear()


def _days(days: Sequence[int], count: int) -> NDArray[np.uint16]:
    if not days:
        return np.zeros(count, np.uint16)
    return np.minimum(np.array(days, np.int64), _LATEST_DAY).astype(np.uint16)


@functools.lru_cache(maxsize=256)
def _salt(system: str) -> int:
    text = system.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
