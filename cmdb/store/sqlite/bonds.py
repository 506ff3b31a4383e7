"""Relations inside a machine and from it to sockets: one packed row for each asset.

A machine's services run on it and its programs use dozens of sockets: as rows of a table, with
their indexes, they would be most of the store. Their inverse, who uses a socket, is an index of
tiles like that of programs; owners whose sockets changed since their block was written, and those
that no block has yet, are read from their rows.
"""

from __future__ import annotations

import sqlite3
import struct
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, cast

import numpy as np

from cmdb.model.observation import Json
from cmdb.store.sqlite import codec, tiles
from cmdb.store.sqlite.bodies import Bodies, Shape, opened
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.tiles import BLOCK_BITS, Kind

BITS = BLOCK_BITS[Kind.SOCKETS]
_RESEAL_AFTER = 1_024
"""Owners whose sockets changed before their block is written again."""
_HEAD = struct.Struct("<II")
_EMPTY: tuple[tuple[()], ...] = ((), (), (), (), ())
_BY_TARGET = itemgetter(2, 0, 1)


class Bond(NamedTuple):
    """One relation of an asset."""

    source: int
    type: str
    target: int
    at: int
    """Microseconds since 1970."""
    detail: str | None
    """JSON; of those that connections tell of."""


def pack(bonds: Iterable[Bond], sockets: set[int]) -> bytes:
    """The bytes of an asset's relations; those that end at sockets come first."""
    outside: list[Bond] = []
    inside: list[Bond] = []
    for bond in bonds:
        (outside if bond.target in sockets else inside).append(bond)
    # By target: what is near in number packs well.
    outside.sort(key=_BY_TARGET)
    inside.sort(key=_BY_TARGET)
    ordered = outside + inside
    sources, types, targets, ats, details = zip(*ordered, strict=True) if ordered else _EMPTY
    said = list(zip(types, details, strict=True))
    words = {word: place for place, word in enumerate(dict.fromkeys(said))}
    instants = {at: place for place, at in enumerate(dict.fromkeys(ats))}
    columns = (
        array("I", sources),
        array("I", targets),
        array("H", [words[word] for word in said]),
        array("H", [instants[at] for at in ats]),
    )
    names: Json = [list(word) for word in words]
    text = codec.canonical_words([names, list(instants)])
    head = _HEAD.pack(len(ordered), len(outside))
    return head + b"".join(column.tobytes() for column in columns) + text


def with_inner(body: bytes, type_: str, sources: Iterable[int], target: int, at: int) -> bytes:
    """The same relations, but of one type without a detail these and no others."""
    count, outside = _HEAD.unpack_from(body)
    columns, text = _columns(body, count)
    words, times = _read_words(text)
    said = [tuple(word) for word in words]
    if (type_, None) not in said:
        said.append((type_, None))
    word = said.index((type_, None))
    rows = list(zip(*columns, strict=True))
    kept = [row for row in rows[outside:] if row[2] != word]
    times.append(at)
    kept += [(source, target, word, len(times) - 1) for source in sources]
    kept.sort(key=lambda row: (row[1], row[0], said[row[2]][0]))
    ordered = [*rows[:outside], *kept]
    used = {place: number for number, place in enumerate(sorted({row[3] for row in ordered}))}
    new = (
        array("I", [row[0] for row in ordered]),
        array("I", [row[1] for row in ordered]),
        array("H", [row[2] for row in ordered]),
        array("H", [used[row[3]] for row in ordered]),
    )
    names: Json = [list(each) for each in said]
    text = codec.canonical_words([names, [times[place] for place in used]])
    head = _HEAD.pack(len(ordered), outside)
    return head + b"".join(column.tobytes() for column in new) + text


def _columns(body: bytes, count: int) -> tuple[tuple[array[int], ...], bytes]:
    """Sources, targets, words and instants, and what follows them."""
    columns = array("I"), array("I"), array("H"), array("H")
    start = _HEAD.size
    for column in columns:
        end = start + count * column.itemsize
        column.frombytes(body[start:end])
        start = end
    return columns, body[start:]


