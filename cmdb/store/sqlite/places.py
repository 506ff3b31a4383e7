"""Where assets are: one row an asset, and a map in memory to find who is at an address."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from cmdb.store.port import AssetId
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.hashes import Hashes

Address = tuple[str, str]
"""Scope and address."""
Place = tuple[str, str, datetime, str]
"""Scope, address, when it was seen there, and who says so."""


class Places:
    """The table place."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._found: Hashes | None = None
        self._contested: set[AssetId] = set()
        """Assets with an address at which another was seen, too; some that once were."""
        self._met: set[AssetId] = set()
        """Those of them that were not before."""

    def of(self, asset: int) -> list[tuple[str, str, int, str]]:
        """Where an asset is; times in microseconds since 1970."""
        row = self._db.execute("SELECT body FROM place WHERE asset=?", (asset,)).fetchone()
        return _read(row[0]) if row else []

    def replace(self, asset: int, places: Iterable[Place]) -> list[Address]:
        """Makes these the places of an asset; addresses at which who is there may differ now."""
        index = self._index()
        before = {(place[0], place[1]) for place in self.of(asset)}
        told = list(places)
        after = {(scope, address) for scope, address, _, _ in told}
        for gone in before - after:
            index.discard(_hash(*gone), asset)
        for new in after - before:
            address = _hash(*new)
            index.add(address, asset)
            claimants = set(map(AssetId, index.get(address)))
            if len(claimants) > 1:
                self._met |= claimants - self._contested
                self._contested |= claimants
        if told:
            self._db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (asset, _packed(told)))
        elif before:
            self._db.execute("DELETE FROM place WHERE asset=?", (asset,))
        contested = [both for both in before & after if len(index.get(_hash(*both))) > 1]
        return [*(before ^ after), *contested]

    def holder(self, scope: str, address: str) -> int | None:
        """Who is there.

        Of two that claim one address the one seen there last. Ids settle nothing: they depend on
        the order of arrival.
        """
        claims = [
            (-at, witness, asset)
            for asset in self._index().get(_hash(scope, address))
            for its_scope, its_address, at, witness in self.of(asset)
            if (its_scope, its_address) == (scope, address)
        ]
        return min(claims)[2] if claims else None

    def contested(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """Those of these with an address at which another was seen, too; perhaps a few more."""
        self._index()
        return self._contested.intersection(assets)

    def met(self) -> set[AssetId]:
        """Assets that came to be contested since this was asked last."""
        met, self._met = self._met, set()
        return met

    def _index(self) -> Hashes:
        if self._found is None:
            self._found = Hashes()
            for asset, body in self._db.execute("SELECT asset, body FROM place"):
                for scope, address, _, _ in _read(body):
                    self._found.add(_hash(scope, address), asset)
            self._contested = set()
            for assets in self._found.shared():
                self._contested.update(map(AssetId, assets))
        return self._found

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._found = None
        self._met = set()


def _packed(places: Iterable[Place]) -> str:
    groups: dict[tuple[str, int, str], list[str]] = {}
    for scope, address, at, witness in places:
        groups.setdefault((scope, codec.to_micros(at), witness), []).append(address)
    return codec.canonical_words([[*key, *addresses] for key, addresses in groups.items()]).decode()


def _read(body: str) -> list[tuple[str, str, int, str]]:
    groups = cast("list[tuple[str, int, str, str]]", codec.parse(body))
    return [
        (scope, address, at, witness)
        for scope, at, witness, *addresses in groups
        for address in addresses
    ]


def _hash(scope: str, address: str) -> int:
    text = f"{scope}\0{address}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
