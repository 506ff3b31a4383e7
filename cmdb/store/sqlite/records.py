"""Records, and when each was heard: as a whole, and in each of its sections.

When a record was heard is one small row, written once at the end of a transaction: a report that
says nothing new costs nothing else.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import RecordKey, SectionKind, Source
from cmdb.store.port import Hearings, RecordId, RecordRow
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.silences import Silences
from cmdb.store.sqlite.transaction import Transaction

_RECORD = """SELECT r.id, s.kind, s.instance, c.name, r.native_key, r.first_at, n.at, n.full_at
  FROM record r JOIN source s ON s.id = r.source JOIN scope c ON c.id = r.scope
  JOIN seen n ON n.record = r.id """
_OF = (
    "r.source=(SELECT id FROM source WHERE kind=? AND instance=?)"
    " AND r.scope=(SELECT id FROM scope WHERE name=?)"
)
_HEARD = (
    "SELECT r.native_key, r.first_at, n.at FROM record r JOIN seen n ON n.record = r.id"
    f" WHERE {_OF}"
)
_SILENT = (
    "SELECT r.native_key, q.since, q.until FROM record r JOIN silence q ON q.record = r.id"
    f" WHERE {_OF} AND q.ended_tx IS NULL AND q.until > ?"
)
_MASK = struct.Struct("<H")
_OTHER = struct.Struct("<Bq")


@dataclass(slots=True)
class Seen:
    """When a record was heard, in microseconds since 1970."""

    at: int
    full_at: int | None
    confirmed: dict[int, int]
    """When each section was last said whole, by the number of its kind."""


class Records:
    """The tables record and seen."""

    def __init__(self, connection: sqlite3.Connection, names: Names, tx: Transaction) -> None:
        self._db = connection
        self._tx = tx
        self._names = names
        self._silences = Silences(connection, tx)
        self._seen: dict[int, Seen] = {}
        """Of the transaction that is under way; all that it read or altered."""
        self._altered: set[int] = set()

    def find(self, key: RecordKey) -> RecordRow | None:
        """The record of that key."""
        row = self._db.execute(
            _RECORD + "WHERE s.kind=? AND s.instance=? AND c.name=? AND r.native_key=?",
            (key.source.kind, key.source.instance, key.scope, key.native_key),
        ).fetchone()
        return self._row(row) if row else None

    def heard(self, key: RecordKey, observed_at: datetime, *, full: bool) -> RecordRow:
        """Finds or makes the record and notes that it was heard; as it was before."""
        at = codec.to_micros(observed_at)
        before = self.find(key)
        if before is None:
            return self._make(key, observed_at, at if full else None)
        seen = self.seen(before.id)
        self._silences.heard(before.id, at, codec.to_micros(before.first_at), seen.at)
        seen.at = max(seen.at, at)
        if full:
            seen.full_at = at if seen.full_at is None else max(seen.full_at, at)
        self._altered.add(before.id)
        if observed_at < before.first_at:
            self._db.execute("UPDATE record SET first_at=? WHERE id=?", (at, before.id))
        return before

    def _make(self, key: RecordKey, observed_at: datetime, full_at: int | None) -> RecordRow:
        at = codec.to_micros(observed_at)
        cursor = self._db.execute(
            "INSERT INTO record (source, scope, native_key, first_at) VALUES (?, ?, ?, ?)",
            (self._names.source(key.source), self._names.scope(key.scope), key.native_key, at),
        )
        record = RecordId(int(cursor.lastrowid or 0))
        self._db.execute("INSERT INTO seen VALUES (?, ?, ?, ?)", (record, at, full_at, b""))
        self._seen[record] = Seen(at, full_at, {})
        self._altered.add(record)
        return RecordRow(record, key, observed_at, observed_at, None)

    def some(self, ids: Sequence[RecordId]) -> Iterator[RecordRow]:
        """Those that there are."""
        marks = ",".join("?" * len(ids))
        for row in self._db.execute(_RECORD + f"WHERE r.id IN ({marks})", ids):
            yield self._row(row)

    def every(self) -> Iterator[RecordRow]:
        """All of them, by source, scope and native key."""
        order = "ORDER BY s.kind, s.instance, c.name, r.native_key"
        for row in self._db.execute(_RECORD + order):
            yield self._row(row)

    def seen(self, record: int) -> Seen:
        """When it was heard; what is altered in it is kept by altered()."""
        known = self._seen.get(record)
        if known is None:
            row = self._db.execute(
                "SELECT at, full_at, confirmed FROM seen WHERE record=?", (record,)
            ).fetchone()
            known = Seen(row[0], row[1], _unpacked(row[0], row[2])) if row else Seen(0, None, {})
            if self._tx.id:
                self._seen[record] = known
        return known

    def confirm(self, record: int, kind: SectionKind, at: int, *, anew: bool = False) -> None:
        """A section was said whole; `anew` also moves the time back."""
        seen = self.seen(record)
        before = seen.confirmed.get(kind.number)
        seen.confirmed[kind.number] = at if anew or before is None else max(before, at)
        self._altered.add(record)

    def flush(self) -> None:
        """Writes what was altered."""
        self._db.executemany(
            "UPDATE seen SET at=?, full_at=?, confirmed=? WHERE record=?",
            [
                (seen.at, seen.full_at, _packed(seen.at, seen.confirmed), record)
                for record in sorted(self._altered)
                if (seen := self._seen.get(record)) is not None
            ],
        )
        self.forget()

    def hearings(self, source: Source, scope: str, after: datetime) -> Hearings:
        """When the records of a source in a scope were heard, with silences that ended later."""
        if self._altered:
            self.flush()
        place = (source.kind, source.instance, scope)
        return Hearings(
            self._db.execute(_HEARD, place).fetchall(),
            self._db.execute(_SILENT, (*place, codec.to_micros(after))).fetchall(),
        )

    def erase(self, record: int) -> None:
        """Takes it out."""
        self._seen.pop(record, None)
        self._altered.discard(record)
        self._silences.erase(record)
        self._db.execute("DELETE FROM seen WHERE record=?", (record,))
        self._db.execute("DELETE FROM record WHERE id=?", (record,))

    def forget(self) -> None:
        """Drops what is remembered of a transaction."""
        self._seen.clear()
        self._altered.clear()

    def _row(self, row: tuple[int, str, str, str, str, int, int, int | None]) -> RecordRow:
        record, kind, instance, scope, native_key, first_at, at, full_at = row
        now = self._seen.get(record)
        if now is not None:
            at, full_at = now.at, now.full_at
        return RecordRow(
            RecordId(record),
            RecordKey(Source(kind, instance), scope, native_key),
            codec.from_micros(first_at),
            codec.from_micros(at),
            None if full_at is None else codec.from_micros(full_at),
        )


def _packed(at: int, confirmed: Mapping[int, int]) -> bytes:
    """Most sections were confirmed when the record was heard last: a bit says so."""
    mask = sum(1 << kind for kind, said in confirmed.items() if said == at)
    others = [_OTHER.pack(k, said) for k, said in sorted(confirmed.items()) if said != at]
    return _MASK.pack(mask) + b"".join(others)


def _unpacked(at: int, packed: bytes) -> dict[int, int]:
    if not packed:
        return {}
    (mask,) = _MASK.unpack_from(packed)
    found = {kind: at for kind in range(16) if mask >> kind & 1}
    found.update(_OTHER.iter_unpack(packed[_MASK.size :]))
    return found


def packed_confirmations(at: int, confirmed: Iterable[tuple[int, int]]) -> bytes:
    """The form in which the table keeps them; for the step from schema 1."""
    return _packed(at, dict(confirmed))
