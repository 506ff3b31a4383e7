"""Makes the past smaller: of earlier words one a month, and feed and runs from a day on.

A word that goes may be what others rest on: those that stay are written again as differences from
the next one that stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cmdb.model.observation import SCALARS, SectionKind
from cmdb.store.history import Marks
from cmdb.store.sqlite import chain, codec, programs
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.chain import Chain, Earlier
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.history import MARKS
from cmdb.store.sqlite.sections import KINDS
from cmdb.store.values import RecordId

_SECTIONS = "SELECT id, past, at, tx, body FROM section WHERE id >= ? AND id < ? AND past > 0"
_RUNS = """
SELECT u.id FROM run u WHERE u.at < min(:before, (
  SELECT coalesce(min(n.at), :before) FROM record r JOIN seen n ON n.record = r.id
   WHERE r.source = u.source AND r.scope = u.scope), (
  SELECT coalesce(min(l.last), :before) FROM record r JOIN link l ON l.record = r.id
   WHERE r.source = u.source AND r.scope = u.scope AND l.ended_tx IS NULL AND l.last IS NOT NULL))
 ORDER BY u.id LIMIT :limit
"""
_CHANGES = (
    "SELECT c.id FROM change c CROSS JOIN tx t ON t.id = c.tx WHERE t.at < :before"
    " ORDER BY c.id LIMIT :limit"
)
_POLICY = "retention"
_IN_PART = {kind.value for kind in (*SCALARS, SectionKind.HEAD)}


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
            return sum(
                self._section(section, until, dry_run=dry_run)
                for section in self._sections(first * KINDS, (last + 1) * KINDS)
            )

    def _sections(self, begin: int, end: int) -> list[_Section]:
        """Those of a range that have a past."""
        rows = self._db.execute(_SECTIONS, (begin, end)).fetchall()
        found = {row[0]: _Section(*row) for row in rows}
        for id_, newest in chain.newest_aside(self._db, begin, end - 1).items():
            # Only late words tell of it, where it is not among the others.
            found.setdefault(id_, _Section(id_, newest))
        return [found[id_] for id_ in sorted(found)]

    def _free(self, first: RecordId, last: RecordId) -> None:
        """Sees to it that of the block that is not written no past is needed."""
        begin = programs.sealed(self._db) << programs.BITS
        sql = "SELECT 1 FROM pend WHERE record BETWEEN ? AND ? AND past > 0 LIMIT 1"
        if self._db.execute(sql, (max(first, begin), last)).fetchone():
            programs.tell_open(self._db)

    def last_record(self) -> RecordId:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT max(id) FROM record").fetchone()
        return RecordId(row[0] or 0)

    def _section(self, section: _Section, before: int, *, dry_run: bool) -> int:
        words = chain.read(self._db, section.past, section.tx)
        said = _Said(self._db, section, words)
        going = _superfluous(words, before, said.digest)
        if going:
            going -= self._needed(section.id, said)
        if going and not dry_run:
            self._take_out(section, said, going)
        return len(going)

    def _needed(self, section: int, said: _Said) -> set[int]:
        """Words that end a stretch, and those that the index of programs has not read yet."""
        record, words = section // KINDS, said.words
        ends = self._db.execute(
            "SELECT DISTINCT until FROM link WHERE record=? AND until IS NOT NULL", (record,)
        ).fetchall()
        needed: set[int] = set()
        if ends and section % KINDS in _IN_PART:
            # The last word of a stretch is gathered from all that was told in part before.
            return {word.id for word in words}
        for (until,) in ends:
            before = [word for word in words if word.at < until]
            if before:
                last = chain.by_weight(before, lambda word: (word.at,), said.digest)[-1]
                needed.add(last.id)
        if section % KINDS == SectionKind.PROGRAMS.value:
            needed |= self._waiting(record, words)
        return needed

    def _waiting(self, record: int, words: Sequence[Earlier]) -> set[int]:
        if record >= programs.sealed(self._db) << programs.BITS:
            return set()
        rows = self._db.execute("SELECT past FROM pend WHERE record=?", (record,)).fetchall()
        waiting = {past for (past,) in rows}
        return waiting | {word.rests_on for word in words if word.id in waiting}

    def _take_out(self, section: _Section, said: _Said, going: set[int]) -> None:
        """Leaves those that stay as a chain."""
        staying = [word for word in said.words if word.id not in going]
        chain.relink(self._db, (section.id, section.at, section.tx), staying, said.difference)
        newest = staying[0].id if staying else 0
        self._db.execute("UPDATE section SET past=? WHERE id=?", (newest, section.id))
        self._db.executemany("DELETE FROM past WHERE id=?", [(id_,) for id_ in sorted(going)])

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


@dataclass(frozen=True, slots=True)
class _Section:
    """A section that has a past."""

    id: int
    past: int
    at: int = 0
    tx: int = 0
    body: bytes | None = None
    """As it is kept; None where nothing is said now."""


class _Said:
    """What the earlier words of a section say; they are opened when that is asked first."""

    def __init__(self, db: sqlite3.Connection, section: _Section, words: Chain) -> None:
        self._db = db
        self._section = section
        self.words = words

    @cached_property
    def _bodies(self) -> dict[int, bytes]:
        body = self._section.body
        return self.words.bodies(b"" if body is None else opened(self._db, body))

    def digest(self, word: Earlier) -> bytes:
        """Of one of them."""
        return word.digest if word.digest is not None else codec.digest(self._bodies[word.id])

    def difference(self, word: int, base: int) -> bytes:
        """What leads from one to another."""
        listed = self._section.id % KINDS == SectionKind.PROGRAMS.value
        return chain.difference(self._bodies[word], self._bodies[base], programs=listed)[0]


def _superfluous(
    words: Sequence[Earlier], before: int, digest: Callable[[Earlier], bytes]
) -> set[int]:
    """Words of before a time that are neither the last of their month nor the last of all.

    The last that was believed of each month stays, too: where one transaction told of many times,
    that is all that is known of what was believed after it.
    """
    told = [word for word in words if max(word.at, word.confirmed) < before]
    old = chain.by_weight(told, _weight, digest)
    # The one that held at that time stays, whatever its month.
    kept = {word.id for word in old[-1:]}
    months: dict[tuple[int, int, bool], int] = {}
    for word in old:
        said = codec.from_micros(word.at)
        months[said.year, said.month, False] = word.id
        if word.tx != word.ended_tx:
            months[said.year, said.month, True] = word.id
    return {word.id for word in old} - kept - set(months.values())


def _weight(word: Earlier) -> tuple[int, ...]:
    """Of several words the one that counts comes last; as when they are read."""
    believed = word.tx != word.ended_tx
    return max(word.at, word.confirmed), believed, word.tx * believed
