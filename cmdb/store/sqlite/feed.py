"""Rows of the change feed. Programs stand in them as releases, and are told by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

from cmdb.model.observation import Json
from cmdb.store.port import AssetId, Change
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.programs import described

SELECT = "SELECT id, at, asset, what, body, tx FROM change "
RELEASES = "releases"
"""In a detail: numbers of releases, where readers find `names`."""

Row = tuple[int, int, int, str, bytes, int]


def read(db: sqlite3.Connection, rows: Sequence[Row]) -> tuple[Change, ...]:
    """The changes of rows that SELECT gave."""
    details = [codec.parse(opened(db, row[4])) for row in rows]
    wanted = {release for detail in details for found in _programs(detail) for release in found[1]}
    names = {}
    if wanted:
        for release, row in described(db, wanted).items():
            names[release] = f"{row.name} {row.version}".strip()
    for detail in details:
        for listed, releases in _programs(detail):
            del listed[RELEASES]
            listed["names"] = [*sorted(names[each] for each in releases if each in names)]
    return tuple(
        Change(row[0], codec.from_micros(row[1]), AssetId(row[2]), row[3], detail)
        for row, detail in zip(rows, details, strict=True)
    )


def _programs(detail: Json) -> list[tuple[dict[str, Json], list[int]]]:
    if not isinstance(detail, dict):
        return []
    return [
        (listed, cast("list[int]", listed[RELEASES]))
        for listed in detail.values()
        if isinstance(listed, dict) and RELEASES in listed
    ]


def last_by(db: sqlite3.Connection, table: str, at: int) -> int:
    """The last row of a table whose times ascend with its numbers, by a time; 0 for none."""
    # Two questions: asked for both at once SQLite reads the whole table.
    bounds = db.execute(
        f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})"
    ).fetchone()
    low, high = bounds[0] or 0, bounds[1] or 0
    found = 0
    while low <= high and high:
        middle = (low + high) // 2
        row = db.execute(
            f"SELECT id, at FROM {table} WHERE id <= ? ORDER BY id DESC LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row[1] <= at:
            found = row[0] if row else found
            low = middle + 1
        else:
            high = row[0] - 1
    return int(found)
