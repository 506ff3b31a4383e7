"""The file journal.db: one writer thread that gathers the work of many into one flush to disk.

Knows transactions and SQLite's errors, and no table's meaning; the tables are in schema.py.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from collector.journal import schema
from collector.journal.port import JournalError, JournalFull, JournalUnavailable

T = TypeVar("T")
Connection = sqlite3.Connection
"""What work is done on; owners of tables need not import sqlite3."""

_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})
_GATHER_MOST = 256
_PAGE_BYTES = 8192


class JournalFile:
    """The file, its schema and its one writer thread."""

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str] = schema.MIGRATIONS,
        *,
        gather: timedelta = timedelta(milliseconds=2),
    ) -> None:
        """Open or create the file and bring its schema up to date.

        Raises:
            JournalForeign: it is another program's, or that of a newer version.
            JournalUnavailable: it cannot be opened.
        """
        self.path = path
        self._gather_s = gather.total_seconds()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._alone = threading.Lock()
        self._closed = False
        with translated(path):
            self._connection = _open(path, migrations)
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in a transaction together with that of others; on disk when it returns.

        Raises:
            JournalFull: no room; nothing of the work stays.
            JournalUnavailable: the file is closed or failing; nothing of the work stays.
        """
        job = _Job(work)
        with self._closing:
            if self._closed:
                raise JournalUnavailable(f"{self.path} is closed")
            self._queue.put(job)
        result: T = job.future.result()
        return result

    def rewrite(self) -> None:
        """Write the file anew without its free pages; nothing else is written meanwhile.

        Raises:
            JournalFull: no room for a second copy of what is in use; the file is as it was.
            JournalUnavailable: the file is closed or failing.
        """
        # Between two transactions: SQLite does not do it within one.
        with self._alone, translated(self.path):
            self._connection.execute("VACUUM")

    def close(self) -> None:
        """Finish the work that waits and close the file."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        running = True
        while running:
            jobs: list[_Job] = []
            running = self._gather(jobs)
            if jobs:
                self._transact(jobs)

    def _gather(self, jobs: list["_Job"]) -> bool:
        """Wait for one job, then a moment for more; False once there will be none.

        They wait in the queue meanwhile: to be woken for each costs more than to journal it. Nor
        may this wait with a timeout: where one ends between two looks, a SimpleQueue of CPython
        3.11 waits for ever, and with it whoever asked for the job in hand.
        """
        job = self._queue.get()
        if job is not None:
            time.sleep(self._gather_s)
        while job is not None:
            jobs.append(job)
            if len(jobs) >= _GATHER_MOST:
                return True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return True
        return False

    def _transact(self, jobs: list["_Job"]) -> None:
        """One transaction for all; work that fails is undone by itself."""
        try:
            with self._alone, translated(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    job.run(self._connection)
                self._connection.execute("COMMIT")
        except JournalError as error:
            self._roll_back()
            for job in jobs:
                job.fail(error)
        else:
            for job in jobs:
                job.finish()

    def _roll_back(self) -> None:
        # After some errors (full, I/O) SQLite has rolled back by itself.
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


class _Job:
    """Work with its answer to come."""

    def __init__(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        self.future: Future[Any] = Future()
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute("SAVEPOINT job")
        try:
            self._result = self._work(connection)
        except sqlite3.Error:
            raise  # The file fails: everybody's work is undone.
        except Exception as error:  # noqa: BLE001  # handed to the caller, who waits for it
            self._error = error
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def finish(self) -> None:
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(self._result)

    def fail(self, error: JournalError) -> None:
        # An exception of its own for each caller: they raise it in different threads.
        copy = type(error)(*error.args)
        copy.__cause__ = error.__cause__
        self.future.set_exception(copy)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the journal's."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in _FULL:
            raise JournalFull(
                f"no room on the disk of {path}; free some, then try again"
            ) from error
        raise JournalUnavailable(f"{path}: {error} ({name or type(error).__name__})") from error


def _open(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=10
    )
    try:
        # First: a file that is refused stays as it is.
        schema.check(connection, path, len(migrations))
        _prepare(connection)
        schema.bring_up_to_date(connection, path, migrations)
    except BaseException:
        connection.close()
        raise
    path.chmod(0o600)
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # Page size and vacuum mode count only before the first table is made.
    for pragma in (
        f"page_size={_PAGE_BYTES}",
        "auto_vacuum=INCREMENTAL",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        # Entries are large and soon deleted: fewer checkpoints write fewer pages twice.
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
