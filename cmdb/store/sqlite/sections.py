"""The sections of records with their history.

A section's current body stands whole; earlier ones are differences from the version that took
their place, so that a small change costs a few dozen bytes. A word that comes late is kept as a
difference from whatever was current then: versions form a tree, each naming its base.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import SectionKind
from cmdb.store.port import RecordId, StoredSection
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.programs import ProgramIndex
from cmdb.store.sqlite.transaction import Transaction

KINDS = 16
"""Room for section kinds in a section's id, which is record * 16 + kind."""


class Sections:
    """The tables section, confirmed and past. Methods are those of the Ledger port."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, tx: Transaction, programs: ProgramIndex
    ) -> None:
        self._db = connection
        self._path = path
        self._tx = tx
        self._programs = programs
        self._next_version: int | None = None

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute(
                "SELECT s.id, s.body, s.digest, s.at, c.at FROM section s JOIN confirmed c"
                " ON c.section = s.id WHERE s.id BETWEEN ? AND ?",
                (record * KINDS, record * KINDS + KINDS - 1),
            ).fetchall()
        return {
            SectionKind(key % KINDS): StoredSection(
                codec.decompress(body), found, codec.from_micros(at), codec.from_micros(confirmed)
            )
            for key, body, found, at, confirmed in rows
        }

    def put_section(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        key = record * KINDS + kind.value
        with translated(self._path):
            old = self._db.execute(
                "SELECT s.version, s.at, s.tx, s.digest, s.body, c.at FROM section s"
                " JOIN confirmed c ON c.section = s.id WHERE s.id=?",
                (key,),
            ).fetchone()
            version = self._version()
            before = b""
            if old is not None:
                before = codec.decompress(old[4])
                self._remember(key, old, before, base=(version, section.body))
            self._db.execute(
                "INSERT OR REPLACE INTO section VALUES (?, ?, ?, ?, ?, ?)",
                (
                    key,
                    version,
                    codec.to_micros(section.observed_at),
                    self._tx.id,
                    section.digest,
                    codec.compress(section.body),
                ),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO confirmed VALUES (?, ?)",
                (key, codec.to_micros(section.confirmed_at)),
            )
            if kind is SectionKind.PROGRAMS:
                self._programs.index(record, before, section.body)

    def _remember(
        self,
        key: int,
        old: tuple[int, int, int, bytes, bytes, int],
        body: bytes,
        base: tuple[int, bytes],
    ) -> None:
        version, at, tx, found, _, confirmed = old
        self._db.execute(
            "INSERT INTO past VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version,
                key,
                base[0],
                at,
                confirmed,
                tx,
                self._tx.id,
                found,
                codec.compress(body, base[1]),
            ),
        )

    def confirm(self, record: RecordId, kind: SectionKind, at: datetime) -> None:
        """See the port."""
        with translated(self._path):
            self._db.execute(
                "UPDATE confirmed SET at=max(at, ?) WHERE section=?",
                (codec.to_micros(at), record * KINDS + kind.value),
            )

    def put_late(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        key = record * KINDS + kind.value
        at = codec.to_micros(section.observed_at)
        with translated(self._path):
            known = self._db.execute(
                "SELECT 1 FROM past WHERE section=? AND at=? AND digest=?",
                (key, at, section.digest),
            ).fetchone()
            if known:
                return
            current = self._db.execute(
                "SELECT version, body FROM section WHERE id=?", (key,)
            ).fetchone()
            base = (current[0], codec.decompress(current[1])) if current else (0, b"")
            late = (self._version(), at, self._tx.id, section.digest, b"", at)
            self._remember(key, late, section.body, base)

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """See the port."""
        key = record * KINDS + kind.value
        with translated(self._path):
            current = self._db.execute(
                "SELECT version, body FROM section WHERE id=?", (key,)
            ).fetchone()
            rows = self._db.execute(
                "SELECT at, version, base, confirmed, digest, patch FROM past WHERE section=?"
                " ORDER BY at DESC, version DESC",
                (key,),
            ).fetchall()
        known = [(0, b"")]
        if current:
            known.append((current[0], codec.decompress(current[1])))
        bodies = _unpatched(
            known, {version: (base, patch) for _, version, base, _, _, patch in rows}
        )
        for at, version, _, confirmed, found, _ in rows:
            yield StoredSection(
                bodies[version], found, codec.from_micros(at), codec.from_micros(confirmed)
            )

    def _version(self) -> int:
        if self._next_version is None:
            self._next_version = self._db.execute(
                "SELECT 1 + max((SELECT coalesce(max(version), 0) FROM section),"
                " (SELECT coalesce(max(version), 0) FROM past))"
            ).fetchone()[0]
        version = self._next_version
        self._next_version += 1
        return version

    def erase(self, record: RecordId) -> None:
        """Removes all that a record ever said."""
        first, last = record * KINDS, record * KINDS + KINDS - 1
        with translated(self._path):
            programs = self.sections(record).get(SectionKind.PROGRAMS)
            if programs:
                self._programs.index(record, programs.body, b"")
            for table, column in (("past", "section"), ("confirmed", "section"), ("section", "id")):
                self._db.execute(
                    f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", (first, last)
                )

    def forget(self) -> None:
        """Drops what was remembered of a transaction that was rolled back."""
        self._next_version = None


def _unpatched(
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
        known += [
            (version, codec.decompress(patches[version][1], body))
            for version in resting_on.get(base, ())
        ]
    return bodies
