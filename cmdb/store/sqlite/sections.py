"""The sections of records with their history.

A section's current body stands whole; earlier ones are differences from the version that took
their place, so that a small change costs a few dozen bytes. A word that comes late is kept as a
difference from whatever was current then: versions form a tree, each naming its base.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import KIND_BY_NUMBER, SectionKind
from cmdb.store.port import RecordId, StoredSection
from cmdb.store.sqlite import codec, packed
from cmdb.store.sqlite.bodies import Bodies, opened
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.programs import ProgramIndex
from cmdb.store.sqlite.records import Records
from cmdb.store.sqlite.transaction import Transaction

KINDS = 16
"""Room for section kinds in a section's id, which is record * 16 + kind."""
_KIND = KIND_BY_NUMBER.__getitem__
_SECTION = "SELECT id, version, at, tx, digest, body FROM section "


@dataclass(slots=True)
class _Current:
    """A section's row, its body in the clear."""

    version: int
    at: int
    tx: int
    digest: bytes
    body: bytes


@dataclass(slots=True)
class Shared:
    """What the parts of the ledger have in common."""

    connection: sqlite3.Connection
    path: Path
    tx: Transaction
    records: Records
    programs: ProgramIndex
    bodies: Bodies


class Sections:
    """The tables section and past. Methods are those of the Ledger port."""

    def __init__(self, shared: Shared) -> None:
        self._db = shared.connection
        self._path = shared.path
        self._tx = shared.tx
        self._records = shared.records
        self._programs = shared.programs
        self._bodies = shared.bodies
        self._next_version: int | None = None
        self._current: dict[int, _Current | None] = {}
        """Rows that the transaction under way has read or written."""

    def kinds(self, record: RecordId) -> frozenset[SectionKind]:
        """See the port."""
        with translated(self._path):
            return frozenset(map(_KIND, self._records.seen(record).confirmed))

    def section(self, record: RecordId, kind: SectionKind) -> StoredSection | None:
        """See the port."""
        with translated(self._path):
            found = self._row(record * KINDS + kind.number)
            return self._stored(record, kind.number, found) if found else None

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """See the port."""
        first = record * KINDS
        with translated(self._path):
            kinds = sorted(self._records.seen(record).confirmed)
            rows: dict[int, _Current | None] = self._current if self._tx.id else {}
            if not all(first + kind in rows for kind in kinds):
                found = self._db.execute(
                    _SECTION + "WHERE id BETWEEN ? AND ?", (first, first + KINDS - 1)
                )
                rows.update((row[0], self._opened(row)) for row in found.fetchall())
            return {
                KIND_BY_NUMBER[kind]: self._stored(record, kind, row)
                for kind in kinds
                if (row := rows.get(first + kind)) is not None
            }

    def _row(self, key: int) -> _Current | None:
        if self._tx.id and key in self._current:
            return self._current[key]
        row = self._db.execute(_SECTION + "WHERE id=?", (key,)).fetchone()
        found = self._opened(row) if row else None
        if self._tx.id:
            self._current[key] = found
        return found

    def _opened(self, row: tuple[int, int, int, int, bytes, bytes]) -> _Current:
        _, version, at, tx, digest, body = row
        return _Current(version, at, tx, digest, opened(self._db, body))

    def _stored(self, record: int, kind: int, row: _Current) -> StoredSection:
        confirmed = self._records.seen(record).confirmed.get(kind, row.at)
        return StoredSection(
            row.body, row.digest, codec.from_micros(row.at), codec.from_micros(confirmed)
        )

    def put_section(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        key = record * KINDS + kind.number
        at = codec.to_micros(section.observed_at)
        with translated(self._path):
            # A record that never confirmed a kind has no row of it.
            known = kind.number in self._records.seen(record).confirmed
            old = self._row(key) if known else None
            new = _Current(self._version(), at, self._tx.id, section.digest, section.body)
            told = True
            if old is not None:
                confirmed = self._records.seen(record).confirmed[kind.number]
                told = self._remember(key, old, confirmed, base=(new.version, new.body))
            closed = self._bodies.closed(kind.number, section.body)
            self._db.execute(
                "INSERT OR REPLACE INTO section VALUES (?, ?, ?, ?, ?, ?)",
                (key, new.version, at, new.tx, new.digest, closed),
            )
            self._current[key] = new
            self._records.confirm(record, kind, codec.to_micros(section.confirmed_at), anew=True)
            if kind is SectionKind.PROGRAMS:
                self._programs.changed(record, old.version if old else 0, told=told)

    def _remember(self, key: int, old: _Current, confirmed: int, base: tuple[int, bytes]) -> bool:
        """Keeps an earlier word; says whether its patch tells what came and went."""
        patch = None
        if key % KINDS == SectionKind.PROGRAMS.value:
            patch = packed.make_patch(old.body, base[1])
        written = codec.compress(old.body, base[1]) if patch is None else patch
        self._db.execute(
            "INSERT INTO past VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                old.version, key, base[0], old.at, confirmed, old.tx, self._tx.id, old.digest,
                written,
            ),
        )  # fmt: skip
        return patch is not None

    def confirm(self, record: RecordId, kind: SectionKind, at: datetime) -> None:
        """See the port."""
        with translated(self._path):
            if kind.number in self._records.seen(record).confirmed:
                self._records.confirm(record, kind, codec.to_micros(at))

    def put_late(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        key = record * KINDS + kind.number
        at = codec.to_micros(section.observed_at)
        with translated(self._path):
            known = self._db.execute(
                "SELECT 1 FROM past WHERE section=? AND at=? AND digest=?",
                (key, at, section.digest),
            ).fetchone()
            if known:
                return
            current = self._row(key)
            base = (current.version, current.body) if current else (0, b"")
            late = _Current(self._version(), at, self._tx.id, section.digest, section.body)
            self._remember(key, late, at, base)

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """See the port."""
        key = record * KINDS + kind.number
        with translated(self._path):
            current = self._row(key)
            rows = self._db.execute(
                "SELECT at, version, base, confirmed, digest, patch FROM past WHERE section=?"
                " ORDER BY at DESC, version DESC",
                (key,),
            ).fetchall()
        known = [(0, b"")]
        if current:
            known.append((current.version, current.body))
        bodies = unpatched(
            known, {version: (base, patch) for _, version, base, _, _, patch in rows}
        )
        for at, version, _, confirmed, found, _ in rows:
            yield StoredSection(
                bodies[version], found, codec.from_micros(at), codec.from_micros(confirmed)
            )

    def _version(self) -> int:
        if self._next_version is None:
            row = self._db.execute("SELECT value FROM meta WHERE key='version'").fetchone()
            self._next_version = int(row[0]) + 1 if row else 1
        version = self._next_version
        self._next_version += 1
        return version

    def erase(self, record: RecordId) -> None:
        """Removes all that a record ever said."""
        first, last = record * KINDS, record * KINDS + KINDS - 1
        with translated(self._path):
            self._db.execute("DELETE FROM pend WHERE record=?", (record,))
            for table, column in (("past", "section"), ("section", "id")):
                self._db.execute(
                    f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", (first, last)
                )
            for kind in SectionKind:
                self._current.pop(first + kind.number, None)

    def settle(self) -> None:
        """Ends a transaction."""
        if self._next_version is not None:
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('version', ?)", (str(self._next_version - 1),)
            )
        self._current = {}

    def forget(self) -> None:
        """Drops what was remembered of a transaction that was rolled back."""
        self._next_version = None
        self._current = {}


def unpatched(
    known: list[tuple[int, bytes]], patches: Mapping[int, tuple[int, bytes]]
) -> dict[int, bytes]:
    """Bodies by version. A late word's base may itself have become past since: bases come first."""
    resting_on: dict[int, list[int]] = {}
    for version, (base, _) in patches.items():
        resting_on.setdefault(base, []).append(version)
    bodies = {}
    while known:
        base, body = known.pop()
        bodies[base] = body
        for version in resting_on.get(base, ()):
            patch = patches[version][1]
            opened = (
                packed.apply_patch(patch, body)
                if packed.is_patch(patch)
                else codec.decompress(patch, body)
            )
            known.append((version, opened))
    return bodies
