"""An inverted index that is written in blocks: which owners have a key.

A block of owners is a run of tiles in the order of keys, cut at about 1,024 entries and never
inside a group: the releases of a title are one group, and a question about them reads one tile of
each block. The owners of a key are ascending differences in byte planes, and zstd makes of
them about one byte an entry. A block is written once, as a whole, from what the owners' own rows
say; what changed since then waits elsewhere (programs.py, bonds.py), because a row for every
change would be a random write each.
"""

from __future__ import annotations

import itertools
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cmdb.store.sqlite import codec
from cmdb.store.sqlite.packed import Ids

Numbers = NDArray[np.int64]
Pairs = tuple[Ids, Ids]
"""Owners and keys, side by side."""
_KeysOf = Callable[[Ids], Ids]
EMPTY: Pairs = (np.empty(0, np.uint32), np.empty(0, np.uint32))

_COLUMNS = 3
"""What the head tells of a key: group, place in it, owners."""
_HEAD_BYTES = 4
_OFFSET_BITS = np.uint64(16)
_CHUNK = 500


class Kind(IntEnum):
    """What is indexed. The numbers are stored."""

    PROGRAMS = 1
    """Releases, by record; a group is a title."""
    SOCKETS = 2
    """Endpoints, by asset; those at one address are a group."""


BLOCK_BITS = {Kind.PROGRAMS: 11, Kind.SOCKETS: 16}
"""Owners of one block, as a power of two: records are dense, assets lie among their parts."""


TABLES = {Kind.PROGRAMS: "program_tile", Kind.SOCKETS: "socket_tile"}
"""Rows are numbered by block, then by the first group: what is written in order packs well."""
_PAGE_BITS = 32
_ENTRIES = 1_024
"""Of a tile, about; a larger group is a tile of its own."""


