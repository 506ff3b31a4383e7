"""Makes the past smaller: of earlier words one a month, and feed and runs from a day on.

A word that goes may be what others are differences from: those that stay are written again as
differences from the next one that stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cmdb.model.observation import SCALARS, SectionKind
from cmdb.store.history import Marks
from cmdb.store.sqlite import codec, packed, programs
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.history import MARKS
from cmdb.store.sqlite.sections import KINDS, unpatched
from cmdb.store.values import RecordId

_PAST = (
    "SELECT version, base, at, confirmed, digest, patch, tx, ended_tx FROM past WHERE section=?"
    " ORDER BY at, version"
)
_OLD = (
    "SELECT section FROM past WHERE section >= ? AND section < ? AND at < ? GROUP BY section"
    " HAVING count(*) > 1"
)
_RUNS = """
SELECT u.id FROM run u WHERE u.at < min(:before, (
  SELECT coalesce(min(n.at), :before) FROM record r JOIN seen n ON n.record = r.id
   WHERE r.source = u.source AND r.scope = u.scope), (
  SELECT coalesce(min(l.last), :before) FROM record r JOIN link l ON l.record = r.id
   WHERE r.source = u.source AND r.scope = u.scope AND l.ended_tx IS NULL AND l.last IS NOT NULL))
 ORDER BY u.id LIMIT :limit
"""
_CHANGES = "SELECT id FROM change WHERE at < :before ORDER BY id LIMIT :limit"
_POLICY = "retention"
_IN_PART = {kind.value for kind in (*SCALARS, SectionKind.HEAD)}
_Row = tuple[int, int, int, int, bytes, bytes, int, int]


class SqliteCompaction:
    """See cmdb.store.history.Compaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path

    def words(
        self, first: RecordId, last: RecordId, before: datetime, *, dry_run: bool = False
    ) -> int:
        """See the port."""
        until = codec.to_micros(before)
        with translated(self._path):
            if not dry_run:
                self._free(first, last)
            sections = self._db.execute(_OLD, (first * KINDS, (last + 1) * KINDS, until)).fetchall()
            return sum(self._section(s, until, dry_run=dry_run) for (s,) in sections)

    def _free(self, first: RecordId, last: RecordId) -> None:
        """Sees to it that of the block that is not written no past is needed."""
        begin = programs.sealed(self._db) << programs.BITS
        sql = "SELECT 1 FROM pend WHERE record BETWEEN ? AND ? AND version > 0 LIMIT 1"
        if self._db.execute(sql, (max(first, begin), last)).fetchone():
            programs.tell_open(self._db)

    def last_record(self) -> RecordId:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT max(id) FROM record").fetchone()
        return RecordId(row[0] or 0)

    def _section(self, section: int, before: int, *, dry_run: bool) -> int:
        rows: list[_Row] = self._db.execute(_PAST, (section,)).fetchall()
        going = _superfluous(rows, before) - self._needed(section, rows)
        if not going or dry_run:
            return len(going)
        self._rest_on_others(section, rows, going)
        self._db.executemany("DELETE FROM past WHERE version=?", [(v,) for v in sorted(going)])
        return len(going)

    def _needed(self, section: int, rows: Sequence[_Row]) -> set[int]:
        """Words that end a stretch, and those that the index of programs has not read yet."""
        record = section // KINDS
        ends = self._db.execute(
            "SELECT DISTINCT until FROM link WHERE record=? AND until IS NOT NULL", (record,)
        ).fetchall()
        needed: set[int] = set()
        if ends and section % KINDS in _IN_PART:
            # The last word of a stretch is gathered from all that was told in part before.
            return {row[0] for row in rows}
        for (until,) in ends:
            said = [row for row in rows if row[2] < until]
            if said:
                needed.add(max(said, key=lambda row: (row[2], row[4]))[0])
        if section % KINDS == SectionKind.PROGRAMS.value:
            waiting = {
                version
                for (version,) in self._db.execute(
                    "SELECT version FROM pend WHERE record=?", (record,)
                )
                if record < programs.sealed(self._db) << programs.BITS
            }
            needed |= waiting
            needed |= {row[1] for row in rows if row[0] in waiting}
        return needed

    def _rest_on_others(self, section: int, rows: Sequence[_Row], going: set[int]) -> None:
        moved = [row for row in rows if row[0] not in going and row[1] in going]
        if not moved:
            return
        bases = {row[0]: row[1] for row in rows}
        bodies = self._bodies(section, rows)
        for version, base, *_ in moved:
            while base in going:
                base = bases[base]  # noqa: PLW2901 - walks up to one that stays
            patch = None
            if section % KINDS == SectionKind.PROGRAMS.value:
                patch = packed.make_patch(bodies[version], bodies[base])
            if patch is None:
                patch = codec.compress(bodies[version], bodies[base])
            self._db.execute(
                "UPDATE past SET base=?, patch=? WHERE version=?", (base, patch, version)
            )

    def _bodies(self, section: int, rows: Sequence[_Row]) -> dict[int, bytes]:
        known = [(0, b"")]
        row = self._db.execute(
            "SELECT version, body FROM section WHERE id=?", (section,)
        ).fetchone()
        if row is not None:
            known.append((row[0], opened(self._db, row[1])))
        return unpatched(known, {row[0]: (row[1], row[5]) for row in rows})

    def changes(self, before: datetime, limit: int | None, *, dry_run: bool = False) -> int:
        """See the port."""
        values = {"before": codec.to_micros(before), "limit": -1 if limit is None else limit}
        return self._out("change", _CHANGES, values, dry_run=dry_run)

    def runs(self, before: datetime, limit: int | None, *, dry_run: bool = False) -> int:
        """See the port."""
        values = {"before": codec.to_micros(before), "limit": -1 if limit is None else limit}
        return self._out("run", _RUNS, values, dry_run=dry_run)

    def _out(self, table: str, which: str, values: dict[str, int], *, dry_run: bool) -> int:
        with translated(self._path):
            if dry_run:
                found = self._db.execute(f"SELECT count(*) FROM ({which})", values).fetchone()
                return int(found[0])
            return self._db.execute(f"DELETE FROM {table} WHERE id IN ({which})", values).rowcount

    def mark(self, marks: Marks) -> None:
        """See the port."""
        for name, key in MARKS.items():
            at: datetime | None = getattr(marks, name)
            if at is not None:
                self._set(key, str(codec.to_micros(at)))

    def policy(self) -> str | None:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT value FROM meta WHERE key=?", (_POLICY,)).fetchone()
        return None if row is None else str(row[0])

    def set_policy(self, text: str) -> None:
        """See the port."""
        self._set(_POLICY, text)

    def _set(self, key: str, value: str) -> None:
        with translated(self._path):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _superfluous(rows: Sequence[_Row], before: int) -> set[int]:
    """Words of before a time that are neither the last of their month nor the last of all."""
    old = sorted((row for row in rows if max(row[2], row[3]) < before), key=_weight)
    # The one that held at that time stays, whatever its month.
    kept = {row[0] for row in old[-1:]}
    months: dict[tuple[int, int], int] = {}
    for row in old:
        said = codec.from_micros(row[2])
        months[said.year, said.month] = row[0]
    return {row[0] for row in old} - kept - set(months.values())


def _weight(row: _Row) -> tuple[int, bool, int, bytes]:
    """Of several words the one that counts comes last; as when they are read."""
    _, _, at, confirmed, digest, _, tx, ended_tx = row
    believed = tx != ended_tx
    return max(at, confirmed), believed, tx * believed, digest
