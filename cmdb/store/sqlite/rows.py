"""Rows of the asset table, read and written."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import Json
from cmdb.store.port import AssetId, AssetRow, Inside, Projection
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.bodies import Bodies, Shape, opened
from cmdb.store.sqlite.numbers import Numbers
from cmdb.store.sqlite.schema import COLUMNS

_CHUNK = 500
LAST_SEEN = (
    "coalesce((SELECT w.last_seen FROM asset w WHERE w.id = a.parent AND a.parent IS NOT NULL),"
    " a.last_seen)"
)
"""A part is seen with the thing that it is in: a report writes one row and not a dozen."""
SELECT = (
    f"SELECT a.id, a.cls, a.name, a.state, a.parent, a.scope, a.first_seen, {LAST_SEEN}, a.doc,"
    " a.kinds, a.demo, a.revision FROM asset a "
)
_WRITTEN = (
    "cls", "state", "parent", "local", "scope", *COLUMNS, "first_seen", "last_seen", "stale_at",
    "kinds", "demo", "hidden", "revision", "doc", "phrase",
)  # fmt: skip
_MOVING = ("first_seen", "last_seen", "stale_at", "kinds", "demo", "revision", "doc")
_STANDING = tuple(column for column in _WRITTEN if column not in _MOVING)
_UPDATE = (
    f"UPDATE asset SET {', '.join(f'{c}=:{c}' for c in _MOVING)} WHERE id=:id AND "
    + " AND ".join(f"{c} IS :{c} COLLATE BINARY" for c in _STANDING)
)
"""For a row of which nothing differs that an index holds: an upsert writes every index again."""
_UPSERT = (
    f"INSERT INTO asset (id, {', '.join(_WRITTEN)}) VALUES (:id, :{', :'.join(_WRITTEN)})"
    f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c}=excluded.{c}' for c in _WRITTEN)}"
)


@dataclass(frozen=True, slots=True)
class Written:
    """What of an asset goes into its row."""

    cls: str
    state: str
    scope: str
    attributes: Mapping[str, Json]
    first_seen: datetime
    last_seen: datetime
    kinds: tuple[str, ...]
    demo: bool
    parent: AssetId | None = None
    local: str | None = None
    stale_at: datetime | None = None
    hidden: bool = False


def read(
    db: sqlite3.Connection,
    row: tuple[int, str, str, str, int | None, str, int, int, bytes, str, int, int],
) -> AssetRow:
    """The asset of a row that SELECT gave."""
    attributes = attributes_of(db, row[8], part=row[4] is not None)
    return AssetRow(
        id=AssetId(row[0]),
        cls=row[1],
        name=row[2],
        state=row[3],
        parent=None if row[4] is None else AssetId(row[4]),
        scope=row[5],
        first_seen=codec.from_micros(row[6]),
        last_seen=codec.from_micros(row[7]),
        attributes=attributes,
        source_kinds=tuple(filter(None, row[9].split(","))),
        demo=bool(row[10]),
        revision=row[11],
    )


def unprojected(row: tuple[str, str, str, int, int, str, int], inside: Inside) -> Projection:
    """A projection with what is inside an asset, and of the rest what its row tells."""
    cls, state, scope, first_seen, last_seen, kinds, demo = row
    return Projection(
        cls,
        {},
        scope,
        state,
        codec.from_micros(first_seen),
        codec.from_micros(last_seen),
        tuple(filter(None, kinds.split(","))),
        bool(demo),
        parts=inside.parts,
        edges=inside.edges or (),
    )


_MOST_REMEMBERED = 16_384
_remembered: dict[bytes, Mapping[str, Json]] = {}


def attributes_of(db: sqlite3.Connection, doc: bytes, *, part: bool) -> Mapping[str, Json]:
    """The attributes in a document. Parts are alike everywhere: theirs are remembered."""
    known = _remembered.get(doc) if part else None
    if known is None:
        known = cast("dict[str, Json]", codec.parse(opened(db, doc)))
        if part:
            if len(_remembered) >= _MOST_REMEMBERED:
                _remembered.clear()
            _remembered[doc] = known
    return known


class Rows:
    """Writes them."""

    def __init__(self, connection: sqlite3.Connection, bodies: Bodies, numbers: Numbers) -> None:
        self._db = connection
        self._bodies = bodies
        self.numbers = numbers

    def write(
        self, asset: AssetId, written: Written, revision: int, phrase: int | None = None
    ) -> None:
        """Makes the row; `phrase` is what full-text search finds of a part."""
        if written.parent is None:
            doc = self._bodies.closed(Shape.MACHINE, codec.canonical(dict(written.attributes)))
        else:
            doc = self.document(written.attributes)
        _write(self._db, (asset, written, revision), (doc, phrase))

    def document(self, attributes: Mapping[str, Json]) -> bytes:
        """The attributes of a part, packed: parts are alike everywhere."""
        return self._bodies.closed_alike(Shape.PART, codec.canonical(dict(attributes)))


def _write(
    db: sqlite3.Connection,
    row: tuple[AssetId, Written, int],
    packed: tuple[bytes, int | None],
) -> None:
    asset, written, revision = row
    doc, phrase = packed
    values: dict[str, object] = {
        **{column: written.attributes.get(column) for column in COLUMNS},
        "id": asset,
        "name": display_name(written.attributes, asset),
        "cls": written.cls,
        "state": written.state,
        "parent": written.parent,
        "local": written.local,
        "scope": written.scope,
        "first_seen": codec.to_micros(written.first_seen),
        "last_seen": codec.to_micros(written.last_seen),
        "stale_at": None if written.stale_at is None else codec.to_micros(written.stale_at),
        "kinds": ",".join(written.kinds),
        "demo": int(written.demo),
        "hidden": int(written.hidden),
        "revision": revision,
        "doc": doc,
        "phrase": phrase,
    }
    if revision == 1 or not db.execute(_UPDATE, values).rowcount:
        db.execute(_UPSERT, values)


def display_name(attributes: Mapping[str, Json], asset: AssetId) -> str:
    """What people call it: its name, or the next best that is known."""
    for attribute in ("name", "fqdn", "address", "system_serial", "product", "model"):
        value = attributes.get(attribute)
        if isinstance(value, str) and value:
            return value
    return f"ci-{asset}"


def text_of(cls: str, scope: str, values: Mapping[str, Json]) -> str:
    """The scope and the values of searched attributes."""
    texts = [value for name in _searched(cls) if isinstance(value := values.get(name), str)]
    return " ".join([scope, *texts])


@functools.cache
def _searched(cls: str) -> tuple[str, ...]:
    declared = CLASS_BY_NAME[cls].all_attributes()
    return tuple(attribute.name for attribute in declared if attribute.searched)


def write_words(
    db: sqlite3.Connection,
    asset: AssetId,
    written: Written,
    more: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    new: bool = False,
) -> None:
    """What full-text search finds: values of searched attributes, addresses, MACs, other names.

    Args:
        db: Where.
        asset: Of which asset.
        written: Its row.
        more: Texts, and names that it does not go by, which find it by themselves, too.
        new: Whether nothing was written of it before.
    """
    texts, names = more
    found = text_of(written.cls, written.scope, written.attributes)
    # Each other name has a line of its own: the text differs whenever the names do.
    text = "\n".join([" ".join([f"ci-{asset}", found, *texts]), *names])
    if not new:
        known = db.execute("SELECT text FROM words WHERE rowid=?", (asset,)).fetchone()
        if known and known[0] == text:
            return
        db.execute("DELETE FROM words WHERE rowid=?", (asset,))
        db.execute("DELETE FROM other_name WHERE asset=?", (asset,))
    db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (asset, text))
    if names:
        pairs = [(name, asset) for name in names]
        db.executemany("INSERT OR IGNORE INTO other_name VALUES (?, ?)", pairs)


def contest(db: sqlite3.Connection, asset: AssetId, *, contested: bool) -> None:
    """Notes whether it matters that an asset is merely heard of again."""
    if contested:
        db.execute("INSERT OR IGNORE INTO contested VALUES (?)", (asset,))
    else:
        db.execute("DELETE FROM contested WHERE asset=?", (asset,))


def among(db: sqlite3.Connection, assets: Iterable[AssetId], condition: str) -> set[AssetId]:
    """Those of these assets whose rows meet a condition."""
    wanted = sorted(set(assets))
    found: set[AssetId] = set()
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        sql = f"SELECT id FROM asset WHERE {condition} AND id IN ({marks})"
        found.update(AssetId(row[0]) for row in db.execute(sql, chunk))
    return found
