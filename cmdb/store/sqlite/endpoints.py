"""Sockets that someone talks to, and who listens there.

A connection names an address and a port. Who that is follows from other assets' addresses and
services, which come, go and move; so a relation ends at an endpoint, a CI of its own, and the
endpoint is resolved anew whenever who is at its address changes. Unresolved, it is shown as a
service that nobody has looked at; resolved, it is hidden and read through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.store.port import AssetId
from cmdb.store.sqlite import rows
from cmdb.store.sqlite.bonds import Bonds
from cmdb.store.sqlite.places import Address, Places
from cmdb.store.sqlite.rows import Rows, Written
from cmdb.store.sqlite.talkers import Talkers

Socket = tuple[str, str, str, int]
"""Scope, address, protocol, port."""
_CACHED = 200_000
_CHUNK = 500
_NEVER = 2**62
"""Later than all that is seen, in microseconds."""


class Endpoints:
    """The endpoint table, and the CIs that stand for sockets nobody has looked at."""

    def __init__(
        self, connection: sqlite3.Connection, places: Places, bonds: Bonds, written: Rows
    ) -> None:
        self._db = connection
        self._places = places
        self._bonds = bonds
        self._rows = written
        self.talkers = Talkers(connection)
        self._known: dict[Socket, AssetId] = {}
        self._unresolved: set[int] | None = None
        self._told: dict[int, tuple[int, int]] = {}
        self._lost: set[int] = set()

    def at(self, socket: Socket, seen: datetime, *, demo: bool) -> AssetId:
        """The endpoint of a socket; makes and resolves it when it is new."""
        known = self._known.get(socket)
        if known is None:
            row = self._db.execute(
                "SELECT asset FROM endpoint WHERE scope=? AND address=? AND protocol=? AND port=?",
                socket,
            ).fetchone()
            known = AssetId(row[0]) if row else self._make(socket, seen, demo=demo)
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[socket] = known
        return known

    def _make(self, socket: Socket, seen: datetime, *, demo: bool) -> AssetId:
        scope, address, protocol, port = socket
        attributes: dict[str, Json] = {
            "name": _label(address, port),
            "address": address,
            "protocol": protocol,
            "port": port,
        }
        written = Written("Service", "present", scope, attributes, seen, seen, (), demo)
        asset = self._rows.numbers.next()
        self._rows.write(asset, written, 1)
        rows.write_words(self._db, asset, written, ((address,), ()), new=True)
        self._db.execute(
            "INSERT INTO endpoint (asset, scope, address, protocol, port) VALUES (?, ?, ?, ?, ?)",
            (asset, *socket),
        )
        self._open().add(asset)
        self._resolve(asset, *socket)
        return asset

    def _open(self) -> set[int]:
        """Endpoints that nobody is known to listen at."""
        if self._unresolved is None:
            found = self._db.execute("SELECT asset FROM endpoint WHERE resolved IS NULL")
            self._unresolved = {row[0] for row in found}
        return self._unresolved

    def used(self, endpoints: Iterable[int], first: int | None, last: int) -> None:
        """They are used by one who was first seen at `first`, and were seen at `last`."""
        since = _NEVER if first is None else first
        for endpoint in self._open().intersection(endpoints):
            known = self._told.get(endpoint)
            self._told[endpoint] = (
                (min(known[0], since), max(known[1], last)) if known else (since, last)
            )

    def lost(self, endpoints: Iterable[int]) -> None:
        """They may have lost a user, or were seen less lately than was thought."""
        self._lost.update(endpoints)

    def moved(self, addresses: Iterable[Address]) -> None:
        """Resolves the endpoints at these addresses again."""
        scopes: dict[str, set[str]] = {}
        for scope, address in addresses:
            scopes.setdefault(scope, set()).add(address)
        for scope, wanted in sorted(scopes.items()):
            for endpoint in self._among(scope, sorted(wanted)):
                self._resolve(*endpoint)

    def _among(self, scope: str, wanted: Sequence[str]) -> list[tuple[int, str, str, str, int]]:
        """Endpoints at some addresses of a scope, in their order."""
        found: list[tuple[int, str, str, str, int]] = []
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            sql = (
                "SELECT asset, scope, address, protocol, port FROM endpoint WHERE scope=?"
                f" AND address IN ({','.join('?' * len(chunk))})"
            )
            found += self._db.execute(sql, (scope, *chunk))
        return sorted(found, key=lambda row: row[1:])

    def _resolve(self, endpoint: int, scope: str, address: str, protocol: str, port: int) -> None:
        holder = self._places.holder(scope, address)
        target = holder
        if holder is not None:
            service = self._db.execute(
                "SELECT id FROM asset WHERE parent=? AND local=?", (holder, f"{protocol}/{port}")
            ).fetchone()
            target = service[0] if service else holder
        before = endpoint not in self._open()
        self._db.execute(
            "UPDATE endpoint SET resolved=? WHERE asset=? AND resolved IS NOT ?",
            (target, endpoint, target),
        )
        if before is (target is not None):
            return
        self._db.execute(
            "UPDATE asset SET hidden=? WHERE id=?", (int(target is not None), endpoint)
        )
        if target is None:
            self._open().add(endpoint)
            self._lost.add(endpoint)
        else:
            self._open().discard(endpoint)

    def settle(self) -> None:
        """Takes out those that nobody uses any more; notes when the others were seen."""
        if self._lost:
            users = self.talkers.of(sorted(self._lost))
            for endpoint in sorted(self._lost):
                self._weigh(endpoint, users.get(endpoint, ()))
        self._db.executemany(
            "UPDATE asset SET first_seen=min(first_seen, ?), last_seen=max(last_seen, ?)"
            " WHERE id=?",
            [(*seen, endpoint) for endpoint, seen in sorted(self._told.items())],
        )
        self._told, self._lost = {}, set()

    def _weigh(self, endpoint: int, users: Collection[int]) -> None:
        if not users:
            self._remove(endpoint)
            self._told.pop(endpoint, None)
        elif endpoint in self._open():
            last = max(
                bond.at
                for user in users
                for bond in self._bonds.of(user)
                if bond.target == endpoint
            )
            marks = ",".join(map(str, users))
            first = self._db.execute(
                f"SELECT min(first_seen) FROM asset WHERE id IN ({marks})"
            ).fetchone()[0]
            self._db.execute(
                "UPDATE asset SET first_seen=?, last_seen=? WHERE id=?", (first, last, endpoint)
            )

    def _remove(self, endpoint: int) -> None:
        gone = self._db.execute(
            "DELETE FROM endpoint WHERE asset=? RETURNING scope, address, protocol, port",
            (endpoint,),
        ).fetchall()
        if gone:
            self._known.pop(gone[0], None)
            self._open().discard(endpoint)
            self._db.execute("DELETE FROM asset WHERE id=?", (endpoint,))
            self._db.execute("DELETE FROM words WHERE rowid=?", (endpoint,))

    def forget(self) -> None:
        """Drops what a rolled-back transaction, or another writer, may have altered."""
        self._known.clear()
        self._unresolved = None
        self._told, self._lost = {}, set()


def _label(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
