"""Records in memory, in which a past state is laid out to be asked like the present one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cmdb.store.port import AssetId, RelationRow
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.connection import apply_steps
from cmdb.store.sqlite.record import SqliteRecord
from cmdb.store.sqlite.schema import APPLICATION_ID, MIGRATIONS

_PLACE = Path(":memory:")
_CHUNK = 500
_LATEST = 2**62
_COPIED = (("asset", "id=?1 OR parent=?1"), ("place", "asset=?1"))
_template: list[bytes] = []
_making = threading.Lock()


class ScratchRecord(SqliteRecord):
    """See cmdb.store.history.Scratch."""

    def __init__(self, memory: sqlite3.Connection, origin: sqlite3.Connection) -> None:
        super().__init__(memory, _PLACE)
        self._bodies.pack_plainly()
        self._memory = memory
        self._origin = origin

    def copy(self, assets: Iterable[AssetId]) -> None:
        """See the port."""
        for asset in assets:
            for table, where in _COPIED:
                rows = self._origin.execute(f"SELECT * FROM {table} WHERE {where}", (asset,))
                for row in rows:
                    marks = ",".join("?" * len(row))
                    self._memory.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)

    def relate(self, relations: Iterable[RelationRow]) -> None:
        """See the port."""
        self._memory.executemany(
            "INSERT OR REPLACE INTO relation VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    row.source, row.type, row.target, row.source, codec.to_micros(row.observed_at),
                    None if row.detail is None else codec.canonical(row.detail).decode(),
                )
                for row in relations
            ],
        )  # fmt: skip

    def names(self) -> Iterator[tuple[AssetId, str]]:
        """See the port."""
        for asset, parent, local, name in self._memory.execute(
            "SELECT id, parent, local, name FROM asset"
        ):
            yield AssetId(asset), name if parent is None else f"ci-{parent}#{local}"

    def tidy(self) -> None:
        """See the port."""
        self._memory.execute("DELETE FROM asset WHERE state=''")


@contextmanager
def opened_record(
    db: sqlite3.Connection, assets: Iterable[AssetId], last: AssetId
) -> Iterator[ScratchRecord]:
    """An empty record in memory.

    Args:
        db: The true one.
        assets: Whose parts keep the ids that they have there.
        last: The highest id that is taken.
    """
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        memory.deserialize(_empty())
        memory.executemany(
            "INSERT INTO dictionary VALUES (?, ?, ?)", db.execute("SELECT * FROM dictionary")
        )
        _keep_parts(db, memory, assets)
        memory.execute("INSERT OR REPLACE INTO meta VALUES ('assets', ?)", (str(last),))
        yield ScratchRecord(memory, db)
    finally:
        memory.close()


def _empty() -> bytes:
    with _making:
        if not _template:
            made = sqlite3.connect(":memory:", isolation_level=None)
            apply_steps(made, APPLICATION_ID, MIGRATIONS)
            _template.append(made.serialize())
            made.close()
    return _template[0]


def _keep_parts(
    db: sqlite3.Connection, memory: sqlite3.Connection, assets: Iterable[AssetId]
) -> None:
    """Lays out bare rows of parts and their owners, which are filled when their owner is put."""
    wanted = sorted(assets)
    nothing = codec.compress(b"{}")
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        rows = db.execute(
            f"SELECT id, cls, parent, local FROM asset WHERE parent IN ({marks}) UNION ALL"
            f" SELECT id, cls, NULL, NULL FROM asset WHERE id IN ({marks})",
            [*chunk, *chunk],
        )
        memory.executemany(
            "INSERT INTO asset (id, cls, state, parent, local, scope, name, first_seen, last_seen,"
            " kinds, demo, revision, doc) VALUES (?, ?, '', ?, ?, '', '', ?, 0, '', 0, 0, ?)",
            [(*row, _LATEST, nothing) for row in rows],
        )
