"""Who uses a socket: the reading side of bonds.py, of one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from cmdb.store.sqlite import tiles
from cmdb.store.sqlite.bodies import opened
from cmdb.store.sqlite.bonds import BITS, epoch, sealed, sockets_in
from cmdb.store.sqlite.packed import Ids
from cmdb.store.sqlite.tiles import EMPTY, Kind, Pairs

_UNSEALED = (
    "SELECT owner, revision FROM bond WHERE owner >= ?1"
    " UNION SELECT u.owner, coalesce(b.revision, -1) FROM unsealed u"
    " LEFT JOIN bond b ON b.owner = u.owner"
)


class Talkers:
    """Answers which assets use some sockets."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._read: dict[int, tuple[int, Ids]] = {}
        """Owners that the tiles do not know, or not as they are now: revision and sockets."""
        self._flat: tuple[Ids, Ids] | None = None
        self._epoch = -1

    def of(self, sockets: Sequence[int]) -> dict[int, list[int]]:
        """Assets by the socket that they use, ascending."""
        owners, keys = self.pairs(sockets)
        found: dict[int, list[int]] = {}
        for owner, key in zip(owners.tolist(), keys.tolist(), strict=True):
            found.setdefault(key, []).append(owner)
        return {key: sorted(users) for key, users in found.items()}

    def pairs(self, sockets: Sequence[int]) -> Pairs:
        """Assets and the sockets that they use, side by side, in no order."""
        if not sockets:
            return EMPTY
        blocks = sealed(self._db)
        owners, keys = tiles.read_keys(self._db, Kind.SOCKETS, sorted(sockets), blocks)
        self._refresh(blocks << BITS)
        kept = ~np.isin(owners, np.array(list(self._read), np.uint32))
        more_owners, more_keys = self._unsealed(np.array(sorted(sockets), np.uint32))
        return (
            np.concatenate([owners[kept], more_owners]),
            np.concatenate([keys[kept], more_keys]),
        )

    def _unsealed(self, wanted: Ids) -> tuple[Ids, Ids]:
        if self._flat is None:
            sizes = [len(ids) for _, ids in self._read.values()]
            owners = np.repeat(np.array(list(self._read), np.uint32), sizes)
            every = [ids for _, ids in self._read.values()]
            self._flat = owners, np.concatenate(every) if every else owners
        owners, keys = self._flat
        mine = np.isin(keys, wanted)
        return owners[mine], keys[mine]

    def _refresh(self, first: int) -> None:
        upto = epoch(self._db)
        if upto == self._epoch:
            return
        self._epoch = upto
        now = dict(self._db.execute(_UNSEALED, (first,)).fetchall())
        same = {o: kept for o, kept in self._read.items() if now.get(o) == kept[0]}
        changed = now.keys() - same.keys()
        if not changed and len(same) == len(self._read):
            return
        for owner in changed:
            row = self._db.execute("SELECT body FROM bond WHERE owner=?", (owner,)).fetchone()
            ids = sockets_in(opened(self._db, row[0])) if row else np.empty(0, np.uint32)
            same[owner] = now[owner], ids
        self._read, self._flat = same, None
