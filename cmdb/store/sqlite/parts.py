"""Things inside an asset that are CIs of their own: rows that are written only when they differ.

A machine has a dozen, much alike everywhere: what full-text search finds of a part is a phrase
that many share, indexed once.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from cmdb.store.port import AssetId, Part, Projection
from cmdb.store.sqlite import codec, rows
from cmdb.store.sqlite.rows import Rows, Written

_CACHED = 50_000


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
        for part in projection.parts:
            written = _written(asset, part, projection)
            before = known.get(part.local)
            identifier = self._rows.numbers.next() if before is None else AssetId(before[0])
            kept[part.local] = identifier
            if before is None or before[2:] != _essence(written):
                revision = 1 if before is None else before[1] + 1
                self._rows.write(identifier, written, revision, self.phrase(_text(written)))
        gone = [known[local][0] for local in known.keys() - kept.keys()]
        self._remove(gone)
        return kept, bool(gone) or len(known) < len(kept)

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
        self._remove([asset, *(row[0] for row in children)])

    def _remove(self, assets: list[int]) -> None:
        marks = [(asset,) for asset in assets]
        self._db.executemany("DELETE FROM asset WHERE id=?", marks)
        self._db.executemany("DELETE FROM relation WHERE source=?", marks)

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._phrases.clear()
        self._read = None


def _text(written: Written) -> str:
    return rows.text_of(written.cls, written.scope, written.attributes)


def _essence(written: Written) -> tuple[object, ...]:
    """What of a part's row is compared, in the order of the columns."""
    return (
        written.cls,
        written.state,
        written.scope,
        codec.to_micros(written.first_seen),
        ",".join(written.kinds),
        int(written.demo),
        written.attributes,
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
