"""Which record has which release installed: tiles, and what they do not know yet.

Records are indexed in blocks. A block is written once the next one begins, and again when much of
it changed. What a record of a block that is not written said first, and what changed since a block
was written, waits in the table `pend`: it names the word that became past, whose patch tells what
came and went, or none, and then the record's section tells all.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator

from cmdb.model.observation import SectionKind
from cmdb.store.port import Installed, RecordId
from cmdb.store.sqlite import packed, tiles
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.packed import Days, Ids
from cmdb.store.sqlite.releases import Releases
from cmdb.store.sqlite.tiles import BLOCK_BITS, Kind

BITS = BLOCK_BITS[Kind.PROGRAMS]
_CHUNK = 500
_SEAL_AFTER = 4 << BITS
"""Changes that wait for one block before it is written again."""
FIRST, AGAIN = 0, -1
"""Numbers in `pend` that name no past: all that the section says is new, or may be other."""
_REREAD_AFTER = 8 << BITS
"""Changes that wait for the block that is not written before they are told as first words."""
_SEALED = "programs_sealed"
_EPOCH = "programs_epoch"
_SECTION = SectionKind.PROGRAMS.value


class ProgramIndex:
    """The writing side."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._waiting: Counter[int] | None = None
        self._newest = 0
        self._untold: set[int] = set()
        self.releases = Releases(connection)

    def changed(self, record: RecordId, past: int, *, told: bool) -> None:
        """A record's programs changed.

        Args:
            record: The record.
            past: The word that became past, 0 for none.
            told: Whether its patch tells what came and went.
        """
        self._newest = max(self._newest, record)
        block = record >> BITS
        if block < sealed(self._db) and not (told and past):
            self._untold.add(block)
            return
        word = past if told or not past else AGAIN
        self._db.execute("INSERT INTO pend VALUES (NULL, ?, ?)", (record, word))
        self._counts()[block] += 1

    def settle(self) -> None:
        """Writes at most one block, and those that nothing tells the changes of."""
        for block in sorted(self._untold):
            self.seal(block)
        self._untold.clear()
        upto = sealed(self._db)
        if self._newest >> BITS > upto:
            self.seal(upto)
            return
        if not self._waiting:
            return
        if self._waiting[upto] > _REREAD_AFTER:
            self._tell_open()
        block, count = max(self._waiting.items(), key=lambda item: (item[0] < upto, item[1]))
        if block < upto and count > _SEAL_AFTER:
            self.seal(block)

    def seal(self, block: int) -> None:
        """Writes a block from the sections of its records."""
        first, last = block << BITS, (block + 1 << BITS) - 1
        tiles.write_block(self._db, Kind.PROGRAMS, block, sections(self._db, first, last))
        self._db.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            (_SEALED, str(max(sealed(self._db), block + 1))),
        )
        _nothing_waits(self._db, block)
        self._counts().pop(block, None)

    def _tell_open(self) -> None:
        # First words are no changes.
        self._counts()[tell_open(self._db)] = 0

    def _counts(self) -> Counter[int]:
        if self._waiting is None:
            self._waiting = Counter(
                dict(self._db.execute(f"SELECT record >> {BITS}, count(*) FROM pend GROUP BY 1"))
            )
        return self._waiting

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have changed."""
        self.releases.forget()
        self._waiting = None
        self._untold.clear()


def sealed(db: sqlite3.Connection) -> int:
    """Blocks that are written."""
    return _meta(db, _SEALED)


def epoch(db: sqlite3.Connection) -> int:
    """Grows whenever a block is written, or the open one told anew."""
    return _meta(db, _EPOCH)


def epochs(db: sqlite3.Connection) -> dict[int, int]:
    """Of each block the epoch in which that was done last."""
    rows = db.execute(f"SELECT key, value FROM meta WHERE key > '{_EPOCH}/' AND key < '{_EPOCH}0'")
    return {int(key.partition("/")[2]): int(value) for key, value in rows}


def _meta(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
    return int(row[0]) if row else 0


def tell_open(db: sqlite3.Connection) -> int:
    """Lets readers read the block that is not written anew; its number.

    No past word is needed for it then.
    """
    block = sealed(db)
    _nothing_waits(db, block)
    db.execute(
        f"INSERT INTO pend SELECT NULL, r.id, {FIRST} FROM record r"
        f" CROSS JOIN section s ON s.id = r.id * 16 + {_SECTION} WHERE r.id >= ? ORDER BY r.id",
        (block << BITS,),
    )
    return block


def _nothing_waits(db: sqlite3.Connection, block: int) -> None:
    first, last = block << BITS, (block + 1 << BITS) - 1
    db.execute("DELETE FROM pend WHERE record BETWEEN ? AND ?", (first, last))
    now = str(epoch(db) + 1)
    for key in (_EPOCH, f"{_EPOCH}/{block}"):
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, now))


def sections(db: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[int, Ids]]:
    """Record and release ids of the programs sections of a range of records."""
    rows = db.execute(
        f"SELECT r.id, s.body FROM record r CROSS JOIN section s"
        f" ON s.id = r.id * 16 + {_SECTION} WHERE r.id BETWEEN ? AND ?",
        (first, last),
    )
    for record, body in rows:
        yield record, packed.unpack(opened(db, body))[0]


def describe(connection: sqlite3.Connection, releases: Iterable[int]) -> tuple[Installed, ...]:
    """These releases in words, by name."""
    return tuple(sorted(described(connection, releases).values(), key=_by_name))


def described_days(
    connection: sqlite3.Connection, ids: Ids, days: Days | None
) -> tuple[tuple[Installed, int], ...]:
    """Releases with their days, by name."""
    found = described(connection, ids.tolist())
    dated = zip(ids.tolist(), days.tolist() if days is not None else [0] * len(ids), strict=True)
    rows = [(found[release], day) for release, day in dated if release in found]
    return tuple(sorted(rows, key=lambda row: _by_name(row[0])))


def described(connection: sqlite3.Connection, releases: Iterable[int]) -> dict[int, Installed]:
    """Releases in words, by number."""
    wanted = sorted(releases)
    found: dict[int, Installed] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        sql = (
            "SELECT r.id, t.name, r.version, r.architecture, t.publisher, t.system"
            " FROM release r JOIN title t ON t.id = r.title"
            f" WHERE r.id IN ({','.join('?' * len(chunk))})"
        )
        found |= {row[0]: Installed(*row[1:]) for row in connection.execute(sql, chunk)}
    return found


def _by_name(row: Installed) -> tuple[str, str, str]:
    return row.name.casefold(), row.name, row.version
