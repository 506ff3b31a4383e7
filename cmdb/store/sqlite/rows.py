"""Rows of the asset table, read and written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import Json
from cmdb.store.port import AssetId, AssetRow
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.schema import COLUMNS

SELECT = (
    "SELECT a.id, a.cls, a.name, a.state, a.parent, a.scope, a.first_seen, a.last_seen, a.doc,"
    " a.kinds, a.demo, a.revision FROM asset a "
)
_WRITTEN = (
    "cls", "state", "parent", "local", "scope", *COLUMNS, "first_seen", "last_seen", "stale_at",
    "kinds", "demo", "hidden", "revision", "doc",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO asset (id, {', '.join(_WRITTEN)}) VALUES (?{', ?' * len(_WRITTEN)})"
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
    row: tuple[int, str, str, str, int | None, str, int, int, bytes, str, int, int],
) -> AssetRow:
    """The asset of a row that SELECT gave."""
    attributes = codec.parse(codec.decompress(row[8]))
    assert isinstance(attributes, dict)
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


def write(db: sqlite3.Connection, asset: AssetId, written: Written, revision: int) -> None:
    """Makes the row, and the words that full-text search finds."""
    values = [written.attributes.get(column) for column in COLUMNS]
    values[0] = display_name(written, asset)
    db.execute(
        _INSERT,
        (
            asset,
            written.cls,
            written.state,
            written.parent,
            written.local,
            written.scope,
            *values,
            codec.to_micros(written.first_seen),
            codec.to_micros(written.last_seen),
            None if written.stale_at is None else codec.to_micros(written.stale_at),
            ",".join(written.kinds),
            int(written.demo),
            int(written.hidden),
            revision,
            codec.compress(codec.canonical(dict(written.attributes))),
        ),
    )


def display_name(written: Written, asset: AssetId) -> str:
    """What people call it: its name, or the next best that is known."""
    for attribute in ("name", "fqdn", "address", "system_serial", "product", "model"):
        value = written.attributes.get(attribute)
        if isinstance(value, str) and value:
            return value
    return f"ci-{asset}"


def write_words(
    db: sqlite3.Connection, asset: AssetId, written: Written, more: tuple[str, ...]
) -> None:
    """What full-text search finds: values of searched attributes, addresses and MACs."""
    declared = CLASS_BY_NAME[written.cls].all_attributes()
    texts = [
        value
        for attribute in declared
        if attribute.searched and isinstance(value := written.attributes.get(attribute.name), str)
    ]
    db.execute("DELETE FROM words WHERE rowid=?", (asset,))
    text = " ".join([f"ci-{asset}", written.scope, *texts, *more])
    db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (asset, text))
