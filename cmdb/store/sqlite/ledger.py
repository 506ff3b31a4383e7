"""The embedded ledger: records, links, runs, decisions; sections.py has what records say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import (
    Decision,
    ProgramChange,
    ProgramColumns,
    Programs,
    RecordKey,
    RunEvent,
    SectionKind,
    Source,
)
from cmdb.store.port import (
    AssetId,
    Hearings,
    Identifier,
    Installed,
    LinkRow,
    RecordId,
    RecordRow,
    RunRow,
    StoredSection,
    StoredTimeline,
)
from cmdb.store.sqlite import codec, packed
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.identifiers import Identifiers
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.programs import ProgramIndex, described_days
from cmdb.store.sqlite.records import Records
from cmdb.store.sqlite.runs import Runs
from cmdb.store.sqlite.sections import Sections, Shared
from cmdb.store.sqlite.stretches import Stretches
from cmdb.store.sqlite.timelines import Timelines
from cmdb.store.sqlite.transaction import Transaction


class SqliteLedger:
    """See cmdb.store.port.Ledger."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, tx: Transaction, bodies: Bodies
    ) -> None:
        self._db = connection
        self._path = path
        self._tx = tx
        self._names = Names(connection)
        self._programs = ProgramIndex(connection)
        self._records = Records(connection, self._names, tx)
        self._identifiers = Identifiers(connection, tx)
        self._stretches = Stretches(connection, tx)
        self._timelines = Timelines(connection, bodies, tx)
        self._runs = Runs(connection, self._names, tx)
        self._sections = Sections(
            Shared(connection, path, tx, self._records, self._programs, bodies)
        )
        self._decided: tuple[int, tuple[tuple[int, Decision], ...]] | None = None
        """All decisions, and the state of the file in which they were read."""

    # Records

    def record(self, key: RecordKey) -> RecordRow | None:
        """See the port."""
        with translated(self._path):
            return self._records.find(key)

    def heard(self, key: RecordKey, observed_at: datetime, *, full: bool) -> RecordRow:
        """See the port."""
        with translated(self._path):
            return self._records.heard(key, observed_at, full=full)

    def records(self, ids: Iterable[RecordId]) -> dict[RecordId, RecordRow]:
        """See the port."""
        found: dict[RecordId, RecordRow] = {}
        with translated(self._path):
            for chunk in _chunks(sorted(set(ids))):
                found.update((row.id, row) for row in self._records.some(chunk))
        return found

    def has_kind(self, kind: str) -> bool:
        """See the port."""
        with translated(self._path):
            return self._names.has_kind(kind)

    def sources(self) -> tuple[Source, ...]:
        """See the port."""
        with translated(self._path):
            return self._names.sources()

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
            yield from self._records.every()

    # Sections

    def kinds(self, record: RecordId) -> frozenset[SectionKind]:
        """See the port."""
        return self._sections.kinds(record)

    def told_at(self, record: RecordId) -> Mapping[SectionKind, datetime]:
        """See the port."""
        return self._sections.told_at(record)

    def section(self, record: RecordId, kind: SectionKind) -> StoredSection | None:
        """See the port."""
        return self._sections.section(record, kind)

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
            return self._identifiers.of(record)

    def set_identifiers(self, record: RecordId, identifiers: frozenset[Identifier]) -> None:
        """See the port."""
        with translated(self._path):
            self._identifiers.replace(record, identifiers)

    def holders(self, identifier: Identifier, limit: int) -> tuple[RecordId, ...]:
        """See the port."""
        with translated(self._path):
            return self._identifiers.holders(identifier, limit)

    def common(self, least: int) -> Iterator[tuple[Identifier, int, RecordId]]:
        """See the port."""
        with translated(self._path):
            yield from self._identifiers.common(least)

    def links(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """See the port."""
        with translated(self._path):
            return self._stretches.current(records)

    def stretches(self, records: Iterable[RecordId]) -> dict[RecordId, tuple[LinkRow, ...]]:
        """See the port."""
        with translated(self._path):
            return self._stretches.believed(records)

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """See the port."""
        with translated(self._path):
            return self._stretches.linked(asset)

    def speakers(self, assets: Iterable[AssetId]) -> dict[AssetId, tuple[RecordId, ...]]:
        """See the port."""
        with translated(self._path):
            return self._stretches.speakers(assets)

    def twins(self) -> tuple[LinkRow, ...]:
        """See the port."""
        with translated(self._path):
            return self._stretches.twins()

    def link_history(self, record: RecordId) -> tuple[LinkRow, ...]:
        """See the port."""
        with translated(self._path):
            return self._stretches.history(record)

    def set_stretches(self, record: RecordId, links: Sequence[LinkRow]) -> None:
        """See the port."""
        with translated(self._path):
            self._stretches.replace(record, links)

    def timeline(self, record: RecordId) -> StoredTimeline:
        """See the port."""
        with translated(self._path):
            return self._timelines.read(record)

    def put_timeline(self, record: RecordId, body: bytes | None, last: int) -> None:
        """See the port."""
        with translated(self._path):
            if body is None:
                self._timelines.extend(record, last)
            else:
                self._timelines.write(record, body, last)

    def without_timeline(self, limit: int) -> tuple[RecordId, ...]:
        """See the port."""
        with translated(self._path):
            return self._timelines.missing(limit)

    def watch(self, records: Iterable[RecordId]) -> None:
        """See the port."""
        with translated(self._path):
            self._timelines.watch(records)

    def anchor(self, name: str) -> AssetId | None:
        """See the port."""
        with translated(self._path):
            return self._timelines.anchor(name)

    def set_anchor(self, name: str, asset: AssetId) -> None:
        """See the port."""
        with translated(self._path):
            self._timelines.set_anchor(name, asset)

    # Runs, decisions, programs

    def records_of(self, source: Source, scope: str) -> tuple[RecordId, ...]:
        """See the port."""
        with translated(self._path):
            rows = self._db.execute(
                "SELECT id FROM record WHERE source=(SELECT id FROM source WHERE kind=?"
                " AND instance=?) AND scope=(SELECT id FROM scope WHERE name=?) ORDER BY id",
                (source.kind, source.instance, scope),
            )
            return tuple(RecordId(row[0]) for row in rows)

    def add_run(self, event: RunEvent) -> None:
        """See the port."""
        with translated(self._path):
            self._runs.add(event)

    def complete_runs(self, source: Source, scope: str, after: datetime) -> tuple[RunRow, ...]:
        """See the port."""
        with translated(self._path):
            return self._runs.complete(source, scope, after)

    def newest_runs(self) -> Mapping[tuple[Source, str], datetime]:
        """See the port."""
        with translated(self._path):
            return self._runs.newest()

    def hearings(self, source: Source, scope: str, after: datetime) -> Hearings:
        """See the port."""
        with translated(self._path):
            return self._records.hearings(source, scope, after)

    def add_decision(self, decision: Decision) -> None:
        """See the port."""
        with translated(self._path):
            self._runs.decide(decision)
            self._decided = None

    def decisions(self) -> tuple[tuple[int, Decision], ...]:
        """See the port."""
        with translated(self._path):
            # Changes when another connection has written: there it may have been a decision.
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if self._decided is None or self._decided[0] != version:
                self._decided = version, self._runs.decisions()
            return self._decided[1]

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

    def intern(self, programs: Sequence[Programs | ProgramColumns]) -> bytes:
        """See the port."""
        with translated(self._path):
            return self._programs.releases.intern(programs)

    def revise(self, before: bytes, changes: Sequence[ProgramChange]) -> tuple[bytes, bytes] | None:
        """See the port."""
        with translated(self._path):
            return self._programs.releases.revise(before, changes)

    def came_and_went(self, before: bytes, after: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """See the port."""
        delta = packed.difference_of(before, after)
        return tuple(delta.come.tolist()), tuple(delta.gone.tolist())

    def unpack(self, body: bytes) -> tuple[tuple[Installed, int], ...]:
        """See the port."""
        with translated(self._path):
            return described_days(self._db, *packed.unpack(body))

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
            # Rows that are taken out leave no trace for those who remember what they read.
            self._set_meta("erasures", str(int(self._meta("erasures") or 0) + 1))
        return len(found)

    def _erase(self, record: RecordId) -> None:
        self._sections.erase(record)
        self._identifiers.replace(record, frozenset())
        self._stretches.erase(record)
        self._timelines.erase(record)
        self._records.erase(record)

    def memo(self, name: str) -> str | None:
        """See the port."""
        return self._meta(f"memo/{name}")

    def set_memo(self, name: str, text: str | None) -> None:
        """See the port."""
        self._set_meta(f"memo/{name}", text)

    def applied(self) -> int:
        """See the port."""
        return int(self._meta("applied") or 0)

    def set_applied(self, sequence: int) -> None:
        """See the port."""
        self._set_meta("applied", str(sequence))

    def _meta(self, key: str) -> str | None:
        with translated(self._path):
            row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _set_meta(self, key: str, value: str | None) -> None:
        with translated(self._path):
            if value is None:
                self._db.execute("DELETE FROM meta WHERE key=?", (key,))
            else:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def settle(self) -> None:
        """Called before a transaction is committed."""
        with translated(self._path):
            self._records.flush()
            self._sections.settle()
            self._programs.settle()

    def forget(self) -> None:
        """Drops what was remembered of a transaction that was rolled back."""
        self._records.forget()
        self._sections.forget()
        self._names.forget()
        self._programs.forget()
        self._identifiers.forget()
        self._timelines.forget()
        self._decided = None
        self._runs.forget()


def _chunks(ids: Sequence[RecordId], size: int = 500) -> Iterator[Sequence[RecordId]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