def unpack(body: bytes, floor: int) -> Iterator[Bond]:
    """What pack() packed; no connection was seen before `floor` last."""
    count, _ = _HEAD.unpack_from(body)
    return _unpacked(body, floor, range(count))


def unpack_some(body: bytes, floor: int, wanted: Collection[int]) -> Iterator[Bond]:
    """Of those that end at sockets the ones that end at some."""
    count, outside = _HEAD.unpack_from(body)
    targets = array("I", body[_HEAD.size + 4 * count : _HEAD.size + 4 * (count + outside)])
    places = [place for place, target in enumerate(targets) if target in wanted]
    return _unpacked(body, floor, places)


def _unpacked(body: bytes, floor: int, places: Sequence[int]) -> Iterator[Bond]:
    if not places:
        return
    count, _ = _HEAD.unpack_from(body)
    (sources, targets, words, instants), text = _columns(body, count)
    words_, times = _read_words(text)
    for place in places:
        type_, detail = words_[words[place]]
        at = times[instants[place]]
        seen = max(at, floor) if detail is not None else at
        yield Bond(sources[place], type_, targets[place], seen, detail)


def _read_words(text: bytes) -> tuple[list[tuple[str, str | None]], list[int]]:
    return cast("tuple[list[tuple[str, str | None]], list[int]]", codec.parse(text))


def sockets_in(body: bytes) -> Ids:
    """The sockets that a body names, ascending, each once."""
    count, inside = _HEAD.unpack_from(body)
    found = np.frombuffer(body, "<u4", inside, _HEAD.size + 4 * count)
    return found.astype(np.uint32) if inside < 2 else np.unique(found)  # noqa: PLR2004


def _newest(body: bytes) -> int:
    """When the last of its connections was seen."""
    count, inside = _HEAD.unpack_from(body)
    if not inside:
        return 0
    _, times = _read_words(body[_HEAD.size + 12 * count :])
    used = np.frombuffer(body, "<u2", inside, _HEAD.size + 10 * count)
    return int(max(times[place] for place in np.unique(used).tolist()))


_CHUNK = 500


