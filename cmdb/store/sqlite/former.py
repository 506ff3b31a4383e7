"""What the index of programs cannot know: programs of stretches that ended, or began late.

The index hangs on records and tells what each says now. Here are, in memory, the few assets for
which a stretch speaks that has ended, with its programs, and which records are about something
new and may tell of it in part only. Each look-up first reads what was linked, ended or said
late since the last; where nothing of the kind is, that is all it costs. For connections that read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import numpy as np

from cmdb.model.observation import SectionKind
from cmdb.store.sqlite.holders import Joined, joined
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.spoken import NOW, Spoken
from cmdb.store.sqlite.tiles import EMPTY, Pairs

_PROGRAMS = SectionKind.PROGRAMS.value
_TOLD = (
    " AND (EXISTS (SELECT 1 FROM section WHERE id = l.record * 16 + :kind)"
    " OR EXISTS (SELECT 1 FROM past WHERE aside = l.record * 16 + :kind))"
)
_PARTED = (
    "SELECT DISTINCT l.asset FROM link l WHERE l.ended_tx IS NULL AND l.until IS NOT NULL" + _TOLD
)
_BEGUN = (
    "SELECT l.record FROM link l JOIN record r ON r.id = l.record"
    " WHERE l.ended_tx IS NULL AND l.until IS NULL AND l.since > r.first_at"
)
_MOVED = (
    "SELECT l.record, l.asset, l.until IS NOT NULL, l.since > r.first_at FROM link l"
    " JOIN record r ON r.id = l.record WHERE l.id > :link UNION"
    " SELECT l.record, l.asset, l.until IS NOT NULL, l.since > r.first_at FROM link l"
    " JOIN record r ON r.id = l.record WHERE l.ended_tx IS NOT NULL AND l.ended_tx >= :ended"
)
_LATE = "SELECT DISTINCT aside >> 4 FROM past WHERE id > ? AND aside & 15 = ?"
_SOME = 500


class Former:
    """The assets and records that need a closer look."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._spoken = Spoken(connection)
        self._link = -1
        self._ended = 0
        self._word = 0
        self._erasures: str | None = None
        self._programs: dict[int, Ids] = {}
        """Of each asset that a stretch which has ended may speak for: what it adds."""
        self._pairs: Joined | None = None
        self._begun = np.zeros(0, np.bool_)
        """Of each record whether its stretch now began later than it, and it is not known to
        have told of programs since."""

    def added(self, releases: Ids) -> Pairs:
        """Assets, and which of these releases are on them by the word of an ended stretch."""
        self._refresh()
        if not self._programs:
            return EMPTY
        if self._pairs is None:
            told = [joined(ids, np.uint32(asset)) for asset, ids in self._programs.items()]
            self._pairs = np.sort(np.concatenate(told))
        starts = np.searchsorted(self._pairs, releases.astype(np.uint64) << np.uint64(32))
        ends = np.searchsorted(self._pairs, releases.astype(np.uint64) + 1 << np.uint64(32))
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        found = np.concatenate([np.empty(0, np.uint64), *(self._pairs[a:b] for a, b in spans)])
        return found.astype(np.uint32), (found >> np.uint64(32)).astype(np.uint32)

    def silent(self, records: Ids) -> Ids:
        """Of these records those that said nothing of programs since they are about what they are.

        Call `added` first.
        """
        inside = records[records < len(self._begun)]
        doubtful = np.unique(inside[self._begun[inside]])
        return np.array([each for each in doubtful.tolist() if self._is_silent(each)], np.uint32)

    def _is_silent(self, record: int) -> bool:
        links = self._db.execute(
            "SELECT asset, since FROM link WHERE record=? AND ended_tx IS NULL AND until IS NULL",
            (record,),
        ).fetchall()
        told = self._spoken.told_at(record)
        if all(told is not None and told >= since for _, since in links):
            self._begun[record] = False
            return False
        return True

    def _refresh(self) -> None:
        link, ended, word, erasures = self._db.execute(
            "SELECT (SELECT max(id) FROM link),"
            " (SELECT max(ended_tx) FROM link WHERE ended_tx IS NOT NULL),"
            " (SELECT max(id) FROM past), (SELECT value FROM meta WHERE key='erasures')"
        ).fetchone()
        if erasures != self._erasures:
            self._forget()
            self._erasures = erasures
        if self._link < 0:
            self._note(row[0] for row in self._db.execute(_BEGUN))
            wanted = {row[0] for row in self._db.execute(_PARTED, {"kind": _PROGRAMS})}
        else:
            wanted = {*self._moved(), *self._late()}
        for asset in wanted:
            self._read(asset)
        self._link, self._ended, self._word = link or 0, ended or 0, word or 0

    def _forget(self) -> None:
        """A scope was erased: its links are gone without a trace."""
        self._link = -1
        self._programs.clear()
        self._pairs = None
        self._begun = np.zeros(0, np.bool_)

    def _read(self, asset: int) -> None:
        links = self._spoken.linked(asset)
        before = self._programs.pop(asset, None)
        if any(link.until is not None for link in links):
            self._programs[asset] = self._spoken.ended(links, NOW)
        if before is not None or asset in self._programs:
            self._pairs = None

    def _moved(self) -> Iterator[int]:
        """Assets that may have other stretches; those of the last transaction again."""
        parted, begun = set(), []
        marks = {"link": self._link, "ended": self._ended}
        for record, asset, is_over, is_late in self._db.execute(_MOVED, marks).fetchall():
            if is_over:
                parted.add(asset)
            elif is_late:
                begun.append(record)
            if asset in self._programs:
                yield asset
        self._note(begun)
        yield from self._with_programs(parted)

    def _note(self, begun: Iterable[int]) -> None:
        records = np.fromiter(begun, np.int64)
        if len(records):
            more = max(0, int(records.max()) + 1 - len(self._begun))
            self._begun = np.append(self._begun, np.zeros(more, np.bool_))
            self._begun[records] = True

    def _with_programs(self, assets: Iterable[int]) -> Iterator[int]:
        """Those with an ended stretch of a record that ever told of programs."""
        ordered = sorted(assets)
        for start in range(0, len(ordered), _SOME):
            marks = ",".join(map(str, ordered[start : start + _SOME]))
            sql = f"{_PARTED} AND l.asset IN ({marks})"
            yield from (row[0] for row in self._db.execute(sql, {"kind": _PROGRAMS}))

    def _late(self) -> Iterator[int]:
        """Assets of ended stretches of records that said something late of programs."""
        rows = self._db.execute(_LATE, (self._word, _PROGRAMS)).fetchall()
        for (record,) in rows:
            sql = "SELECT asset FROM link WHERE record=? AND ended_tx IS NULL AND until IS NOT NULL"
            yield from (row[0] for row in self._db.execute(sql, (record,)))
