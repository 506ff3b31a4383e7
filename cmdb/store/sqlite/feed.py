"""Rows of the change feed: those of an asset are a chain from the newest on, without an index.

Programs stand in a detail as releases, and are told by name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import cast

from cmdb.model.observation import Json
from cmdb.store.port import AssetId, Change
from cmdb.store.sqlite import codec, varints
from cmdb.store.sqlite.bodies import Bodies, Shape, opened
from cmdb.store.sqlite.programs import described

SELECT = (
    "SELECT c.id, t.at, c.asset, c.what, c.body, c.tx, c.older"
    " FROM change c CROSS JOIN tx t ON t.id = c.tx "
)
_BACK = (
    "WITH RECURSIVE step(id) AS (SELECT ?1 UNION ALL"
    " SELECT c.older FROM step JOIN change c ON c.id = step.id LIMIT ?2)"
    " SELECT c.id, t.at, c.asset, c.what, c.body, c.tx, c.older"
    " FROM step CROSS JOIN change c ON c.id = step.id CROSS JOIN tx t ON t.id = c.tx"
)
RELEASES = "releases"
"""In a detail: numbers of releases, where readers find `names`."""
_LISTS = ("programs_added", "programs_removed")
_WHATS = ("changed", "created", "joined", "dissolved", "erased", "returned")
"""By their numbers in the table; others stand there by name. Only ever added to."""
_LISTED, _PLAIN = 1, 2
"""Bits of the first byte: programs come first, and what is left is not packed. Before schema 10 a
body began with the first byte of a zstd frame, which is neither."""
_ZSTD = b"\x28\xb5\x2f\xfd"
_PAGE = 64

Row = tuple[int, int, int, int | str, bytes, int, int]


def add(db: sqlite3.Connection, bodies: Bodies, tx: int, change: tuple[AssetId, str, Json]) -> None:
    """Puts a change in, before the newest of its asset."""
    asset, what, detail = change
    found = db.execute("SELECT newest FROM told WHERE asset=?", (asset,)).fetchone()
    word = _WHATS.index(what) if what in _WHATS else what
    cursor = db.execute(
        "INSERT INTO change (tx, asset, older, what, body) VALUES (?, ?, ?, ?, ?)",
        (tx, asset, found[0] if found else 0, word, _closed(bodies, detail)),
    )
    db.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (asset, cursor.lastrowid))


def of_asset(
    db: sqlite3.Connection, asset: int, *, before: int | None = None, page: int = _PAGE
) -> Iterator[Row]:
    """Rows of an asset, the newest first: all, or those before a number; read so many at once."""
    row = None
    if before is not None:
        sql = "SELECT older FROM change WHERE id=? AND asset=?"
        row = db.execute(sql, (before, asset)).fetchone()
    row = row or db.execute("SELECT newest FROM told WHERE asset=?", (asset,)).fetchone()
    newest = row[0] if row else 0
    while newest:
        rows: list[Row] = db.execute(_BACK, (newest, page)).fetchall()
        yield from (row for row in rows if before is None or row[0] < before)
        newest = rows[-1][6] if rows else 0


def read(db: sqlite3.Connection, rows: Sequence[Row]) -> tuple[Change, ...]:
    """The changes of rows that SELECT gave."""
    details = [_opened(db, row[4]) for row in rows]
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
        Change(row[0], codec.from_micros(row[1]), AssetId(row[2]), _what(row[3]), detail)
        for row, detail in zip(rows, details, strict=True)
    )


def _what(word: int | str) -> str:
    return word if isinstance(word, str) else _WHATS[word]


def _programs(detail: Json) -> list[tuple[dict[str, Json], list[int]]]:
    if not isinstance(detail, dict):
        return []
    return [
        (listed, cast("list[int]", listed[RELEASES]))
        for listed in detail.values()
        if isinstance(listed, dict) and RELEASES in listed
    ]


def _closed(bodies: Bodies, detail: Json) -> bytes:
    """Programs as numbers, what else there is as JSON, packed where that makes it shorter."""
    head = b""
    if isinstance(detail, dict):
        lists = {word: detail[word] for word in _LISTS if _is_list(detail.get(word))}
        if lists:
            head = _numbers(lists)
            detail = {word: value for word, value in detail.items() if word not in lists}
    plain = codec.canonical(detail)
    frame = bodies.closed(Shape.CHANGE, plain)[len(_ZSTD) :]
    shorter = len(frame) < len(plain)
    first = bytes([(_LISTED if head else 0) | (0 if shorter else _PLAIN)])
    return first + head + (frame if shorter else plain)


def _is_list(value: Json) -> bool:
    return isinstance(value, dict) and value.keys() == {"count", RELEASES} and value["count"] != 0


def _numbers(lists: Mapping[str, Json]) -> bytes:
    """Of each list how many there are, how many are named, and these."""
    found: list[int] = []
    for word in _LISTS:
        listed = cast("dict[str, Json]", lists.get(word, {}))
        releases = sorted(cast("list[int]", listed.get(RELEASES, [])))
        found += [cast("int", listed.get("count", 0)), len(releases)]
        found += [newer - older for older, newer in pairwise([0, *releases])]
    return varints.write(found)


def _opened(db: sqlite3.Connection, body: bytes) -> Json:
    form, place = body[0], 1
    if form == _ZSTD[0]:
        return codec.parse(opened(db, body))
    lists: dict[str, Json] = {}
    if form & _LISTED:
        for word in _LISTS:
            (count, length), place = varints.read(body, place, 2)
            gaps, place = varints.read(body, place, length)
            if count:
                lists[word] = {"count": count, RELEASES: [*accumulate(gaps)]}
    rest = body[place:]
    detail = codec.parse(rest if form & _PLAIN else opened(db, _ZSTD + rest))
    return dict(sorted({**detail, **lists}.items())) if isinstance(detail, dict) else detail
