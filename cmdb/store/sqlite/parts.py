"""Things inside an asset that are CIs of their own: rows that are written only when they differ.

A machine has a dozen, much alike everywhere: what full-text search finds of a part is a phrase
that many share, indexed once.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable
from typing import Any

from cmdb.store.port import AssetId, Part, Projection
from cmdb.store.sqlite import codec, rows
from cmdb.store.sqlite.rows import Rows, Written, display_name
from cmdb.store.sqlite.schema import COLUMNS

_CACHED = 50_000
_COLUMNS = (
    "id", "cls", "local", "parent", "last_seen", "state", "scope", "first_seen", "kinds", "demo",
    "name", "doc", "phrase",
)  # fmt: skip
_MORE = tuple(column for column in COLUMNS if column != "name")
"""Columns of attributes that few parts have."""


class Parts:
    """The rows of parts."""

    def __init__(self, connection: sqlite3.Connection, written: Rows) -> None:
        self._db = connection
        self._rows = written
        self._phrases: dict[str, int] = {}
        self._read: tuple[AssetId, dict[str, tuple[Any, ...]]] | None = None

    def put(
        self, asset: AssetId, projection: Projection, *, new: bool
    ) -> tuple[dict[str, AssetId], bool]:
        """Makes these the parts of an asset; their ids by name, and whether any came or went."""
        known = {} if new else self._known(asset)
        self._read = None
        kept: dict[str, AssetId] = {}
        fresh: list[tuple[AssetId, Part]] = []
        essence = _essence(projection)
        for part in projection.parts:
            before = known.get(part.local)
            if before is None:
                kept[part.local] = identifier = self._rows.numbers.next()
                fresh.append((identifier, part))
                continue
            kept[part.local] = AssetId(before[0])
            if before[2:] != (part.cls, *essence, part.attributes):
                written = _written(asset, part, projection)
                phrase = self.phrase(_text(part, projection))
                self._rows.write(AssetId(before[0]), written, before[1] + 1, phrase)
        self._insert(asset, projection, fresh)
        gone = [known[local][0] for local in known.keys() - kept.keys()]
        if gone:
            self._remove(gone)
        return kept, bool(gone) or len(known) < len(kept)

    def _insert(
        self, asset: AssetId, projection: Projection, fresh: Iterable[tuple[AssetId, Part]]
    ) -> None:
        """Makes the rows of new parts; what all of them share is worked out once."""
        shared = (asset, codec.to_micros(projection.last_seen), *_essence(projection))
        found: dict[tuple[str, ...], list[tuple[object, ...]]] = {}
        for identifier, part in fresh:
            told = part.attributes
            more = tuple([column for column in _MORE if column in told])
            row = (
                identifier, part.cls, part.local, *shared, display_name(told, identifier),
                self._rows.document(told), self.phrase(_text(part, projection)),
                *[told[column] for column in more],
            )  # fmt: skip
            found.setdefault(more, []).append(row)
        for more, rows_ in found.items():
            self._db.executemany(_inserting(more), rows_)

    def put_before(self, asset: AssetId) -> tuple[Part, ...]:
        """The parts of an asset; put() need not read them again."""
        known = self._known(asset)
        self._read = asset, known
        return tuple(Part(local, row[2], row[-1]) for local, row in known.items())

    def _known(self, asset: int) -> dict[str, tuple[Any, ...]]:
        if self._read is not None and self._read[0] == asset:
            return self._read[1]
        found = self._db.execute(
            "SELECT local, id, revision, cls, state, scope, first_seen, kinds, demo, doc"
            " FROM asset WHERE parent=?",
            (asset,),
        )
        return {
            row[0]: (*row[1:-1], rows.attributes_of(self._db, row[-1], part=True)) for row in found
        }

    def phrase(self, text: str) -> int:
        """The number of what full-text search finds of a part."""
        known = self._phrases.get(text)
        if known is None:
            row = self._db.execute("SELECT id FROM phrase WHERE text=?", (text,)).fetchone()
            known = row[0] if row else self._make(text)
            if len(self._phrases) >= _CACHED:
                self._phrases.clear()
            self._phrases[text] = known
        return known

    def _make(self, text: str) -> int:
        number = self._db.execute("INSERT INTO phrase (text) VALUES (?)", (text,)).lastrowid or 0
        self._db.execute("INSERT INTO phrases (rowid, text) VALUES (?, ?)", (number, text))
        return int(number)

    def remove(self, asset: AssetId) -> None:
        """Takes an asset out with all its parts."""
        children = self._db.execute("SELECT id FROM asset WHERE parent=?", (asset,)).fetchall()
        self._db.execute("DELETE FROM words WHERE rowid=?", (asset,))
        self._db.execute("DELETE FROM other_name WHERE asset=?", (asset,))
        self._remove([asset, *(row[0] for row in children)])

    def _remove(self, assets: list[int]) -> None:
        marks = [(asset,) for asset in assets]
        self._db.executemany("DELETE FROM asset WHERE id=?", marks)
        self._db.executemany("DELETE FROM relation WHERE source=?", marks)

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._phrases.clear()
        self._read = None


@functools.cache
def _inserting(more: tuple[str, ...]) -> str:
    """The statement for new parts with these columns beside those that all have."""
    columns = (*_COLUMNS, *more)
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO asset ({', '.join(columns)}, revision) VALUES ({marks}, 1)"


def _text(part: Part, projection: Projection) -> str:
    return rows.text_of(part.cls, projection.scope, part.attributes)


def _essence(projection: Projection) -> tuple[object, ...]:
    """What of the row of each part is compared, in the order of the columns."""
    return (
        projection.state,
        projection.scope,
        codec.to_micros(projection.first_seen),
        ",".join(projection.source_kinds),
        int(projection.demo),
    )


def _written(asset: AssetId, part: Part, projection: Projection) -> Written:
    return Written(
        part.cls,
        projection.state,
        projection.scope,
        part.attributes,
        projection.first_seen,
        projection.last_seen,
        projection.source_kinds,
        projection.demo,
        parent=asset,
        local=part.local,
    )
