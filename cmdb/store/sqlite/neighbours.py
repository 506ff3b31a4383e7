"""Relations around one asset, as many as are asked for: the reading side of relations.py.

A socket that the whole estate uses has a relation with each of its machines. Who they are the tiles
tell; what each says of it is read only of those that are shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

import numpy as np

from cmdb.store.port import AssetId, Related, RelationRow
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.bonds import Bond, Bonds
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.talkers import Talkers

_STATED = "SELECT source, type, target, at, detail FROM relation "
_CHUNK = 500


class Neighbours:
    """Reads them; of one connection."""

    def __init__(self, connection: sqlite3.Connection, bonds: Bonds, talkers: Talkers) -> None:
        self._db = connection
        self._bonds = bonds
        self._talkers = talkers

    def around(self, asset: AssetId, users: int, after: AssetId | None) -> Related:
        """See the port."""
        row = self._db.execute("SELECT parent FROM asset WHERE id=?", (asset,)).fetchone()
        owner = row[0] if row and row[0] is not None else asset
        parts = self._db.execute("SELECT id FROM asset WHERE parent=?", (asset,)).fetchall()
        inside = {int(asset), *(row[0] for row in parts)}
        sockets = self._sockets(inside)
        owners, _ = self._talkers.pairs(sorted(sockets))
        later = _distinct(owners[owners > (after or 0)])
        chosen = later[:users].tolist()
        found = self._bonds.some(chosen, sockets)
        if after is None:
            found += self._own(owner, inside)
        return Related(
            rows=self._rows(asset, inside, found),
            more=int(np.count_nonzero(owners > chosen[-1])) if chosen else 0,
            following=AssetId(chosen[-1]) if len(later) > len(chosen) > 0 else None,
        )

    def of(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """All that start or end at an asset."""
        row = self._db.execute("SELECT parent FROM asset WHERE id=?", (asset,)).fetchone()
        owner = row[0] if row and row[0] is not None else asset
        sockets = self._sockets([asset])
        users, _ = self._talkers.pairs(sorted(sockets))
        found = [
            *self._own(owner, [asset]),
            *self._bonds.some(_distinct(users).tolist(), sockets),
        ]
        return self._rows(asset, [asset], found)

    def _sockets(self, inside: Collection[int]) -> set[int]:
        """Endpoints at which these listen, or which they stand for."""
        marks = ",".join(map(str, inside))
        rows = self._db.execute(
            f"SELECT asset FROM endpoint WHERE resolved IN ({marks})"
            f" UNION SELECT asset FROM endpoint WHERE asset IN ({marks})"
        )
        return {row[0] for row in rows}

    def _own(self, owner: int, inside: Collection[int]) -> list[Bond]:
        """Those that the machine itself tells of, and those that someone states."""
        marks = ",".join(map(str, inside))
        sql = f"{_STATED} WHERE source IN ({marks}) UNION {_STATED} WHERE target IN ({marks})"
        return [*self._bonds.of(owner), *(Bond(*row) for row in self._db.execute(sql))]

    def _rows(
        self, asset: int, inside: Collection[int], found: Iterable[Bond]
    ) -> tuple[RelationRow, ...]:
        """Relations of the asset, and those of its parts to what is not of the asset."""
        bonds = dict.fromkeys(found)
        resolved = self.resolved(bond.target for bond in bonds)
        ends = [(bond, resolved.get(bond.target, bond.target)) for bond in bonds]
        shown = [
            (bond, target)
            for bond, target in ends
            if asset in {bond.source, target} or (bond.source in inside) != (target in inside)
        ]
        shown.sort(key=lambda end: (end[0].source, end[0].type, end[1], end[0].target))
        # Most were seen at one time.
        times = {at: codec.from_micros(at) for at in {bond.at for bond, _ in shown}}
        return tuple(_row(bond, target, times[bond.at]) for bond, target in shown)

    def resolved(self, targets: Iterable[int]) -> dict[int, int]:
        """Who listens at those of these that are endpoints of someone known."""
        wanted = sorted(set(targets))
        found: dict[int, int] = {}
        for start in range(0, len(wanted), _CHUNK):
            marks = ",".join(map(str, wanted[start : start + _CHUNK]))
            sql = f"SELECT asset, resolved FROM endpoint WHERE resolved > 0 AND asset IN ({marks})"
            found.update(self._db.execute(sql))
        return found


def _distinct(owners: Ids) -> Ids:
    """Ascending, each once; not numpy.unique, which hashes first and takes ten times as long."""
    ordered = np.sort(owners)
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    return ordered[begins]


def relation_row(bond: Bond, target: int) -> RelationRow:
    """A relation as others read it."""
    return _row(bond, target, codec.from_micros(bond.at))


def _row(bond: Bond, target: int, at: datetime) -> RelationRow:
    detail = None if bond.detail is None else codec.parse(bond.detail)
    return RelationRow(AssetId(bond.source), bond.type, AssetId(target), at, detail)
