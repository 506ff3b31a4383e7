"""Titles and releases, interned once and known by number.

A release is found by the hash of its entry, as it travels, mixed with its package system. All
hashes are held in one table, so that a list of 1,500 programs is one look-up and not as many
statements.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cmdb.model.observation import ProgramChange, ProgramColumns, Programs
from cmdb.model.programs import columns_of, content_part, entry_hash, joined
from cmdb.store.sqlite.lookup import Lookup
from cmdb.store.sqlite.packed import NONE, Delta, Ids, count_of, learn, pack, unpack, within

_ALL = "SELECT r.hash, r.id, t.system FROM release r JOIN title t ON t.id = r.title"
_HASH_BYTES = 8
_LINE_FEED = 0x0A
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
        self._known: Lookup | None = None
        self._new: dict[int, int] = {}
        self._late: dict[int, tuple[int, int]] = {}
        """Key and package system of releases that came since the arrays were made."""
        self._keys: Hashes = np.zeros(1, np.int64)
        self._systems: NDArray[np.int32] = np.zeros(1, np.int32)
        """The same of the others, by id."""
        self._numbers: dict[str, int] = {}

    def intern(self, programs: Sequence[Programs | ProgramColumns]) -> bytes:
        """Packs the release ids of all entries with their days."""
        ids, days, dated = [NONE], [np.empty(0, np.uint16)], False
        for system in programs:
            columns = columns_of(system)
            found = self._ids(columns)
            ids.append(found)
            days.append(_days(columns.installed_days, len(found)))
            dated = dated or bool(columns.installed_days)
        every = np.concatenate(ids)
        if not len(every):
            return pack(NONE)
        order = np.argsort(every)
        ordered = every[order]
        if (ordered[1:] > ordered[:-1]).all():
            return pack(ordered, np.concatenate(days)[order] if dated else None)
        # Of one release named twice the later word counts.
        unique, first = np.unique(every[::-1], return_index=True)
        return pack(unique, np.concatenate(days)[::-1][first])

    def revise(self, before: bytes, changes: Sequence[ProgramChange]) -> tuple[bytes, bytes] | None:
        """See cmdb.store.ledger.Ledger."""
        ids, days = unpack(before)
        gone = self._gone(changes)
        come = np.concatenate([NONE, *(self._ids(change.come) for change in changes)])
        told = [_days(c.come.installed_days, len(c.come.hashes) // _HASH_BYTES) for c in changes]
        if gone is None or not within(gone, ids).all():
            return None
        left = np.concatenate([gone, come])
        left.sort()
        kept = ~within(ids, left)
        every = np.concatenate([ids[kept], come])
        known = np.zeros(len(ids), np.uint16) if days is None else days
        dated = np.concatenate([known[kept], *told])
        order = np.argsort(every, kind="stable")
        ordered = every[order]
        if (ordered[1:] <= ordered[:-1]).any():
            return None
        revised = self._revised(ordered, dated[order], changes)
        if revised is not None:
            new = come[~within(come, ids)]
            gone.sort()
            new.sort()
            if len(ids) + len(new) - len(gone) == count_of(revised[0]):
                learn(before, revised[0], Delta(new, gone))
        return revised

    def _gone(self, changes: Sequence[ProgramChange]) -> Ids | None:
        """Releases that went; None where one is not known."""
        found = [NONE]
        for change in changes:
            keys = np.frombuffer(change.gone, "<i8") ^ np.int64(_salt(change.come.package_system))
            ids, hit = self._look(keys)
            for place in np.flatnonzero(~hit).tolist():
                ids[place] = self._new.get(int(keys[place]), 0)
            found.append(ids)
        every = np.concatenate(found)
        return every if every.all() else None

    def _revised(
        self, ids: Ids, days: NDArray[np.uint16], changes: Sequence[ProgramChange]
    ) -> tuple[bytes, bytes] | None:
        keys, systems = self._described(ids)
        numbers = [self._number(change.come.package_system) for change in changes]
        if len(set(numbers)) != len(numbers):
            return None
        parts, told = [], 0
        dated = bool(days.any())
        for change, number in zip(changes, numbers, strict=True):
            name, mine = change.come.package_system, np.flatnonzero(systems == number)
            hashes = (keys[mine] ^ np.int64(_salt(name))).view(np.uint64)
            order = np.argsort(hashes)
            column = hashes[order].astype("<u8").tobytes()
            if hashlib.blake2b(column, digest_size=_HASH_BYTES).digest() != change.whole_hash:
                return None
            parts.append(content_part(name, column, days[mine][order].tolist() if dated else ()))
            told += len(mine)
        if told < len(ids):
            # A package system of which nothing is said is not there any more.
            there = np.isin(systems, numbers)
            ids, days = ids[there], days[there]
        return pack(ids, days), joined(parts)

    def _described(self, ids: Ids) -> tuple[Hashes, NDArray[np.int32]]:
        """What ascending releases are found by, and the number of the package system of each."""
        self._table()
        if not len(ids) or int(ids[-1]) < len(self._keys):
            return self._keys[ids], self._systems[ids]
        known = ids < len(self._keys)
        place = np.where(known, ids, 0)
        keys, systems = self._keys[place], self._systems[place]
        for late in np.flatnonzero(~known).tolist():
            keys[late], systems[late] = self._late[int(ids[late])]
        return keys, systems

    def _number(self, system: str) -> int:
        """Of a package system."""
        return self._numbers.setdefault(system, len(self._numbers))

    def _look(self, keys: Hashes) -> tuple[Ids, NDArray[np.bool_]]:
        """The releases under keys, and which of them there are."""
        return self._table().get(keys)

    def _ids(self, columns: ProgramColumns) -> Ids:
        keys = np.frombuffer(columns.hashes, "<i8") ^ np.int64(_salt(columns.package_system))
        found, hit = self._look(keys)
        if hit.all():
            return found
        missed = np.flatnonzero(~hit)
        entries = _lines(columns.text, missed)
        for place, key, entry in zip(missed.tolist(), keys[missed].tolist(), entries, strict=True):
            found[place] = self._release(columns.package_system, key, entry)
        return found

    def _release(self, system: str, key: int, entry: bytes) -> int:
        known = self._new.get(key)
        if known is not None:
            return known
        # A sender's hash is taken at its word only for a text that is here already.
        true = release_key(system, entry_hash(entry))
        # Whose hash is as told was looked up already, in all that there are.
        row = None
        if true != key:
            row = self._db.execute("SELECT id FROM release WHERE hash=?", (true,)).fetchone()
        made = row[0] if row else self._make(true, system, entry.decode("utf-8", "replace"))
        self._new[true] = made
        self._late[int(made)] = true, self._number(system)
        if len(self._new) > _MOST_NEW:
            self._known = None
        return int(made)

    def _make(self, key: int, system: str, entry: str) -> int:
        name, version, architecture, publisher = (*entry.split("\t"), "", "", "", "")[:4]
        title = (system, name, publisher)
        row = self._db.execute(
            "SELECT id FROM title WHERE system=? AND name=? AND publisher=?", title
        ).fetchone()
        number = row[0] if row else self._made(title)
        cursor = self._db.execute(
            "INSERT INTO release (hash, title, version, architecture) VALUES (?, ?, ?, ?)",
            (key, number, version, architecture),
        )
        return int(cursor.lastrowid or 0)

    def _made(self, title: tuple[str, str, str]) -> int:
        sql = "INSERT INTO title (system, name, publisher) VALUES (?, ?, ?)"
        return int(self._db.execute(sql, title).lastrowid or 0)

    def _table(self) -> Lookup:
        if self._known is None:
            rows = self._db.execute(_ALL).fetchall()
            systems = [self._number(row[2]) for row in rows]
            table = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
            keys, ids = np.ascontiguousarray(table[:, 0]), table[:, 1].astype(np.uint32)
            self._known = Lookup(keys, ids)
            size = int(ids.max(initial=0)) + 1
            self._keys, self._systems = np.zeros(size, np.int64), np.zeros(size, np.int32)
            self._keys[ids], self._systems[ids] = keys, systems
            self._new.clear()
            self._late.clear()
        return self._known

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have changed."""
        self._known = None
        self._new.clear()
        self._late.clear()


def _lines(text: bytes, places: NDArray[np.int64]) -> Iterator[bytes]:
    """Some of the lines of a text, each of which is closed by a line feed."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _LINE_FEED)
    starts = np.where(places > 0, ends[places - 1] + 1, 0)
    for start, end in zip(starts.tolist(), ends[places].tolist(), strict=True):
        yield text[start:end]


def _days(days: Sequence[int], count: int) -> NDArray[np.uint16]:
    if not days:
        return np.zeros(count, np.uint16)
    return np.minimum(np.array(days, np.int64), _LATEST_DAY).astype(np.uint16)


@functools.lru_cache(maxsize=256)
def _salt(system: str) -> int:
    text = system.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
