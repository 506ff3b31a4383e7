"""The embedded view: what is so now, made from projections and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

from cmdb.model.classes import CLASSES
from cmdb.model.observation import Json
from cmdb.store.port import (
    AssetId,
    AssetRow,
    Change,
    Headline,
    HoldersPage,
    Inside,
    Installed,
    Page,
    Part,
    Projection,
    Related,
    RelationRow,
    Release,
    Search,
    Title,
)
from cmdb.store.sqlite import codec, feed, finding, rows
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.bonds import Bonds
from cmdb.store.sqlite.connection import steady, translated
from cmdb.store.sqlite.endpoints import Endpoints
from cmdb.store.sqlite.holder_pages import HolderPages
from cmdb.store.sqlite.holders import Holders
from cmdb.store.sqlite.neighbours import Neighbours
from cmdb.store.sqlite.numbers import Numbers
from cmdb.store.sqlite.parts import Parts
from cmdb.store.sqlite.places import Places
from cmdb.store.sqlite.programs import describe
from cmdb.store.sqlite.relations import Relations
from cmdb.store.sqlite.rows import Rows, Written
from cmdb.store.sqlite.spoken import Spoken
from cmdb.store.sqlite.transaction import Transaction


class SqliteView:
    """See cmdb.store.port.View."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, tx: Transaction, bodies: Bodies
    ) -> None:
        self._db = connection
        self._path = path
        self._tx = tx
        self._numbers = Numbers(connection)
        self._places = Places(connection)
        self._bodies = bodies
        self._bonds = Bonds(connection, bodies)
        self._rows = Rows(connection, bodies, self._numbers)
        self._endpoints = Endpoints(connection, self._places, self._bonds, self._rows)
        self._relations = Relations(connection, self._bonds, self._endpoints)
        self._neighbours = Neighbours(connection, self._bonds, self._endpoints.talkers)
        self._parts = Parts(connection, self._rows)
        self._holders = Holders(connection)
        self._holder_pages = HolderPages(connection, self._holders)
        self._spoken = Spoken(connection)

    # Writing

    def new_asset(self) -> AssetId:
        """See the port."""
        with translated(self._path):
            return self._numbers.next()

    def put(self, asset: AssetId, projection: Projection) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            before = self._db.execute(
                "SELECT revision, first_seen FROM asset WHERE id=?", (asset,)
            ).fetchone()
            written = _written(projection)
            self._rows.write(asset, written, before[0] + 1 if before else 1)
            rows.write_words(
                self._db, asset, written, (_texts(projection), projection.other_names),
                new=not before,
            )  # fmt: skip
            rows.contest(self._db, asset, contested=projection.contested)
            parts, moved = self._parts.put(asset, projection, new=not before)
            where = self._places.replace(asset, projection.addresses)
            if moved:
                where += [(scope, address) for scope, address, _, _ in projection.addresses]
            earlier = before is not None and before[1] < codec.to_micros(projection.first_seen)
            self._relations.put(asset, projection, parts, earlier=earlier)
            self._endpoints.moved(where)

    def touch(self, asset: AssetId, last_seen: datetime, connections: datetime | None) -> None:
        """See the port."""
        at = codec.to_micros(last_seen)
        with translated(self._path):
            self._db.execute(
                "UPDATE asset SET last_seen=?1 WHERE id=?2 AND last_seen<?1",
                (at, asset),
            )
            if connections is not None:
                seen = codec.to_micros(connections)
                self._endpoints.used(self._bonds.confirm(asset, seen).tolist(), None, seen)

    def inside(self, asset: AssetId) -> tuple[Part, ...]:
        """See the port."""
        with translated(self._path):
            return self._parts.put_before(asset)

    def renew(self, asset: AssetId, inside: Inside | None) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            row = self._db.execute(
                "UPDATE asset SET revision=revision+1 WHERE id=?"
                " RETURNING cls, state, scope, first_seen, last_seen, kinds, demo",
                (asset,),
            ).fetchall()[0]
            if inside is None:
                return
            projection = rows.unprojected(row, inside)
            parts, moved = self._parts.put(asset, projection, new=False)
            if inside.edges is None:
                self._bonds.renew(asset, parts.values(), row[4])
            else:
                self._relations.renew(asset, projection, parts)
            if moved:
                self._endpoints.moved((place[0], place[1]) for place in self._places.of(asset))

    def contested(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """See the port."""
        with translated(self._path):
            return self._places.contested(assets)

    def met(self) -> set[AssetId]:
        """See the port."""
        return self._places.met()

    def unsettled(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """See the port."""
        condition = "(state<>'present' OR id IN (SELECT asset FROM contested))"
        with translated(self._path):
            return rows.among(self._db, assets, condition)

    def present(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """See the port."""
        with translated(self._path):
            return rows.among(self._db, assets, "state='present'")

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
            self._parts.remove(asset)
            self._relations.drop(asset)
            self._endpoints.moved(self._places.replace(asset, ()))
            if into is not None:
                self._db.execute("UPDATE alias SET new=? WHERE new=?", (into, asset))
                self._db.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (asset, into))

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
            return tuple(rows.read(self._db, row) for row in found)

    def headlines(self, assets: Iterable[AssetId]) -> dict[AssetId, Headline]:
        """See the port."""
        with translated(self._path):
            return finding.headlines(self._db, assets)

    def relations(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """See the port."""
        with translated(self._path):
            return self._neighbours.of(asset)

    def related(self, asset: AssetId, users: int, after: AssetId | None = None) -> Related:
        """See the port."""
        with translated(self._path):
            return self._neighbours.around(asset, users, after)

    def all_relations(self) -> Iterator[RelationRow]:
        """See the port."""
        with translated(self._path):
            yield from self._relations.every()

    def all_assets(self, cls: str | None = None) -> Iterator[AssetRow]:
        """See the port."""
        where, values = finding.class_filter(cls)
        with translated(self._path):
            for row in self._db.execute(
                f"{rows.SELECT} WHERE a.hidden=0 {where} ORDER BY a.id", values
            ):
                yield rows.read(self._db, row)

    def installed(self, asset: AssetId) -> tuple[Installed, ...]:
        """See the port."""
        with translated(self._path), steady(self._db):
            return describe(self._db, self._spoken.on(asset).tolist())

    def installed_count(self, asset: AssetId) -> int:
        """See the port."""
        with translated(self._path), steady(self._db):
            return len(self._spoken.on(asset))

    def titles(self) -> Iterator[Title]:
        """See the port."""
        with translated(self._path):
            for row in self._db.execute(
                "SELECT id, system, name, publisher FROM title ORDER BY id"
            ):
                yield Title(*row)

    def titles_named(self, name: str) -> tuple[Title, ...]:
        """See the port."""
        with translated(self._path):
            return self._holder_pages.titles(name)

    def releases_of(self, title: int) -> tuple[Release, ...]:
        """See the port."""
        with translated(self._path):
            return self._holder_pages.releases(title)

    def holders_page(
        self, releases: Mapping[int, int], after: AssetId | None, limit: int
    ) -> HoldersPage:
        """See the port."""
        with translated(self._path):
            return self._holder_pages.page(releases, after, limit)

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """See the port."""
        found: dict[AssetId, set[str]] = {}
        with translated(self._path):
            versions = dict(
                self._db.execute("SELECT id, version FROM release WHERE title=?", (title,))
            )
            assets, releases = self._holder_pages.holders(sorted(versions))
        for asset, release in zip(assets.tolist(), releases.tolist(), strict=True):
            found.setdefault(AssetId(asset), set()).add(versions[release])
        return {asset: tuple(sorted(known)) for asset, known in sorted(found.items())}

    def counts(self) -> Mapping[str, int]:
        """See the port."""
        with translated(self._path):
            counted = dict(
                self._db.execute(
                    "SELECT cls, sum(n) FROM ("
                    "SELECT cls, count(*) AS n FROM asset WHERE parent IS NULL AND hidden=0"
                    " GROUP BY cls UNION ALL SELECT cls, count(*) FROM asset"
                    " WHERE parent IS NOT NULL AND hidden=0 GROUP BY cls) GROUP BY cls"
                )
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
        with translated(self._path):
            if asset is not None:
                found = feed.of_asset(self._db, asset, before=before, page=min(limit, 64))
                rows = [*islice(found, limit)]
            else:
                sql = feed.SELECT + "WHERE c.id < ? ORDER BY c.id DESC LIMIT ?"
                rows = self._db.execute(sql, (newest, limit)).fetchall()
            return feed.read(self._db, rows)

    def add_change(self, asset: AssetId, what: str, detail: Json) -> None:
        """See the port."""
        self._tx.touched = True
        with translated(self._path):
            feed.add(self._db, self._bodies, self._tx.id, (asset, what, detail))

    def change_sequence(self) -> int:
        """See the port."""
        return int(self._meta("sequence") or 0)

    def settle(self) -> None:
        """Called before a transaction is committed."""
        with translated(self._path):
            self._endpoints.settle()
            self._bonds.settle()
            self._numbers.settle()

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._endpoints.forget()
        self._places.forget()
        self._numbers.forget()
        self._parts.forget()

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


def _texts(projection: Projection) -> tuple[str, ...]:
    addresses = {address for _, address, _, _ in projection.addresses}
    return (*sorted(addresses), *projection.macs)
