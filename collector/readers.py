"""Read-only views of the record for many threads, each of one moment."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmdb.store.sqlite.record import SqliteRecord, open_record

_KEPT = 8


class Readers:
    """Lends a record to one user at a time, and keeps a few open.

    The one that came back last goes out first: its caches are warm.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: queue.LifoQueue[SqliteRecord] = queue.LifoQueue()

    @contextmanager
    def lend(self) -> Iterator[SqliteRecord]:
        """A record in which everything that is read is of one moment.

        Raises:
            StoreError: The record is not there yet, or cannot be read.
        """
        record = self._take()
        try:
            with record.snapshot():
                yield record
        finally:
            self._give_back(record)

    def applied(self) -> int:
        """Place in the journal up to which everything is in the record."""
        with self.lend() as record:
            return record.ledger.applied()

    def close(self) -> None:
        """Lets go of what is not lent."""
        while not self._free.empty():
            self._free.get_nowait().close()

    def _take(self) -> SqliteRecord:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            return open_record(self._path, readonly=True)

    def _give_back(self, record: SqliteRecord) -> None:
        if self._free.qsize() < _KEPT:
            self._free.put(record)
        else:
            record.close()
