"""What is installed on an asset, as those who speak for it said in the stretches about it.

Nearly every record is about one asset for all its time, and then its section tells. A stretch that
has ended tells with its last word, one that began in the midst of its record's time with
what was said since: a machine that went on under another native key keeps its programs, and the
one that came under the old key has not those of the one before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np

from cmdb.model.observation import SectionKind
from cmdb.store.speaking import speaking
from cmdb.store.sqlite import codec, packed
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.records import Records
from cmdb.store.sqlite.stretches import LINK, link_row
from cmdb.store.sqlite.transaction import Transaction
from cmdb.store.sqlite.words import FOREVER, Limits, Words
from cmdb.store.values import LinkRow, RecordId, RecordRow

_PARTED = (
    "SELECT DISTINCT l.asset FROM link l JOIN record r ON r.id = l.record"
    " WHERE l.tx <= :tx AND (l.ended_tx IS NULL OR l.ended_tx > :tx) AND l.since <= :limit"
    " AND (l.until <= :limit OR l.since > r.first_at)"
    " AND (EXISTS (SELECT 1 FROM section WHERE id = l.record * 16 + :kind)"
    " OR EXISTS (SELECT 1 FROM past WHERE aside = l.record * 16 + :kind))"
)
NOW = Limits(as_of=None, limit=FOREVER, tx=FOREVER)
_PROGRAMS = SectionKind.PROGRAMS.value
_CURRENT = (
    "SELECT s.body, l.until, l.since > r.first_at FROM link l JOIN record r ON r.id = l.record"
    " LEFT JOIN section s ON s.id = l.record * 16 + ? WHERE l.asset=? AND l.ended_tx IS NULL"
)


class Spoken:
    """Reads programs of stretches; of one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._records = Records(connection, Names(connection), Transaction())

    def parted(self, limits: Limits) -> list[int]:
        """Assets of which, at a moment, a record told in a part of its time."""
        limit = FOREVER if limits.as_of is None else limits.as_of
        values = {"tx": limits.tx, "limit": limit, "kind": _PROGRAMS}
        return [row[0] for row in self._db.execute(_PARTED, values)]

    def on(self, asset: int) -> Ids:
        """Releases that are installed on an asset now, ascending."""
        rows = self._db.execute(_CURRENT, (_PROGRAMS, asset)).fetchall()
        if any(until is not None or begun for _, until, begun in rows):
            return self.of(self.linked(asset), NOW)
        return united([packed.unpack(opened(self._db, body))[0] for body, *_ in rows if body])

    def of(self, links: Sequence[LinkRow], limits: Limits) -> Ids:
        """What those who speak of these, all links about one asset, said by a moment."""
        rows = self.rows(links)
        known = [link for link in links if link.record in rows]
        return united([self.said(link, rows, limits) for link in speaking(known, rows)])

    def ended(self, links: Sequence[LinkRow], limits: Limits) -> Ids:
        """The part of it that was said in stretches that have ended."""
        rows = self.rows(links)
        known = [link for link in links if link.record in rows]
        found = [link for link in speaking(known, rows) if link.until is not None]
        return united([self.said(link, rows, limits) for link in found])

    def told_at(self, record: int) -> int | None:
        """When a record's programs as they are were said last, in microseconds since 1970."""
        row = self._db.execute(
            "SELECT at FROM section WHERE id=?", (record * 16 + _PROGRAMS,)
        ).fetchone()
        if row is None:
            return None
        return max(int(row[0]), self._records.seen(record).confirmed.get(_PROGRAMS, 0))

    def said(self, link: LinkRow, rows: Mapping[RecordId, RecordRow], limits: Limits) -> Ids:
        """What a record said of its programs in a stretch."""
        words = Words(self._db, link.record)
        words.load(self._records.seen(link.record).confirmed)
        since = codec.to_micros(link.since)
        if link.until is None:
            word = words.chosen(_PROGRAMS, limits)
            said = None if word is None else word.heard(limits.limit)
            always = link.since <= rows[link.record].first_at
        else:
            word, said = words.last_before(_PROGRAMS, codec.to_micros(link.until), limits)
            always = False
        if word is None or said is None or (said < since and not always):
            return packed.NONE
        return np.array(words.releases(word), np.uint32)

    def rows(self, links: Sequence[LinkRow]) -> dict[RecordId, RecordRow]:
        """The records of some links."""
        ids = sorted({link.record for link in links})
        return {row.id: row for row in self._records.some(ids)}

    def linked(self, asset: int) -> list[LinkRow]:
        """All that are believed to be about an asset."""
        sql = LINK + "WHERE asset=? AND ended_tx IS NULL ORDER BY id"
        return [link_row(row) for row in self._db.execute(sql, (asset,)).fetchall()]


def united(told: Sequence[Ids]) -> Ids:
    """All of these, ascending, each once."""
    return told[0] if len(told) == 1 else np.unique(np.concatenate([packed.NONE, *told]))
