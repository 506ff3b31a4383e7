"""Who ever carried an identifying value: for readers, which may be a little behind.

The writer's map follows every commit. Readers come and go, and every commit would make them read
all of it again; they share one map a file, made anew when that costs little against its age.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmdb.store.port import Identifier, RecordId

_PATIENCE = 200
"""A map that took a second to make is used for so many seconds, whatever changes."""


@dataclass(frozen=True)
class Carried:
    """All identifying values in order, each with a record that carries it."""

    values: NDArray[np.int64]
    records: NDArray[np.int64]

    def of(self, identifier: Identifier) -> tuple[RecordId, ...]:
        """Records that carry a value, ascending."""
        start, end = np.searchsorted(self.values, [identifier, identifier + 1])
        return tuple(map(RecordId, sorted(self.records[start:end].tolist())))


@dataclass(frozen=True)
class _Map:
    carried: Carried
    tx: int
    made_at: float
    took_s: float


_maps: dict[Path, _Map] = {}
_making = threading.Lock()


def of(db: sqlite3.Connection, path: Path, identifier: Identifier) -> tuple[RecordId, ...]:
    """Records that carried a value, ascending."""
    return _current(db, path).carried.of(identifier)


def read(db: sqlite3.Connection) -> Carried:
    """What is carried at this moment."""
    rows = db.execute("SELECT record, hashes FROM identifiers").fetchall()
    values = np.frombuffer(b"".join(row[1] for row in rows), np.int64)
    sizes = [len(row[1]) // 8 for row in rows]
    records = np.repeat(np.array([row[0] for row in rows], np.int64), sizes)
    order = np.argsort(values)
    return Carried(values[order], records[order])


def _current(db: sqlite3.Connection, path: Path) -> _Map:
    with _making:
        known = _maps.get(path)
        newest = db.execute("SELECT max(id) FROM tx").fetchone()[0] or 0
        if known is None or not _good(known, newest):
            known = _maps[path] = _made(db, newest)
        return known


def _good(known: _Map, newest: int) -> bool:
    return known.tx == newest or time.monotonic() - known.made_at < _PATIENCE * known.took_s


def _made(db: sqlite3.Connection, newest: int) -> _Map:
    began = time.monotonic()
    carried = read(db)
    now = time.monotonic()
    return _Map(carried, newest, now, now - began)