def write_block(
    db: sqlite3.Connection, kind: Kind, block: int, owned: Iterable[tuple[int, Ids]]
) -> None:
    """Makes these the keys of a block's owners.

    Args:
        db: In a transaction.
        kind: The index.
        block: Number of the block.
        owned: Owners in ascending order, each with its keys.
    """
    table, span = TABLES[kind], (block << _PAGE_BITS, block + 1 << _PAGE_BITS)
    db.execute(f"DELETE FROM {table} WHERE id >= ? AND id < ?", span)
    first = block << BLOCK_BITS[kind]
    offsets, keys = [], []
    for owner, found in owned:
        offsets.append(np.full(len(found), owner - first, np.uint64))
        keys.append(found)
    if not any(map(len, keys)):
        return
    rows = _rows(_places(db, kind, np.concatenate(keys)), np.concatenate(offsets))
    db.executemany(
        f"INSERT INTO {table} VALUES (?, ?)",
        ((block << _PAGE_BITS | group, body) for group, body in rows),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Keys by their place in the order of the tiles."""

    of: NDArray[np.uint64]
    """The place of each key."""
    groups: Numbers
    """Of each place its group, ascending."""
    ranks: Numbers
    """Of each place its number in the group."""


def _places(db: sqlite3.Connection, kind: Kind, keys: Ids) -> _Places:
    if kind is Kind.SOCKETS:
        return _by_address(db, keys)
    told = db.execute("SELECT title, id FROM release ORDER BY title, id").fetchall()
    rows = np.array(told, np.int64)
    groups = rows[:, 0]
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    sizes = np.diff(starts, append=len(groups))
    ranks = np.arange(len(groups)) - np.repeat(starts, sizes)
    place = np.zeros(int(rows[:, 1].max()) + 1, np.uint64)
    place[rows[:, 1]] = np.arange(len(rows), dtype=np.uint64)
    return _Places(place[keys], groups, ranks)


def _by_address(db: sqlite3.Connection, keys: Ids) -> _Places:
    """Places of endpoints; the number of one in its group is its own."""
    distinct, of = np.unique(keys, return_inverse=True)
    told = np.array(
        [(asset, group) for asset, group in _addresses(db) if asset <= distinct[-1]], np.int64
    ).reshape(-1, 2)
    group_of = np.zeros(int(distinct[-1]) + 1, np.int64)
    group_of[told[:, 0]] = told[:, 1]
    order = np.lexsort((distinct, group_of[distinct]))
    place = np.empty(len(order), np.uint64)
    place[order] = np.arange(len(order), dtype=np.uint64)
    ordered = distinct[order].astype(np.int64)
    return _Places(place[of], group_of[ordered], ordered)


def _addresses(db: sqlite3.Connection, where: str = "1") -> Iterator[tuple[int, int]]:
    """Endpoints with their groups, which follow from the address alone; two may share one."""
    for asset, scope, address in db.execute(
        f"SELECT asset, scope, address FROM endpoint WHERE {where}"
    ):
        yield asset, zlib.crc32(f"{scope}\0{address}".encode("utf-8", "surrogatepass"))


def _rows(places: _Places, offsets: NDArray[np.uint64]) -> Iterator[tuple[int, bytes]]:
    """The tiles: the first group of each, and its bytes."""
    pairs = places.of << _OFFSET_BITS | offsets
    pairs.sort()
    place = pairs >> _OFFSET_BITS
    offset = (pairs & np.uint64(0xFFFF)).astype(np.int64)
    starts = np.flatnonzero(np.diff(place, prepend=np.uint64(2**63)))
    gaps = np.diff(offset, prepend=0)
    gaps[starts] = offset[starts]
    low, high = gaps.astype(np.uint8), (gaps >> 8).astype(np.uint8)
    groups = places.groups[place[starts].astype(np.int64)]
    ranks = places.ranks[place[starts].astype(np.int64)]
    counts = np.diff(starts, append=len(pairs))
    bounds = np.append(starts, len(pairs))
    edges = _edges(groups, starts)
    for here, there in itertools.pairwise(edges):
        keys = slice(here, there)
        head = (np.diff(groups[keys], prepend=groups[here]), ranks[keys], counts[keys])
        begin, end = int(bounds[here]), int(bounds[there])
        body = low[begin:end].tobytes() + high[begin:end].tobytes()
        yield int(groups[here]), codec.compress(_headed(head) + body)


def _edges(groups: Numbers, starts: Numbers) -> list[int]:
    """Where tiles begin, as numbers of keys, and where the last ends."""
    first_of_group = np.flatnonzero(np.diff(groups, prepend=-1))
    tile = starts[first_of_group] // _ENTRIES
    edges: list[int] = first_of_group[np.flatnonzero(np.diff(tile, prepend=-1))].tolist()
    return [*edges, len(groups)]


def _headed(columns: tuple[Numbers, ...]) -> bytes:
    planes = [column.astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes() for column in columns]
    return len(columns[0]).to_bytes(_HEAD_BYTES, "little") + b"".join(planes)


class _Tile:
    """What _rows() packed, opened."""

    def __init__(self, first: int, body: bytes) -> None:
        count = int.from_bytes(body[:_HEAD_BYTES], "little")
        planes = np.frombuffer(body, np.uint8, _COLUMNS * 4 * count, _HEAD_BYTES)
        columns = planes.reshape(_COLUMNS, 4, count).transpose(0, 2, 1).copy().view("<u4")
        steps, self.ranks, self.counts = columns[:, :, 0]
        self.groups = steps.cumsum(dtype=np.int64)
        self.groups += first
        self.ends = self.counts.cumsum(dtype=np.int64)
        total, start = int(self.ends[-1]), _HEAD_BYTES + len(planes)
        self.low = np.frombuffer(body, np.uint8, total, start)
        self.high = np.frombuffer(body, np.uint8, total, start + total)
        self.last = int(self.groups[-1])


@dataclass(slots=True)
class _Found:
    """Entries gathered from many tiles; decoded all at once."""

    keys: list[Ids] = field(default_factory=list)
    counts: list[NDArray[np.uint32]] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    low: list[NDArray[np.uint8]] = field(default_factory=list)
    high: list[NDArray[np.uint8]] = field(default_factory=list)

    def take(self, tile: _Tile, group: int, keys_of: _KeysOf, base: int) -> None:
        """Adds the entries of a group; `keys_of` tells keys by rank, 0 for those not wanted."""
        here = int(tile.groups.searchsorted(group))
        there = int(tile.groups.searchsorted(group, "right"))
        if here == there:
            return
        begin = int(tile.ends[here] - tile.counts[here])
        end = int(tile.ends[there - 1])
        self.keys.append(keys_of(tile.ranks[here:there]))
        self.counts.append(tile.counts[here:there])
        self.bases.append(base)
        self.low.append(tile.low[begin:end])
        self.high.append(tile.high[begin:end])

    def pairs(self) -> Pairs:
        """All of it."""
        if not self.keys:
            return EMPTY
        counts = np.concatenate(self.counts).astype(np.int64)
        bases = np.repeat(np.array(self.bases, np.int64), [len(each) for each in self.keys])
        gaps = np.concatenate(self.low).astype(np.int64)
        gaps |= np.concatenate(self.high).astype(np.int64) << 8
        running = np.cumsum(gaps)
        starts = np.cumsum(counts) - counts
        # The first gap of a key is its first owner: the sum starts again there.
        owners = running + np.repeat(gaps[starts] - running[starts] + bases, counts)
        keys = np.repeat(np.concatenate(self.keys), counts)
        wanted = keys != 0
        return owners[wanted].astype(np.uint32), keys[wanted]


def read_keys(db: sqlite3.Connection, kind: Kind, keys: Sequence[int], blocks: int) -> Pairs:
    """Who has these keys, in the blocks before `blocks`, as the tiles tell."""
    groups = sorted(_grouped(db, kind, keys).items())
    found = _Found()
    for block in range(blocks if groups else 0):
        tile: _Tile | None = None
        for group, keys_of in groups:
            if tile is None or group > tile.last:
                tile = _tile(db, kind, block, group)
            if tile is not None:
                found.take(tile, group, keys_of, block << BLOCK_BITS[kind])
    return found.pairs()


def _tile(db: sqlite3.Connection, kind: Kind, block: int, group: int) -> _Tile | None:
    """The one tile of a block in which a group would be."""
    first = block << _PAGE_BITS
    row = db.execute(
        f"SELECT id, body FROM {TABLES[kind]} WHERE id >= ? AND id <= ? ORDER BY id DESC LIMIT 1",
        (first, first | group),
    ).fetchone()
    return None if row is None else _Tile(row[0] - first, codec.decompress(row[1]))


def _grouped(db: sqlite3.Connection, kind: Kind, keys: Sequence[int]) -> dict[int, _KeysOf]:
    """Groups, and how their keys follow from ranks."""
    return _grouped_sockets(db, keys) if kind is Kind.SOCKETS else _grouped_releases(db, keys)


def _grouped_sockets(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, _KeysOf]:
    groups: dict[int, list[int]] = {}
    for start in range(0, len(keys), _CHUNK):
        marks = ",".join(map(str, keys[start : start + _CHUNK]))
        for asset, group in _addresses(db, f"asset IN ({marks})"):
            groups.setdefault(group, []).append(asset)
    return {
        group: partial(_those, np.array(sorted(wanted), np.uint32))
        for group, wanted in groups.items()
    }


def _those(wanted: Ids, ranks: Ids) -> Ids:
    """The ranks that are wanted, which ascend; 0 for others. Ten times as fast as isin() of few."""
    near = wanted.take(wanted.searchsorted(ranks), mode="clip")
    return np.where(near == ranks, ranks, np.uint32(0))


def _grouped_releases(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, _KeysOf]:
    titles: set[int] = set()
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        sql = f"SELECT DISTINCT title FROM release WHERE id IN ({','.join('?' * len(some))})"
        titles.update(row[0] for row in db.execute(sql, list(some)))
    wanted = np.array(keys, np.int64)
    found: dict[int, _KeysOf] = {}
    for title in titles:
        rows = db.execute("SELECT id FROM release WHERE title=? ORDER BY id", (title,)).fetchall()
        every = np.array([row[0] for row in rows], np.int64)
        found[title] = np.where(np.isin(every, wanted), every, 0).astype(np.uint32).__getitem__
    return found
