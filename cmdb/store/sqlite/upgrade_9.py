"""The step to schema 9 of record.db: the past of each section as a chain."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from cmdb.model.observation import SectionKind
from cmdb.store.sqlite import chain, programs
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.chain import CURRENT, NOTHING, Earlier
from cmdb.store.sqlite.sections import KINDS

_PAST = (
    "SELECT section, version, base, at, confirmed, tx, ended_tx, digest, patch FROM past"
    " ORDER BY section, version DESC"
)
_ADD = (
    "INSERT INTO past_9 (older, aside, at, confirmed, tx, ended, digest, patch)"
    " VALUES (?1, ?2, ?3 - coalesce((SELECT at FROM tx WHERE id=?5), 0), ?4, ?5, ?6, ?7, ?8)"
)
_Row = tuple[int, int, int, int, int, int, bytes, bytes]


def upgrade(db: sqlite3.Connection) -> None:
    """Moves the words over; the columns are renamed already."""
    waiting = dict(db.execute("SELECT id, past FROM pend WHERE past > 0"))
    wanted = set(waiting.values())
    moved: dict[int, int] = {}
    newest = []
    for section, rows in groupby(db.execute(_PAST), key=lambda row: row[0]):
        ids = _Section(db, section).move([row[1:] for row in rows])
        newest.append((max(ids.values()), section))
        moved.update((version, ids[version]) for version in wanted & ids.keys())
    db.execute("UPDATE section SET past=0")
    db.executemany("UPDATE section SET past=? WHERE id=?", newest)
    # Without its patch all that the section says may be other.
    named = [(moved.get(version, programs.AGAIN), number) for number, version in waiting.items()]
    db.executemany("UPDATE pend SET past=? WHERE id=?", named)
    db.execute("DROP TABLE past")
    db.execute("ALTER TABLE past_9 RENAME TO past")
    db.execute("CREATE INDEX past_aside ON past (aside) WHERE aside IS NOT NULL")
    db.execute("DELETE FROM meta WHERE key='version'")


class _Section:
    """A section on its way; the versions of before are the numbers of its words."""

    def __init__(self, db: sqlite3.Connection, section: int) -> None:
        self._db = db
        self._section = section
        row = db.execute("SELECT past, at, tx, body FROM section WHERE id=?", (section,)).fetchone()
        self._version: int = row[0] if row else CURRENT
        self._at: int = row[1] if row else 0
        self._tx: int = row[2] if row else 0
        self._body: bytes | None = row[3] if row else None

    def move(self, rows: Sequence[_Row]) -> dict[int, int]:
        """Writes its words, the newest last; their new numbers."""
        words = self._ordered([self._word(row) for row in rows])
        said: dict[int, bytes] = {}
        found = {CURRENT: 0}
        placed = zip(words, chain.places(self._section, self._at, self._tx, words), strict=True)
        for word, (base, place) in reversed(list(placed)):
            patch = word.patch
            if base != word.rests_on:
                said = said or self._bodies(words)
                listed = self._section % KINDS == SectionKind.PROGRAMS.value
                patch, _ = chain.difference(said[word.id], said[base], programs=listed)
            times = word.at, word.confirmed - word.at, word.tx
            values = (found[place.older], place.aside, *times, place.ended, word.digest, patch)
            found[word.id] = int(self._db.execute(_ADD, values).lastrowid or 0)
        del found[CURRENT]
        return found

    def _word(self, row: _Row) -> Earlier:
        version, base, at, confirmed, tx, ended_tx, digest, patch = row
        rests_on = NOTHING if base == 0 else CURRENT if base == self._version else base
        return Earlier(version, rests_on, at, confirmed, tx, ended_tx, digest, patch)

    def _ordered(self, words: Sequence[Earlier]) -> list[Earlier]:
        """As they went: each before those that rest on it. What came late is told to be so."""
        resting = {word.rests_on for word in words}
        late = defaultdict(list)
        replaced = []
        for word in words:
            if word.tx == word.ended_tx and word.id not in resting:
                late[word.rests_on].append(word._replace(aside=True))
            else:
                replaced.append(word)
        found = late.pop(CURRENT, [])
        for word in replaced:
            found += [word, *late.pop(word.id, [])]
        return found + [word for rest in late.values() for word in rest]

    def _bodies(self, words: Sequence[Earlier]) -> dict[int, bytes]:
        """What they say: of a tree, in which bases come first."""
        current = b"" if self._body is None else opened(self._db, self._body)
        found = {CURRENT: current, NOTHING: b""}
        resting = defaultdict(list)
        for word in words:
            resting[word.rests_on].append(word)
        known = [CURRENT, NOTHING]
        while known:
            base = known.pop()
            for word in resting[base]:
                found[word.id] = chain.walk(found[base], [word.patch])
                known.append(word.id)
        return found
