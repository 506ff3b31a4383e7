"""Titles and releases, interned once, and which record has which installed.

A tile is one row per title and block of 2,048 records: pairs of record offset and release id,
ascending, little endian, so that "who has this title" reads one row per block.
"""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cmdb.model.observation import Programs
from cmdb.store.port import Installed, RecordId
from cmdb.store.sqlite import codec

_BLOCK = 2_048
_CHUNK = 500
_CACHED = 200_000
"""Release ids kept in memory, about 20 MB."""


class ProgramIndex:
    """Interns releases and keeps the tiles."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._releases: dict[int, int] = {}
        self._titles: dict[int, int] = {}

    def intern(self, programs: Sequence[Programs]) -> bytes:
        """Packs the release ids of all entries; makes those that are new."""
        installed: dict[int, int] = {}
        for system in programs:
            days = system.installed_days or (0,) * len(system.entries)
            for entry, day in zip(system.entries, days, strict=True):
                installed[self._release(system.package_system, entry)] = day
        return codec.pack_releases(installed)

    def _release(self, system: str, entry: str) -> int:
        key = _hash(system, entry)
        known = self._releases.get(key)
        if known is None:
            if len(self._releases) >= _CACHED:
                self._releases.clear()
            row = self._db.execute("SELECT id FROM release WHERE hash=?", (key,)).fetchone()
            known = row[0] if row else self._make(key, system, entry)
            self._releases[key] = known
        return known

    def _make(self, key: int, system: str, entry: str) -> int:
        name, version, architecture, publisher = (*entry.split("\t"), "", "", "", "")[:4]
        self._db.execute(
            "INSERT OR IGNORE INTO title (system, name, publisher) VALUES (?, ?, ?)",
            (system, name, publisher),
        )
        title = self._db.execute(
            "SELECT id FROM title WHERE system=? AND name=? AND publisher=?",
            (system, name, publisher),
        ).fetchone()[0]
        cursor = self._db.execute(
            "INSERT INTO release (hash, title, version, architecture) VALUES (?, ?, ?, ?)",
            (key, title, version, architecture),
        )
        return int(cursor.lastrowid or 0)

    def index(self, record: RecordId, before: bytes, after: bytes) -> None:
        """Moves the record's entries in the tiles from one packed set to another."""
        old, new = codec.unpack_releases(before), codec.unpack_releases(after)
        changes: dict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        for title, release in self._with_titles(old.keys() - new.keys()):
            changes[title][0].add(release)
        for title, release in self._with_titles(new.keys() - old.keys()):
            changes[title][1].add(release)
        for title, (gone, come) in sorted(changes.items()):
            self._change_tile(title, record, gone, come)

    def _with_titles(self, releases: Iterable[int]) -> Iterator[tuple[int, int]]:
        for release in sorted(releases):
            title = self._titles.get(release)
            if title is None:
                title = self._db.execute(
                    "SELECT title FROM release WHERE id=?", (release,)
                ).fetchone()[0]
                if len(self._titles) >= _CACHED:
                    self._titles.clear()
                self._titles[release] = title
            yield title, release

    def _change_tile(self, title: int, record: int, gone: set[int], come: set[int]) -> None:
        block, offset = divmod(record, _BLOCK)
        row = self._db.execute(
            "SELECT body FROM tile WHERE title=? AND block=?", (title, block)
        ).fetchone()
        pairs = set(_pairs(row[0])) if row else set()
        pairs -= {(offset, release) for release in gone}
        pairs |= {(offset, release) for release in come}
        if not pairs:
            self._db.execute("DELETE FROM tile WHERE title=? AND block=?", (title, block))
            return
        flat = array("I", (number for pair in sorted(pairs) for number in pair))
        self._db.execute(
            "INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", (title, block, flat.tobytes())
        )

    def forget(self) -> None:
        """Drops ids that a rolled-back transaction may have made."""
        self._releases.clear()
        self._titles.clear()


def holders(connection: sqlite3.Connection, title: int) -> dict[int, set[int]]:
    """Release ids of a title by record."""
    found: dict[int, set[int]] = defaultdict(set)
    for block, body in connection.execute(
        "SELECT block, body FROM tile WHERE title=? ORDER BY block", (title,)
    ):
        for offset, release in _pairs(body):
            found[block * _BLOCK + offset].add(release)
    return dict(found)


def describe(connection: sqlite3.Connection, releases: Iterable[int]) -> tuple[Installed, ...]:
    """These releases in words, by name."""
    return tuple(sorted(_described(connection, releases).values(), key=_by_name))


def described_days(
    connection: sqlite3.Connection, installed: Mapping[int, int]
) -> tuple[tuple[Installed, int], ...]:
    """Releases with their days, by name."""
    found = _described(connection, installed)
    rows = [(found[release], day) for release, day in installed.items() if release in found]
    return tuple(sorted(rows, key=lambda row: _by_name(row[0])))


def _described(connection: sqlite3.Connection, releases: Iterable[int]) -> dict[int, Installed]:
    wanted = sorted(releases)
    found: dict[int, Installed] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        sql = (
            "SELECT r.id, t.name, r.version, r.architecture, t.publisher, t.system"
            " FROM release r JOIN title t ON t.id = r.title"
            f" WHERE r.id IN ({','.join('?' * len(chunk))})"
        )
        found |= {row[0]: Installed(*row[1:]) for row in connection.execute(sql, chunk)}
    return found


def _by_name(row: Installed) -> tuple[str, str, str]:
    return row.name.casefold(), row.name, row.version


def _pairs(body: bytes) -> Iterator[tuple[int, int]]:
    flat = array("I")
    flat.frombytes(body)
    numbers = iter(flat)
    return zip(numbers, numbers, strict=True)


def _hash(system: str, entry: str) -> int:
    text = f"{system}\0{entry}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
