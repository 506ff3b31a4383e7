"""Pages of assets that have some releases installed: the index look-up behind "P older than V"."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cmdb.store.port import AssetId, HoldersPage, Release, Title
from cmdb.store.sqlite.connection import steady
from cmdb.store.sqlite.former import Former
from cmdb.store.sqlite.holders import Holders, Joined
from cmdb.store.sqlite.owners import Owners
from cmdb.store.sqlite.tiles import Pairs

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class HolderPages:
    """Titles by name, their releases, and who has them."""

    def __init__(self, connection: sqlite3.Connection, holders: Holders) -> None:
        self._db = connection
        self._holders = holders
        self._owners = Owners(connection)
        self._former = Former(connection)

    def titles(self, name: str) -> tuple[Title, ...]:
        """Titles of that name."""
        rows = self._db.execute(
            "SELECT id, system, name, publisher FROM title WHERE name = ? COLLATE NOCASE"
            " ORDER BY system, publisher, id",
            (name,),
        )
        return tuple(Title(*row) for row in rows)

    def releases(self, title: int) -> tuple[Release, ...]:
        """Releases of a title, by id."""
        rows = self._db.execute(
            "SELECT id, version, architecture FROM release WHERE title=? ORDER BY id", (title,)
        )
        return tuple(Release(*row) for row in rows)

    def holders(self, releases: Sequence[int]) -> Pairs:
        """Assets and releases, of these releases; a pair may come twice."""
        with steady(self._db):
            records, found = self._holders.pairs(releases)
            assets = self._owners.of(records)
            more, theirs = self._former.added(np.array(sorted(set(releases)), np.uint32))
            silent = self._former.silent(records)
        kept = assets != 0
        if len(silent):
            kept &= ~np.isin(records, silent)
        return np.concatenate([assets[kept], more]), np.concatenate([found[kept], theirs])

    def page(self, releases: Mapping[int, int], after: AssetId | None, limit: int) -> HoldersPage:
        """Assets that have one of the releases, in order of id; see the port for groups."""
        wanted = sorted(releases)
        assets, found = self.holders(wanted)
        groups = np.array([releases[number] for number in wanted], np.uint64)
        if len(found):
            groups = groups[np.searchsorted(np.array(wanted, np.uint32), found)]
        joined = _distinct(assets.astype(np.uint64) << _HALF | groups[: len(found)])
        owners, held = joined >> _HALF, joined & _LOW
        counts = np.bincount(held.astype(np.int64))
        first = np.flatnonzero(_differs(owners))
        distinct = owners[first]
        start = int(np.searchsorted(distinct, np.uint64(after or 0), side="right"))
        ends = np.append(first[1:], len(owners))
        rows = tuple(
            (AssetId(int(distinct[place])), tuple(held[first[place] : ends[place]].tolist()))
            for place in range(start, min(start + limit, len(distinct)))
        )
        known = {int(group): int(counts[group]) for group in np.flatnonzero(counts)}
        return HoldersPage(rows, len(distinct), known, more=start + limit < len(distinct))


def _distinct(numbers: Joined) -> Joined:
    """Ascending, each once: two records of one asset that say the same are one.

    Not numpy.unique, which since numpy 2.3 hashes first and takes twenty times as long.
    """
    ordered = np.sort(numbers)
    return ordered[_differs(ordered)]


def _differs(ordered: Joined) -> NDArray[np.bool_]:
    """Where another number begins."""
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    return begins
