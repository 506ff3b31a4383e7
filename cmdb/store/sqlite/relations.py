"""Relations between assets: those packed with their owner, and those that are stated one by one."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cmdb.model.observation import Json
from cmdb.store.port import AssetId, Edge, Projection, RelationRow
from cmdb.store.sqlite import bonds, codec, parted
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.bonds import Bond, Bonds
from cmdb.store.sqlite.endpoints import Endpoints
from cmdb.store.sqlite.neighbours import relation_row

_PLAIN = frozenset({str, int})
"""Types of values that are the same when they are equal: 1 is True, too, and 1.0."""
_STATED = "SELECT source, type, target, at, detail FROM relation "


@dataclass(frozen=True, slots=True)
class _Told:
    """The relations of a projection, by their ends and type."""

    stated: dict[tuple[int, str, int], Bond]
    packed: dict[tuple[int, str, int], Bond]
    sockets: set[int]
    """At which packed ones end."""


class Relations:
    """The tables bond and relation, read through endpoints."""

    def __init__(self, connection: sqlite3.Connection, packed: Bonds, endpoints: Endpoints) -> None:
        self._db = connection
        self._bonds = packed
        self._endpoints = endpoints

    def put(
        self, asset: AssetId, projection: Projection, parts: Mapping[str, AssetId], *, earlier: bool
    ) -> None:
        """Makes the edges of a projection the relations of its asset.

        Args:
            asset: The owner.
            projection: With the edges.
            parts: Ids of its parts by their names inside it.
            earlier: Whether the asset was thought to have been seen earlier than it was.
        """
        told = self._sorted(asset, projection, parts)
        self._state(asset, told.stated.values())
        self._pack(asset, projection, told, earlier=earlier)

    def renew(self, asset: AssetId, projection: Projection, parts: Mapping[str, AssetId]) -> None:
        """The same for those inside the asset and from it to sockets; those stated stay."""
        self._pack(asset, projection, self._sorted(asset, projection, parts), earlier=False)

    def _sorted(
        self, asset: AssetId, projection: Projection, parts: Mapping[str, AssetId]
    ) -> _Told:
        told = _Told({}, {}, set())
        instants: dict[datetime | None, int] = {None: codec.to_micros(projection.last_seen)}
        for edge in projection.edges:
            local, type_, goal, socket, _, detail, observed = edge
            source = asset if local is None else parts.get(local)
            target = self._target(edge, projection, parts, asset)
            if source is None or target is None:
                continue
            if socket is not None:
                told.sockets.add(target)
            kept = told.packed if goal is None else told.stated
            at = instants.get(observed)
            if at is None:
                at = instants[observed] = codec.to_micros(cast("datetime", observed))
            key = (source, type_, target)
            known = kept.get(key)
            if known is None or at > known.at:
                words = None if detail is None else _written(detail)
                kept[key] = Bond(source, type_, target, at, words)
        return told

    def _target(
        self, edge: Edge, projection: Projection, parts: Mapping[str, AssetId], asset: AssetId
    ) -> AssetId | None:
        if edge.target_socket is not None:
            socket = (projection.scope, *edge.target_socket)
            return self._endpoints.at(socket, projection.first_seen, demo=projection.demo)
        if edge.target_part is not None:
            return parts.get(edge.target_part)
        return asset if edge.target is None else edge.target

    def _state(self, owner: int, stated: Iterable[Bond]) -> None:
        self._db.execute("DELETE FROM relation WHERE owner=?", (owner,))
        self._db.executemany(
            "INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?)",
            [(b.source, b.type, b.target, owner, b.at, b.detail) for b in stated],
        )

    def _pack(self, owner: int, projection: Projection, told: _Told, *, earlier: bool) -> None:
        packed, sockets = told.packed, told.sockets
        before, newest = self._bonds.put(owner, packed.values(), sockets)
        gone = set(before.tolist()) - sockets
        if gone:
            parted.note(self._db, owner, gone)
        ats = [bond.at for bond in packed.values() if bond.target in sockets]
        if earlier or (ats and newest > min(ats)):
            self._endpoints.lost(before.tolist())
        else:
            self._endpoints.lost(gone)
        if sockets:
            first = codec.to_micros(projection.first_seen)
            self._endpoints.used(sockets, first, max(ats))

    def drop(self, asset: AssetId) -> None:
        """Takes out those that an asset owns."""
        self._db.execute("DELETE FROM relation WHERE owner=?", (asset,))
        before, _ = self._bonds.put(asset, (), set())
        parted.note(self._db, asset, before.tolist())
        self._endpoints.lost(before.tolist())

    def every(self) -> Iterator[RelationRow]:
        """All between assets that are there, in order of source and target."""
        there = {row[0] for row in self._db.execute("SELECT id FROM asset")}
        resolved: dict[int, int] = dict(
            self._db.execute("SELECT asset, resolved FROM endpoint WHERE resolved > 0")
        )
        rows = [
            (bond.source, resolved.get(bond.target, bond.target), bond.type, bond)
            for bond in self._all_bonds()
        ]
        rows.sort(key=lambda row: row[:3])
        for source, target, _, bond in rows:
            if source in there and target in there:
                yield relation_row(bond, target)

    def _all_bonds(self) -> Iterator[Bond]:
        for at, body in self._db.execute("SELECT at, body FROM bond"):
            yield from bonds.unpack(opened(self._db, body), at)
        for row in self._db.execute(_STATED):
            yield Bond(*row)


def _written(detail: Json) -> str:
    """The JSON of a detail; the same few are said of many."""
    if isinstance(detail, dict) and _PLAIN.issuperset(map(type, detail.values())):
        return _written_words(tuple(cast("dict[str, str | int]", detail).items()))
    return codec.canonical(detail).decode()


@functools.lru_cache(maxsize=16_384)
def _written_words(words: tuple[tuple[str, str | int], ...]) -> str:
    return codec.canonical_words(dict(words)).decode()