class Bonds:
    """The tables bond and unsealed, written."""

    def __init__(self, connection: sqlite3.Connection, bodies: Bodies) -> None:
        self._db = connection
        self._bodies = bodies
        self._newest = 0

    def of(self, owner: int) -> list[Bond]:
        """An asset's relations."""
        row = self._db.execute("SELECT at, body FROM bond WHERE owner=?", (owner,)).fetchone()
        return list(unpack(opened(self._db, row[1]), row[0])) if row else []

    def some(self, owners: Sequence[int], wanted: Collection[int]) -> list[Bond]:
        """Those of these owners' relations that end at some sockets."""
        found: list[Bond] = []
        for start in range(0, len(owners), _CHUNK):
            marks = ",".join(map(str, owners[start : start + _CHUNK]))
            sql = f"SELECT at, body FROM bond WHERE owner IN ({marks}) ORDER BY owner"
            for at, body in self._db.execute(sql).fetchall():
                found += unpack_some(opened(self._db, body), at, wanted)
        return found

    def sockets(self, owner: int) -> Ids:
        """The sockets that it uses."""
        row = self._db.execute("SELECT body FROM bond WHERE owner=?", (owner,)).fetchone()
        return sockets_in(opened(self._db, row[0])) if row else np.empty(0, np.uint32)

    def put(self, owner: int, bonds: Iterable[Bond], sockets: set[int]) -> tuple[Ids, int]:
        """Makes these an asset's relations; the sockets that it used before, and when last."""
        before = self._db.execute(
            "SELECT revision, at, body FROM bond WHERE owner=?", (owner,)
        ).fetchone()
        told = list(bonds)
        old, newest = np.empty(0, np.uint32), 0
        if before:
            body = opened(self._db, before[2])
            old, newest = sockets_in(body), max(before[1], _newest(body))
        others = set(old.tolist()) != sockets
        # A revision is of the sockets: of who keeps those nothing is read again.
        revision = _changed(self._db) if others else before[0] if before else 0
        if told:
            body = self._bodies.closed(Shape.BONDS, pack(told, sockets))
            self._db.execute(
                "INSERT OR REPLACE INTO bond VALUES (?, ?, 0, ?)", (owner, revision, body)
            )
        elif before:
            self._db.execute("DELETE FROM bond WHERE owner=?", (owner,))
        if others:
            self._newest = max(self._newest, owner)
            if owner >> BITS < self.sealed():
                self._db.execute("INSERT OR IGNORE INTO unsealed VALUES (?)", (owner,))
        return old, newest

    def renew(self, owner: int, parts: Iterable[int], at: int) -> None:
        """Of an asset's relations only which parts run on it differ."""
        row = self._db.execute("SELECT body FROM bond WHERE owner=?", (owner,)).fetchone()
        before = opened(self._db, row[0]) if row else pack((), set())
        body = with_inner(before, "runs_on", parts, owner, at)
        self._db.execute(
            "INSERT INTO bond VALUES (?, 0, 0, ?) ON CONFLICT DO UPDATE SET body=excluded.body",
            (owner, self._bodies.closed(Shape.BONDS, body)),
        )

    def confirm(self, owner: int, at: int) -> Ids:
        """Its connections were seen again; the sockets that it uses."""
        row = self._db.execute(
            "UPDATE bond SET at=max(at, ?) WHERE owner=? RETURNING body", (at, owner)
        ).fetchall()
        return sockets_in(opened(self._db, row[0][0])) if row else np.empty(0, np.uint32)

    def sealed(self) -> int:
        """Blocks that are written."""
        return sealed(self._db)

    def settle(self) -> None:
        """Writes at most one block; called at the end of a transaction."""
        upto = self.sealed()
        if self._newest >> BITS > upto:
            self.seal(upto)
            return
        if self._newest:
            row = self._db.execute(
                f"SELECT owner >> {BITS}, count(*) FROM unsealed GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
            ).fetchone()
            if row and row[1] > _RESEAL_AFTER:
                self.seal(row[0])
        self._newest = 0

    def seal(self, block: int) -> None:
        """Writes a block from the rows of its assets."""
        first, last = block << BITS, (block + 1 << BITS) - 1
        rows = self._db.execute(
            "SELECT owner, body FROM bond WHERE owner BETWEEN ? AND ? ORDER BY owner",
            (first, last),
        )
        owned = ((owner, sockets_in(opened(self._db, body))) for owner, body in rows)
        tiles.write_block(self._db, Kind.SOCKETS, block, owned)
        self._db.execute("DELETE FROM unsealed WHERE owner BETWEEN ? AND ?", (first, last))
        _changed(self._db)
        self._db.execute(
            "INSERT OR REPLACE INTO meta VALUES ('sockets_sealed', ?)",
            (str(max(self.sealed(), block + 1)),),
        )


def epoch(db: sqlite3.Connection) -> int:
    """Grows whenever someone uses other sockets, or a block is written."""
    row = db.execute("SELECT value FROM meta WHERE key='sockets_epoch'").fetchone()
    return int(row[0]) if row else 0


def _changed(db: sqlite3.Connection) -> int:
    now = epoch(db) + 1
    db.execute("INSERT OR REPLACE INTO meta VALUES ('sockets_epoch', ?)", (str(now),))
    return now


def sealed(db: sqlite3.Connection) -> int:
    """Blocks of assets that are written."""
    row = db.execute("SELECT value FROM meta WHERE key='sockets_sealed'").fetchone()
    return int(row[0]) if row else 0
