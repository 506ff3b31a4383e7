"""Sockets that someone talks to, and who listens there.

A connection names an address and a port. Who that is follows from other assets' addresses and
services, which come, go and move; so an edge ends at an endpoint, a CI of its own, and the
endpoint is resolved anew whenever an asset with its address changes. Unresolved, it is shown as
a service that nobody has looked at; resolved, it is hidden and read through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from cmdb.store.port import AssetId
from cmdb.store.sqlite import codec, rows
from cmdb.store.sqlite.rows import Written

Socket = tuple[str, str, str, int]
"""Scope, address, protocol, port."""


class Endpoints:
    """The endpoint table."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def at(self, socket: Socket, seen: datetime, *, demo: bool) -> AssetId:
        """The endpoint of a socket; makes and resolves it when it is new."""
        scope, address, protocol, port = socket
        row = self._db.execute(
            "SELECT asset FROM endpoint WHERE scope=? AND address=? AND protocol=? AND port=?",
            socket,
        ).fetchone()
        if row:
            return AssetId(row[0])
        written = Written(
            "Service",
            "present",
            scope,
            {"name": _label(address, port), "address": address, "protocol": protocol, "port": port},
            seen,
            seen,
            (),
            demo,
        )
        cursor = self._db.execute("INSERT INTO asset_id DEFAULT VALUES")
        asset = AssetId(int(cursor.lastrowid or 0))
        rows.write(self._db, asset, written, 1)
        rows.write_words(self._db, asset, written, (address,))
        self._db.execute(
            "INSERT INTO endpoint (asset, scope, address, protocol, port) VALUES (?, ?, ?, ?, ?)",
            (asset, *socket),
        )
        self._resolve([asset])
        return asset

    def of(self, asset: AssetId) -> list[int]:
        """Endpoints that an asset, or a part of it, talks to."""
        found = self._db.execute(
            "SELECT target FROM relation WHERE owner=? AND target IN (SELECT asset FROM endpoint)",
            (asset,),
        )
        return [row[0] for row in found]

    def moved(self, addresses: Iterable[tuple[str, str]]) -> None:
        """Resolves the endpoints at these addresses (scope, address) again."""
        for scope, address in sorted(set(addresses)):
            found = self._db.execute(
                "SELECT asset FROM endpoint WHERE scope=? AND address=?", (scope, address)
            ).fetchall()
            self._resolve([AssetId(row[0]) for row in found])

    def _resolve(self, endpoints: Iterable[AssetId]) -> None:
        for endpoint in endpoints:
            scope, address, protocol, port = self._db.execute(
                "SELECT scope, address, protocol, port FROM endpoint WHERE asset=?", (endpoint,)
            ).fetchone()
            # Two that claim one address: the one seen there last. Ids settle nothing: they
            # depend on the order of arrival.
            holder = self._db.execute(
                "SELECT asset FROM address WHERE scope=? AND address=?"
                " ORDER BY at DESC, witness, asset",
                (scope, address),
            ).fetchone()
            target = None
            if holder:
                service = self._db.execute(
                    "SELECT id FROM asset WHERE parent=? AND local=?",
                    (holder[0], f"{protocol}/{port}"),
                ).fetchone()
                target = service[0] if service else holder[0]
            self._db.execute(
                "UPDATE endpoint SET resolved=? WHERE asset=? AND resolved IS NOT ?",
                (target, endpoint, target),
            )
            self._db.execute(
                "UPDATE asset SET hidden=? WHERE id=?", (int(target is not None), endpoint)
            )

    def settle(self, endpoints: Iterable[int]) -> None:
        """Takes out those that no relation ends at any more; the others were seen when told of."""
        for endpoint in sorted(set(endpoints)):
            used = self._db.execute(
                "SELECT 1 FROM relation WHERE target=? LIMIT 1", (endpoint,)
            ).fetchone()
            gone = (
                not used
                and self._db.execute(
                    "DELETE FROM endpoint WHERE asset=? RETURNING asset", (endpoint,)
                ).fetchone()
            )
            if gone:
                self._db.execute("DELETE FROM asset WHERE id=?", (endpoint,))
                self._db.execute("DELETE FROM words WHERE rowid=?", (endpoint,))
            elif used:
                self._db.execute(
                    "UPDATE asset SET (first_seen, last_seen) ="
                    " (SELECT min(at), max(at) FROM relation WHERE target=?1) WHERE id=?1",
                    (endpoint,),
                )


def seen_at(db: sqlite3.Connection, asset: AssetId) -> list[tuple[str, str]]:
    """Scopes and addresses at which an asset is."""
    return db.execute("SELECT scope, address FROM address WHERE asset=?", (asset,)).fetchall()


def replace_addresses(
    db: sqlite3.Connection, asset: AssetId, addresses: Iterable[tuple[str, str, datetime, str]]
) -> None:
    """Makes these the addresses of an asset."""
    db.execute("DELETE FROM address WHERE asset=?", (asset,))
    db.executemany(
        "INSERT OR REPLACE INTO address VALUES (?, ?, ?, ?, ?)",
        [
            (scope, address, asset, codec.to_micros(at), witness)
            for scope, address, at, witness in addresses
        ],
    )


def _label(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
