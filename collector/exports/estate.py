"""The estate as JSON Lines: identity and assets. docs/reference/import-form.md describes both."""

from __future__ import annotations

from collections.abc import Iterator

from cmdb.model.observation import Json
from cmdb.query.encode import instant
from cmdb.store.port import LinkRow, Record, RecordRow

_CHUNK = 500


def identity_lines(record: Record) -> Iterator[Json]:
    """One object for each record and stretch of time in which it was about one asset."""
    rows = list(record.ledger.all_records())
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        stretches = record.ledger.stretches(row.id for row in chunk)
        for row in chunk:
            for link in stretches.get(row.id, ()):
                yield _stretch(row, link)


def _stretch(row: RecordRow, link: LinkRow) -> Json:
    source = row.key.source
    return {
        "source": {"kind": source.kind, "instance": source.instance},
        "scope": row.key.scope,
        "native_key": row.key.native_key,
        "from": instant(link.since),
        "to": None if link.until is None else instant(link.until),
        "asset": f"ci-{link.asset}",
        "state": link.state,
    }


def asset_lines(record: Record) -> Iterator[Json]:
    """One object for each asset, parts included."""
    for row in record.view.all_assets():
        yield {
            "asset": f"ci-{row.id}",
            "class": row.cls,
            "state": row.state,
            "attributes": dict(row.attributes),
            "aliases": [f"ci-{alias}" for alias in row.aliases],
        }
