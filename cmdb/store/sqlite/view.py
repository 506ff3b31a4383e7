"""The embedded view: what is so now, made from projections and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cmdb.model.classes import CLASSES
from cmdb.model.observation import Json, SectionKind
from cmdb.store.port import (
    AssetId,
    AssetRow,
    Change,
    Edge,
    Installed,
    Page,
    Part,
    Projection,
    RelationRow,
    Search,
    Title,
)
from cmdb.store.sqlite import codec, endpoints, finding, rows
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.endpoints import Endpoints
from cmdb.store.sqlite.programs import describe, holders
from cmdb.store.sqlite.rows import Written
from cmdb.store.sqlite.transaction import Transaction

_RELATION = """SELECT r.source, r.type, coalesce(e.resolved, r.target), r.at, r.detail
  FROM relation r LEFT JOIN endpoint e ON e.asset = r.target """


class SqliteView:
    """See cmdb.store.port.View."""

    def __init__(self, connection: sqlite3.Connection, path: Path, tx: Transaction) -> None:
        self._db = connection
        self._path = path
        self._tx = tx
        self._endpoints = Endpoints(connection)

    # Writing

    def new_asset(self) -> AssetId:
        """See the port."""
        with translated(self._path):
            return AssetId(self._db.execute("INSERT INTO asset_id DEFAULT VALUES").lastrowid or 0)

    def put(self, asset: AssetId, projection: Projection) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            before = endpoints.seen_at(self._db, asset)
            talked_to = self._endpoints.of(asset)
            written = _written(projection)
            self._write(asset, written, (*_texts(projection), *projection.macs))
            endpoints.replace_addresses(self._db, asset, projection.addresses)
            parts = self._put_parts(asset, projection)
            self._put_edges(asset, projection, parts)
            self._endpoints.settle([*talked_to, *self._endpoints.of(asset)])
            after = [(scope, address) for scope, address, _, _ in projection.addresses]
            self._endpoints.moved([*before, *after])

    def _write(self, asset: AssetId, written: Written, words: tuple[str, ...]) -> None:
        row = self._db.execute("SELECT revision FROM asset WHERE id=?", (asset,)).fetchone()
        rows.write(self._db, asset, written, (row[0] if row else 0) + 1)
        rows.write_words(self._db, asset, written, words)

    def _put_parts(self, asset: AssetId, projection: Projection) -> dict[str, AssetId]:
        known = dict(
            self._db.execute("SELECT local, id FROM asset WHERE parent=?", (asset,)).fetchall()
        )
        kept: dict[str, AssetId] = {}
        for part in projection.parts:
            identifier = known.get(part.local)
            kept[part.local] = self.new_asset() if identifier is None else AssetId(identifier)
            self._write(kept[part.local], _part(asset, part, projection), ())
        self._remove([known[local] for local in known.keys() - kept.keys()])
        return kept

    def _put_edges(
        self, asset: AssetId, projection: Projection, parts: Mapping[str, AssetId]
    ) -> None:
        self._db.execute("DELETE FROM relation WHERE owner=?", (asset,))
        for edge in projection.edges:
            source = asset if edge.source_local is None else parts.get(edge.source_local)
            target = self._target(edge, projection, parts, asset)
            if source is None or target is None:
                continue
            at = codec.to_micros(edge.observed_at or projection.last_seen)
            detail = None if edge.detail is None else codec.canonical(edge.detail).decode()
            self._db.execute(
                "INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " at=excluded.at, detail=excluded.detail WHERE excluded.at > at",
                (source, edge.type, target, asset, at, detail),
            )

    def _target(
        self,
        edge: Edge,
        projection: Projection,
        parts: Mapping[str, AssetId],
        asset: AssetId,
    ) -> AssetId | None:
        if edge.target_socket is not None:
            address, protocol, port = edge.target_socket
            socket = (projection.scope, address, protocol, port)
            seen = edge.observed_at or projection.last_seen
            return self._endpoints.at(socket, seen, demo=projection.demo)
        if edge.target_part is not None:
            return parts.get(edge.target_part)
        return asset if edge.target is None else edge.target

    def touch(self, asset: AssetId, last_seen: datetime, connections: datetime | None) -> None:
        """See the port."""
        at = codec.to_micros(last_seen)
        with translated(self._path):
            self._db.execute(
                "UPDATE asset SET last_seen=max(last_seen, ?1) WHERE id=?2 OR parent=?2",
                (at, asset),
            )
            if connections is not None:
                self._db.execute(
                    "UPDATE relation SET at=max(at, ?) WHERE owner=? AND detail IS NOT NULL",
                    (codec.to_micros(connections), asset),
                )
                self._endpoints.settle(self._endpoints.of(asset))

    def part(self, asset: AssetId, local: str) -> AssetId | None:
        """See the port."""
        with translated(self._path):
            row = self._db.execute(
                "SELECT id FROM asset WHERE parent=? AND local=?", (asset, local)
            ).fetchone()
        return AssetId(row[0]) if row else None

    def drop(self, asset: AssetId, into: AssetId | None) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            addresses = endpoints.seen_at(self._db, asset)
            talked_to = self._endpoints.of(asset)
            self._db.execute("DELETE FROM relation WHERE owner=?", (asset,))
            self._db.execute("DELETE FROM address WHERE asset=?", (asset,))
            children = self._db.execute("SELECT id FROM asset WHERE parent=?", (asset,)).fetchall()
            self._remove([asset, *(row[0] for row in children)])
            self._endpoints.settle(talked_to)
            self._endpoints.moved(addresses)
            if into is not None:
                self._db.execute("UPDATE alias SET new=? WHERE new=?", (into, asset))
                self._db.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (asset, into))

    def _remove(self, assets: list[int]) -> None:
        marks = [(asset,) for asset in assets]
        self._db.executemany("DELETE FROM asset WHERE id=?", marks)
        self._db.executemany("DELETE FROM words WHERE rowid=?", marks)
        self._db.executemany("DELETE FROM relation WHERE source=?", marks)

    def revive(self, asset: AssetId) -> None:
        """See the port."""
        with translated(self._path):
            self._db.execute("DELETE FROM alias WHERE old=?", (asset,))

    # Reading

    def asset(self, asset: AssetId) -> AssetRow | None:
        """See the port."""
        with translated(self._path):
            return finding.by_id(self._db, asset)

    def find(self, text: str) -> AssetRow:
        """See the port."""
        with translated(self._path):
            return finding.by_name(self._db, text)

    def search(self, search: Search) -> Page:
        """See the port."""
        with translated(self._path):
            return finding.page(self._db, search)

    def parts(self, asset: AssetId) -> tuple[AssetRow, ...]:
        """See the port."""
        with translated(self._path):
            found = self._db.execute(
                rows.SELECT + "WHERE a.parent=? ORDER BY a.name, a.id", (asset,)
            )
            return tuple(rows.read(row) for row in found)

    def relations(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """See the port."""
        sql = (
            f"{_RELATION} WHERE r.source=?1 UNION {_RELATION} WHERE r.target=?1 AND"
            f" e.resolved IS NULL UNION {_RELATION} WHERE e.resolved=?1 ORDER BY 1, 2, 3"
        )
        with translated(self._path):
            return tuple(_relation(row) for row in self._db.execute(sql, (asset,)))

    def all_relations(self) -> Iterator[RelationRow]:
        """See the port."""
        sql = (
            f"WITH x(s, t, g, a, d) AS ({_RELATION}) SELECT s, t, g, a, d FROM x"
            " WHERE EXISTS (SELECT 1 FROM asset WHERE id = g)"
            " AND EXISTS (SELECT 1 FROM asset WHERE id = s) ORDER BY s, g, t"
        )
        with translated(self._path):
            for row in self._db.execute(sql):
                yield _relation(row)

    def all_assets(self, cls: str | None = None) -> Iterator[AssetRow]:
        """See the port."""
        where, values = finding.class_filter(cls)
        with translated(self._path):
            for row in self._db.execute(
                f"{rows.SELECT} WHERE a.hidden=0 {where} ORDER BY a.id", values
            ):
                yield rows.read(row)

    def installed(self, asset: AssetId) -> tuple[Installed, ...]:
        """See the port."""
        with translated(self._path):
            bodies = self._db.execute(
                "SELECT s.body FROM link l JOIN section s ON s.id = l.record * 16 + ?"
                " WHERE l.asset=? AND l.ended_tx IS NULL",
                (SectionKind.PROGRAMS.value, asset),
            ).fetchall()
        packed = [codec.decompress(row[0]) for row in bodies]
        with translated(self._path):
            return describe(
                self._db, {id_ for body in packed for id_ in codec.unpack_releases(body)}
            )

    def titles(self) -> Iterator[Title]:
        """See the port."""
        with translated(self._path):
            for row in self._db.execute(
                "SELECT id, system, name, publisher FROM title ORDER BY id"
            ):
                yield Title(*row)

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """See the port."""
        found: dict[AssetId, set[str]] = {}
        with translated(self._path):
            versions = dict(
                self._db.execute("SELECT id, version FROM release WHERE title=?", (title,))
            )
            for record, releases in sorted(holders(self._db, title).items()):
                row = self._db.execute(
                    "SELECT asset FROM link WHERE record=? AND ended_tx IS NULL", (record,)
                ).fetchone()
                if row:
                    known = found.setdefault(AssetId(row[0]), set())
                    known |= {versions[release] for release in releases}
        return {asset: tuple(sorted(known)) for asset, known in sorted(found.items())}

    def counts(self) -> Mapping[str, int]:
        """See the port."""
        with translated(self._path):
            counted = dict(
                self._db.execute("SELECT cls, count(*) FROM asset WHERE hidden=0 GROUP BY cls")
            )
        return {cls.name: counted[cls.name] for cls in CLASSES if cls.name in counted}

    def due(self, at: datetime, limit: int) -> tuple[AssetId, ...]:
        """See the port."""
        with translated(self._path):
            found = self._db.execute(
                "SELECT id FROM asset WHERE stale_at <= ? ORDER BY stale_at, id LIMIT ?",
                (codec.to_micros(at), limit),
            )
            return tuple(AssetId(row[0]) for row in found)

    # Feed and clock

    def changes(self, asset: AssetId | None, limit: int, before: int | None) -> tuple[Change, ...]:
        """See the port."""
        newest = before if before is not None else 2**62
        where, values = ("asset=? AND", (asset,)) if asset is not None else ("", ())
        with translated(self._path):
            found = self._db.execute(
                f"SELECT id, at, asset, what, body FROM change WHERE {where} id < ?"
                " ORDER BY id DESC LIMIT ?",
                (*values, newest, limit),
            )
            return tuple(
                Change(
                    row[0],
                    codec.from_micros(row[1]),
                    AssetId(row[2]),
                    row[3],
                    codec.parse(codec.decompress(row[4])),
                )
                for row in found
            )

    def add_change(self, asset: AssetId, what: str, detail: Json) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            self._db.execute(
                "INSERT INTO change (tx, at, asset, what, body) VALUES (?, ?, ?, ?, ?)",
                (
                    self._tx.id,
                    codec.to_micros(self._tx.at),
                    asset,
                    what,
                    codec.compress(codec.canonical(detail)),
                ),
            )

    def change_sequence(self) -> int:
        """See the port."""
        return int(self._meta("sequence") or 0)

    def bump(self) -> None:
        """Moves the change sequence; called at the end of a transaction that touched the view."""
        self._set_meta("sequence", str(self.change_sequence() + 1))

    def replay_clock(self) -> datetime | None:
        """See the port."""
        found = self._meta("replay_clock")
        return codec.from_micros(int(found)) if found else None

    def set_replay_clock(self, at: datetime | None) -> None:
        """See the port."""
        self._set_meta("replay_clock", "" if at is None else str(codec.to_micros(at)))

    def _meta(self, key: str) -> str | None:
        with translated(self._path):
            row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        with translated(self._path):
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _written(projection: Projection) -> Written:
    return Written(
        projection.cls,
        projection.state,
        projection.scope,
        projection.attributes,
        projection.first_seen,
        projection.last_seen,
        projection.source_kinds,
        projection.demo,
        stale_at=projection.stale_at,
    )


def _part(asset: AssetId, part: Part, projection: Projection) -> Written:
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


def _texts(projection: Projection) -> tuple[str, ...]:
    return tuple(sorted({address for _, address, _, _ in projection.addresses}))


def _relation(row: tuple[int, str, int, int, str | None]) -> RelationRow:
    source, type_, target, at, detail = row
    return RelationRow(
        AssetId(source),
        type_,
        AssetId(target),
        codec.from_micros(at),
        None if detail is None else codec.parse(detail),
    )
