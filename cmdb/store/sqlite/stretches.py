"""Links of records to assets: which stretch of a record's time is about which asset."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from cmdb.model.observation import Json
from cmdb.store.port import AssetId, LinkRow, RecordId
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.transaction import Transaction

_Id = TypeVar("_Id", RecordId, AssetId)
LINK = (
    "SELECT record, asset, rule, evidence, since, decided_at, ended_at, until, last, state"
    " FROM link "
)
_SPEAKERS = """SELECT asset, record, until, EXISTS (
    SELECT 1 FROM link o WHERE o.record = l.record AND o.ended_tx IS NULL AND o.id <> l.id)
  FROM link l WHERE ended_tx IS NULL AND asset IN ({})"""
_Stored = tuple[int, int, str, bytes, int, int, int | None, int | None, int | None, str]


class Stretches:
    """The table link, append-only: what is not believed any more is ended and stays."""

    def __init__(self, connection: sqlite3.Connection, tx: Transaction) -> None:
        self._db = connection
        self._tx = tx

    def current(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """The stretch of each record that goes on."""
        return {link.record: link for link in self._of(records, "until IS NULL AND ")}

    def believed(self, records: Iterable[RecordId]) -> dict[RecordId, tuple[LinkRow, ...]]:
        """All stretches of each record, in order of time."""
        found: dict[RecordId, list[LinkRow]] = {}
        for link in self._of(records, ""):
            found.setdefault(link.record, []).append(link)
        return {record: tuple(sorted(links, key=in_time)) for record, links in found.items()}

    def _of(self, records: Iterable[RecordId], which: str) -> Iterator[LinkRow]:
        for chunk in _chunks(sorted(set(records))):
            marks = ",".join("?" * len(chunk))
            sql = f"{LINK} WHERE ended_tx IS NULL AND {which} record IN ({marks})"
            yield from map(link_row, self._db.execute(sql, chunk))

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """All stretches about an asset, oldest decision first."""
        rows = self._db.execute(LINK + "WHERE ended_tx IS NULL AND asset=? ORDER BY id", (asset,))
        return tuple(map(link_row, rows))

    def speakers(self, assets: Iterable[AssetId]) -> dict[AssetId, tuple[RecordId, ...]]:
        """Of assets of which each stretch goes on and is its record's only one: their records."""
        found: dict[AssetId, list[RecordId]] = {}
        parted: set[AssetId] = set()
        for chunk in _chunks(sorted(set(assets))):
            marks = ",".join("?" * len(chunk))
            for asset, record, until, others in self._db.execute(_SPEAKERS.format(marks), chunk):
                found.setdefault(AssetId(asset), []).append(RecordId(record))
                if until is not None or others:
                    parted.add(AssetId(asset))
        return {asset: tuple(found[asset]) for asset in found.keys() - parted}

    def history(self, record: RecordId) -> tuple[LinkRow, ...]:
        """All that was ever believed of a record, oldest decision first."""
        rows = self._db.execute(LINK + "WHERE record=? ORDER BY id", (record,))
        return tuple(map(link_row, rows))

    def twins(self) -> tuple[LinkRow, ...]:
        """Stretches of whose asset a person is asked."""
        rows = self._db.execute(LINK + "WHERE ended_tx IS NULL AND state='twin' ORDER BY id")
        return tuple(map(link_row, rows))

    def replace(self, record: RecordId, links: Sequence[LinkRow]) -> None:
        """Makes these the stretches of a record; those that stand already are left alone."""
        wanted = [_written(link) for link in links]
        known = self._db.execute(
            "SELECT id, asset, rule, evidence, since, until, last, state FROM link"
            " WHERE record=? AND ended_tx IS NULL",
            (record,),
        ).fetchall()
        kept = {row[1:] for row in known} & set(wanted)
        now = codec.to_micros(self._tx.at)
        gone = [(self._tx.id, now, row[0]) for row in known if row[1:] not in kept]
        self._db.executemany("UPDATE link SET ended_tx=?, ended_at=? WHERE id=?", gone)
        self._db.executemany(
            "INSERT INTO link (record, asset, rule, evidence, since, until, last, state, tx,"
            " decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (record, *row, self._tx.id, codec.to_micros(link.decided_at))
                for link, row in zip(links, wanted, strict=True)
                if row not in kept
            ],
        )

    def erase(self, record: RecordId) -> None:
        """Takes all links of a record out."""
        self._db.execute("DELETE FROM link WHERE record=?", (record,))


def in_time(link: LinkRow) -> tuple[datetime, bool, datetime]:
    """Order of the stretches of one record."""
    return link.since, link.until is None, link.until or link.since


def _written(link: LinkRow) -> tuple[int, str, bytes, int, int | None, int | None, str]:
    return (
        link.asset,
        link.rule,
        codec.compress(codec.canonical(link.evidence)) if link.evidence else b"",
        codec.to_micros(link.since),
        None if link.until is None else codec.to_micros(link.until),
        None if link.last is None else codec.to_micros(link.last),
        link.state,
    )


def link_row(row: _Stored) -> LinkRow:
    """The link of a row that LINK gave."""
    record, asset, rule, evidence, since, decided_at, ended_at, until, last, state = row
    return LinkRow(
        RecordId(record),
        AssetId(asset),
        rule,
        _evidence(evidence),
        codec.from_micros(since),
        codec.from_micros(decided_at),
        None if ended_at is None else codec.from_micros(ended_at),
        None if until is None else codec.from_micros(until),
        None if last is None else codec.from_micros(last),
        state,
    )


@functools.lru_cache(maxsize=16_384)
def _evidence(packed: bytes) -> Json:
    """The evidence of a link; the same is read again whenever what is near it is identified."""
    return codec.parse(codec.decompress(packed)) if packed else {}


def _chunks(ids: Sequence[_Id], size: int = 500) -> Iterator[Sequence[_Id]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
