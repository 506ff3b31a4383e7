"""The embedded ledger: records, links, runs, decisions; sections.py has what records say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import (
    Decision,
    Json,
    Programs,
    RecordKey,
    RunEvent,
    SectionKind,
    Source,
)
from cmdb.store.port import (
    AssetId,
    Identifier,
    Installed,
    LinkRow,
    RecordId,
    RecordRow,
    StoredSection,
)
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.programs import ProgramIndex, describe, described_days
from cmdb.store.sqlite.sections import Sections
from cmdb.store.sqlite.transaction import Transaction

_RECORD = """SELECT r.id, s.kind, s.instance, c.name, r.native_key, r.first_at, n.at, n.full_at
  FROM record r JOIN source s ON s.id = r.source JOIN scope c ON c.id = r.scope
  JOIN seen n ON n.record = r.id """
_LINK = "SELECT record, asset, rule, evidence, since, decided_at, ended_at FROM link "


class SqliteLedger:
    """See cmdb.store.port.Ledger."""

    def __init__(self, connection: sqlite3.Connection, path: Path, tx: Transaction) -> None:
        self._db = connection
        self._path = path
        self._tx = tx
        self._names = Names(connection)
        self._programs = ProgramIndex(connection)
        self._sections = Sections(connection, path, tx, self._programs)

    # Records

    def record(self, key: RecordKey) -> RecordRow | None:
        """See the port."""
        with translated(self._path):
            row = self._db.execute(
                _RECORD + "WHERE s.kind=? AND s.instance=? AND c.name=? AND r.native_key=?",
                (key.source.kind, key.source.instance, key.scope, key.native_key),
            ).fetchone()
        return _record(row) if row else None

    def heard(self, key: RecordKey, observed_at: datetime, *, full: bool) -> RecordRow:
        """See the port."""
        at = codec.to_micros(observed_at)
        full_at = at if full else None
        with translated(self._path):
            before = self.record(key)
            if before is None:
                return self._make(key, observed_at, full_at)
            self._db.execute(
                "UPDATE seen SET at=max(at, ?1), full_at=CASE WHEN ?2 IS NULL THEN full_at"
                " ELSE max(coalesce(full_at, ?2), ?2) END WHERE record=?3",
                (at, full_at, before.id),
            )
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
        self._db.execute("INSERT INTO seen VALUES (?, ?, ?)", (record, at, full_at))
        return RecordRow(record, key, observed_at, observed_at, None)

    def records(self, ids: Iterable[RecordId]) -> dict[RecordId, RecordRow]:
        """See the port."""
        found = {}
        with translated(self._path):
            for chunk in _chunks(sorted(set(ids))):
                marks = ",".join("?" * len(chunk))
                for row in self._db.execute(_RECORD + f"WHERE r.id IN ({marks})", chunk):
                    record = _record(row)
                    found[record.id] = record
        return found

    def count(self) -> int:
        """See the port."""
        with translated(self._path):
            return int(self._db.execute("SELECT count(*) FROM record").fetchone()[0])

    def is_empty(self) -> bool:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT (SELECT count(*) FROM tx) = 0").fetchone()
            return bool(row[0])

    def all_records(self) -> Iterator[RecordRow]:
        """See the port."""
        with translated(self._path):
            order = "ORDER BY s.kind, s.instance, c.name, r.native_key"
            for row in self._db.execute(_RECORD + order):
                yield _record(row)

    # Sections

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """See the port."""
        return self._sections.sections(record)

    def put_section(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        self._sections.put_section(record, kind, section)

    def confirm(self, record: RecordId, kind: SectionKind, at: datetime) -> None:
        """See the port."""
        self._sections.confirm(record, kind, at)

    def put_late(self, record: RecordId, kind: SectionKind, section: StoredSection) -> None:
        """See the port."""
        self._sections.put_late(record, kind, section)

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """See the port."""
        return self._sections.past(record, kind)

    # Identity

    def identifiers(self, record: RecordId) -> frozenset[Identifier]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute("SELECT hash FROM identifier WHERE record=?", (record,))
            return frozenset(Identifier(row[0]) for row in rows)

    def set_identifiers(self, record: RecordId, identifiers: frozenset[Identifier]) -> None:
        """See the port."""
        before = self.identifiers(record)
        with translated(self._path):
            self._db.executemany(
                "DELETE FROM identifier WHERE hash=? AND record=?",
                [(gone, record) for gone in before - identifiers],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO identifier VALUES (?, ?)",
                [(new, record) for new in sorted(identifiers - before)],
            )

    def holders(self, identifier: Identifier, limit: int) -> tuple[RecordId, ...]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute(
                "SELECT record FROM identifier WHERE hash=? ORDER BY record LIMIT ?",
                (identifier, limit),
            )
            return tuple(RecordId(row[0]) for row in rows)

    def links(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """See the port."""
        found = {}
        with translated(self._path):
            for chunk in _chunks(sorted(set(records))):
                marks = ",".join("?" * len(chunk))
                for row in self._db.execute(
                    _LINK + f"WHERE ended_tx IS NULL AND record IN ({marks})", chunk
                ):
                    link = _link(row)
                    found[link.record] = link
        return found

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute(
                _LINK + "WHERE ended_tx IS NULL AND asset=? ORDER BY id", (asset,)
            )
            return tuple(_link(row) for row in rows)

    def link_history(self, record: RecordId) -> tuple[LinkRow, ...]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute(_LINK + "WHERE record=? ORDER BY id", (record,))
            return tuple(_link(row) for row in rows)

    def set_link(self, link: LinkRow) -> None:
        """See the port."""
        evidence = codec.canonical(link.evidence)
        decided = codec.to_micros(link.decided_at)
        with translated(self._path):
            self._db.execute(
                "UPDATE link SET ended_tx=?, ended_at=? WHERE record=? AND ended_tx IS NULL",
                (self._tx.id, decided, link.record),
            )
            self._db.execute(
                "INSERT INTO link (record, asset, rule, evidence, since, tx, decided_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    link.record,
                    link.asset,
                    link.rule,
                    codec.compress(evidence),
                    codec.to_micros(link.since),
                    self._tx.id,
                    decided,
                ),
            )

    # Runs, decisions, programs

    def add_run(self, event: RunEvent) -> None:
        """See the port."""
        body = codec.canonical(
            {"all": event.covers_all, "prefixes": list(event.prefixes), "reason": event.reason}
        )
        with translated(self._path):
            self._db.execute(
                "INSERT INTO run (run, source, scope, event, state, body, at, tx)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    event.run,
                    self._names.source(event.source),
                    self._names.scope(event.scope),
                    event.event,
                    event.state,
                    body.decode(),
                    codec.to_micros(event.at),
                    self._tx.id,
                ),
            )

    def add_decision(self, decision: Decision) -> None:
        """See the port."""
        records: list[Json] = [
            [key.source.kind, key.source.instance, key.scope, key.native_key]
            for key in decision.records
        ]
        body = codec.canonical({"records": records, "by": decision.by, "note": decision.note})
        with translated(self._path):
            self._db.execute(
                "INSERT INTO decision (act, body, at, tx) VALUES (?, ?, ?, ?)",
                (decision.act, body.decode(), codec.to_micros(decision.at), self._tx.id),
            )

    def set_aside(self, sequence: int, origin: str, reason: str, body: bytes) -> None:
        """See the port."""
        with translated(self._path):
            self._db.execute(
                "INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?)",
                (sequence, origin, reason, codec.compress(body)),
            )

    def aside(self, limit: int) -> tuple[tuple[int, str, str], ...]:
        """See the port."""
        with translated(self._path):
            return tuple(
                self._db.execute(
                    "SELECT sequence, origin, reason FROM aside ORDER BY sequence DESC LIMIT ?",
                    (limit,),
                )
            )

    def intern(self, programs: Sequence[Programs]) -> bytes:
        """See the port."""
        with translated(self._path):
            return self._programs.intern(programs)

    def difference(
        self, before: bytes, after: bytes
    ) -> tuple[tuple[Installed, ...], tuple[Installed, ...]]:
        """See the port."""
        old, new = codec.unpack_releases(before), codec.unpack_releases(after)
        with translated(self._path):
            return (
                describe(self._db, new.keys() - old.keys()),
                describe(self._db, old.keys() - new.keys()),
            )

    def unpack(self, packed: bytes) -> tuple[tuple[Installed, int], ...]:
        """See the port."""
        with translated(self._path):
            return described_days(self._db, codec.unpack_releases(packed))

    def erase_scope(self, scope: str) -> int:
        """See the port."""
        with translated(self._path):
            found = self._db.execute(
                "SELECT r.id FROM record r JOIN scope c ON c.id = r.scope WHERE c.name=?", (scope,)
            ).fetchall()
            for (record,) in found:
                self._erase(RecordId(record))
            self._db.execute(
                "DELETE FROM run WHERE scope IN (SELECT id FROM scope WHERE name=?)", (scope,)
            )
        return len(found)

    def _erase(self, record: RecordId) -> None:
        self._sections.erase(record)
        for table in ("identifier", "link", "seen"):
            self._db.execute(f"DELETE FROM {table} WHERE record=?", (record,))
        self._db.execute("DELETE FROM record WHERE id=?", (record,))

    def applied(self) -> int:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT value FROM meta WHERE key='applied'").fetchone()
            return int(row[0]) if row else 0

    def set_applied(self, sequence: int) -> None:
        """See the port."""
        with translated(self._path):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('applied', ?)", (str(sequence),))

    def forget(self) -> None:
        """Drops what was remembered of a transaction that was rolled back."""
        self._sections.forget()
        self._names.forget()
        self._programs.forget()


def _record(row: tuple[int, str, str, str, str, int, int, int | None]) -> RecordRow:
    record, kind, instance, scope, native_key, first_at, seen_at, full_at = row
    return RecordRow(
        RecordId(record),
        RecordKey(Source(kind, instance), scope, native_key),
        codec.from_micros(first_at),
        codec.from_micros(seen_at),
        None if full_at is None else codec.from_micros(full_at),
    )


def _link(row: tuple[int, int, str, bytes, int, int, int | None]) -> LinkRow:
    record, asset, rule, evidence, since, decided_at, ended_at = row
    return LinkRow(
        RecordId(record),
        AssetId(asset),
        rule,
        codec.parse(codec.decompress(evidence)),
        codec.from_micros(since),
        codec.from_micros(decided_at),
        None if ended_at is None else codec.from_micros(ended_at),
    )


def _chunks(ids: Sequence[RecordId], size: int = 500) -> Iterator[Sequence[RecordId]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
