"""Looks by time in tables whose times ascend with their numbers: they need no index for it."""

from __future__ import annotations

import sqlite3


def last(db: sqlite3.Connection, table: str, column: str, at: int) -> int:
    """The last row of a table by a column that ascends with its numbers, 0 for none."""
    # Two questions: asked for both at once SQLite reads the whole table.
    bounds = db.execute(
        f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})"
    ).fetchone()
    nearest = f"SELECT id, {column} FROM {table} WHERE id <= ? ORDER BY id DESC LIMIT 1"
    low, high = bounds[0] or 0, bounds[1] or 0
    found = 0
    while low <= high and high:
        middle = (low + high) // 2
        row = db.execute(nearest, (middle,)).fetchone()
        if row is None or row[1] <= at:
            found = row[0] if row else found
            low = middle + 1
        else:
            high = row[0] - 1
    return int(found)
