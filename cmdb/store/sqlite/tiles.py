"""An inverted index that is written in blocks: which owners have a key.

A tile is one row for a block of owners and a page of keys. The owners of each key are ascending
differences in byte planes, and zstd makes of them about one byte an entry. A block is written
once, as a whole, from what the owners' own rows say; what changed since then waits elsewhere
(programs.py, bonds.py), because a row for every change would be a random write each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cmdb.store.sqlite import codec
from cmdb.store.sqlite.packed import Ids

KEYS = 16
"""Keys of one tile."""

Pairs = tuple[Ids, Ids]
"""Owners and keys, side by side."""
EMPTY: Pairs = (np.empty(0, np.uint32), np.empty(0, np.uint32))


class Kind(IntEnum):
    """What is indexed. The numbers are stored."""

    PROGRAMS = 1
    """Releases, by record."""
    SOCKETS = 2
    """Endpoints, by asset."""


BLOCK_BITS = {Kind.PROGRAMS: 11, Kind.SOCKETS: 16}
"""Owners of one block, as a power of two: records are dense, assets lie among their parts."""


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
    db.execute("DELETE FROM tile WHERE kind=? AND block=?", (kind, block))
    rows = _rows(owned, block << BLOCK_BITS[kind])
    db.executemany(
        "INSERT INTO tile VALUES (?, ?, ?, ?)", ((kind, block, page, body) for page, body in rows)
    )


def _rows(owned: Iterable[tuple[int, Ids]], first: int) -> Iterator[tuple[int, bytes]]:
    offsets, keys = [], []
    for owner, found in owned:
        offsets.append(np.full(len(found), owner - first, np.uint64))
        keys.append(found.astype(np.uint64))
    if not keys:
        return
    pairs = np.concatenate(keys) << np.uint64(16) | np.concatenate(offsets)
    pairs.sort()
    key = pairs >> np.uint64(16)
    offset = (pairs & np.uint64(0xFFFF)).astype(np.int64)
    gaps = np.diff(offset, prepend=0)
    starts = np.flatnonzero(np.diff(key, prepend=np.uint64(2**63)))
    gaps[starts] = offset[starts]
    low, high = gaps.astype(np.uint8), (gaps >> 8).astype(np.uint8)
    counts = np.diff(starts, append=len(key)).astype("<u4")
    page = key[starts] // np.uint64(KEYS)
    slot = (key[starts] % np.uint64(KEYS)).astype(np.int64)
    edges = np.append(np.flatnonzero(np.diff(page, prepend=np.uint64(2**63))), len(page))
    bounds = np.append(starts, len(key))
    for here, there in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        table = np.zeros(KEYS, "<u4")
        table[slot[here:there]] = counts[here:there]
        begin, end = int(bounds[here]), int(bounds[there])
        body = table.tobytes() + low[begin:end].tobytes() + high[begin:end].tobytes()
        yield int(page[here]), codec.compress(body)


def read_keys(db: sqlite3.Connection, kind: Kind, keys: Sequence[int], blocks: int) -> Pairs:
    """Who has these keys, in the blocks before `blocks`, as the tiles tell."""
    pages: dict[int, list[int]] = {}
    for key in keys:
        pages.setdefault(key // KEYS, []).append(key)
    owners, found = [], []
    for page, wanted in sorted(pages.items()):
        rows = db.execute(
            f"SELECT block, body FROM tile WHERE kind=? AND page=? AND block IN ({_upto(blocks)})",
            (kind, page),
        )
        for block, body in rows:
            for key, offsets in _owners(codec.decompress(body), wanted):
                owners.append(offsets + (block << BLOCK_BITS[kind]))
                found.append(np.full(len(offsets), key, np.uint32))
    if not owners:
        return EMPTY
    return np.concatenate(owners).astype(np.uint32), np.concatenate(found)


def _upto(blocks: int) -> str:
    return ",".join(map(str, range(blocks)))


def _owners(body: bytes, wanted: Sequence[int]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    counts = np.frombuffer(body, "<u4", KEYS)
    ends = np.cumsum(counts, dtype=np.int64)
    total, start = int(ends[-1]), 4 * KEYS
    for key in wanted:
        slot = key % KEYS
        count = int(counts[slot])
        if count:
            begin = start + int(ends[slot]) - count
            gaps = np.frombuffer(body, np.uint8, count, begin).astype(np.int64)
            gaps |= np.frombuffer(body, np.uint8, count, begin + total).astype(np.int64) << 8
            yield key, np.cumsum(gaps)
