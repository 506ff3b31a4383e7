"""The sections of records with their history.

A section's current body stands whole; earlier ones are differences from the version that took
their place, so that a small change costs a few dozen bytes (chain.py). A word that comes late is
kept as a difference from whatever was current then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import KIND_BY_NUMBER, SectionKind
from cmdb.store.port import RecordId, StoredSection
from cmdb.store.sqlite import chain, codec
from cmdb.store.sqlite.bodies import Bodies, opened
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.programs import ProgramIndex
from cmdb.store.sqlite.records import Records
from cmdb.store.sqlite.transaction import Transaction

KINDS = 16
"""Room for section kinds in a section's id, which is record * 16 + kind."""
_KIND = KIND_BY_NUMBER.__getitem__
_SECTION = "SELECT id, past, at, tx, digest, body FROM section "


@dataclass(slots=True)
class _Current:
    """A section's row, its body in the clear."""

    past: int
    """The newest of its earlier words, 0 for none."""
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
        self._current: dict[int, _Current | None] = {}
        """Rows that the transaction under way has read or written."""
        self._asides: dict[int, dict[int, int]] = {}
        """Of records that it asked for: sections with words out of order, and the newest such."""

    def kinds(self, record: RecordId) -> frozenset[SectionKind]:
        """See the port."""
        with translated(self._path):
            return frozenset(map(_KIND, self._records.seen(record).confirmed))

    def told_at(self, record: RecordId) -> dict[SectionKind, datetime]:
        """See the port."""
        with translated(self._path):
            confirmed = self._records.seen(record).confirmed
            return {_KIND(kind): codec.from_micros(at) for kind, at in confirmed.items()}

    def section(self, record: RecordId, kind: SectionKind) -> StoredSection | None:
        """See the port."""
        with translated(self._path):
            found = self._row(record * KINDS + kind.number)
            if found is None:
                return None
            return _stored(found, self._records.seen(record).confirmed.get(kind.number))

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """See the port."""
        first = record * KINDS
        with translated(self._path):
            confirmed = self._records.seen(record).confirmed
            kinds = sorted(confirmed)
            rows: dict[int, _Current | None] = self._current if self._tx.id else {}
            if not all(first + kind in rows for kind in kinds):
                found = self._db.execute(
                    _SECTION + "WHERE id BETWEEN ? AND ?", (first, first + KINDS - 1)
                )
                rows.update((row[0], self._opened(row)) for row in found.fetchall())
            return {
                KIND_BY_NUMBER[kind]: _stored(row, confirmed[kind])
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
        _, past, at, tx, digest, body = row
        return _Current(past, at, tx, digest, opened(self._db, body))

    def put_section(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        key = record * KINDS + kind.number
        at = codec.to_micros(section.observed_at)
        with translated(self._path):
            # A record that never confirmed a kind has no row of it.
            known = kind.number in self._records.seen(record).confirmed
            old = self._row(key) if known else None
            new = _Current(0, at, self._tx.id, section.digest, section.body)
            told = True
            if old is not None:
                confirmed = self._records.seen(record).confirmed[kind.number]
                new.past, told = self._replaced(key, old, confirmed, new)
            else:
                new.past = self._aside(record).get(key, 0)
            closed = self._bodies.closed(kind.number, section.body)
            self._db.execute(
                "INSERT OR REPLACE INTO section VALUES (?, ?, ?, ?, ?, ?)",
                (key, new.past, at, new.tx, new.digest, closed),
            )
            self._current[key] = new
            self._records.confirm(record, kind, codec.to_micros(section.confirmed_at), anew=True)
            if kind is SectionKind.PROGRAMS:
                self._programs.changed(record, new.past if old else 0, told=told)

    def _replaced(self, key: int, old: _Current, confirmed: int, new: _Current) -> tuple[int, bool]:
        """Keeps a word that another replaces; says whether its patch tells what came and went."""
        patch, told = chain.difference(old.body, new.body, programs=_of_programs(key))
        word = chain.New(old.at, confirmed, old.tx, old.digest, old.body)
        place = chain.Place(old.past, key if old.at > new.at else None)
        return chain.add(self._db, word, patch, place), told

    def _aside(self, record: int) -> dict[int, int]:
        known = self._asides.get(record)
        if known is None:
            first = record * KINDS
            known = chain.newest_aside(self._db, first, first + KINDS - 1)
            if self._tx.id:
                self._asides[record] = known
        return known

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
            if any(word == (section.digest, at) for word in self._words_at(key, at)):
                return
            current = self._row(key)
            base = b"" if current is None else current.body
            patch, _ = chain.difference(section.body, base, programs=_of_programs(key))
            word = chain.New(at, at, self._tx.id, section.digest, section.body)
            if current is None:
                newest = self._aside(record)
                place = chain.Place(newest.get(key, 0), key, chain.LATE_WHOLE)
                newest[key] = chain.add(self._db, word, patch, place)
                return
            place = chain.Place(current.past, key, chain.LATE)
            current.past = chain.add(self._db, word, patch, place)
            self._db.execute("UPDATE section SET past=? WHERE id=?", (current.past, key))

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """See the port."""
        key = record * KINDS + kind.number
        with translated(self._path):
            words, body = self._chain(key)
        said = words.bodies(body)
        for word in sorted(words, key=lambda word: (word.at, word.tx, word.id), reverse=True):
            found = said[word.id]
            yield StoredSection(
                found,
                chain.digest_of(word, found),
                codec.from_micros(word.at),
                codec.from_micros(word.confirmed),
            )

    def _chain(self, key: int) -> tuple[chain.Chain, bytes]:
        """The earlier words of a section, and what is said now."""
        current = self._row(key)
        if current is None:
            return chain.read(self._db, self._aside(key // KINDS).get(key, 0), 0), b""
        return chain.read(self._db, current.past, current.tx), current.body

    def _words_at(self, key: int, at: int) -> Iterator[tuple[bytes, int]]:
        """Digests of earlier words of that time."""
        words, body = self._chain(key)
        found = [word for word in words if word.at == at]
        said = words.bodies(body) if found else {}
        for word in found:
            yield chain.digest_of(word, said[word.id]), word.at

    def erase(self, record: RecordId) -> None:
        """Removes all that a record ever said."""
        first, last = record * KINDS, record * KINDS + KINDS - 1
        with translated(self._path):
            self._db.execute("DELETE FROM pend WHERE record=?", (record,))
            newest = chain.newest_aside(self._db, first, last)
            sql = "SELECT id, past FROM section WHERE id BETWEEN ? AND ?"
            newest.update(self._db.execute(sql, (first, last)).fetchall())
            for head in newest.values():
                chain.remove(self._db, head)
            self._db.execute("DELETE FROM section WHERE id BETWEEN ? AND ?", (first, last))
            for kind in SectionKind:
                self._current.pop(first + kind.number, None)
            self._asides.pop(record, None)

    def settle(self) -> None:
        """Ends a transaction."""
        self.forget()

    def forget(self) -> None:
        """Drops what was remembered of a transaction that ended."""
        self._current = {}
        self._asides = {}


def _stored(row: _Current, confirmed: int | None) -> StoredSection:
    said = codec.from_micros(row.at)
    again = said if confirmed is None else codec.from_micros(confirmed)
    return StoredSection(row.body, row.digest, said, again)


def _of_programs(key: int) -> bool:
    return key % KINDS == SectionKind.PROGRAMS.value
