"""The journal in SQLite: entries, ids of batches, and which sections are held.

Knows nothing of what entries mean.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.journal import schema
from collector.journal.file import JournalFile, translated
from collector.journal.port import Appended, Batch, Entry, Numbered, Sections

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TRIM_STEP = 2_000
_VACUUM_PAGES = 2_000
_SIZED_AT_ONCE = 64
_FREE_PAGES = 256
"""Free pages of which nothing is made: the next entries use them."""
_HASH_BYTES = 32
_HELD_BYTES = 4 + _HASH_BYTES
_LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0)"


class SqliteReader:
    """Reads the journal, also from another process than the writer's; one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file for reading.

        Raises:
            JournalForeign: it is another program's, or that of a newer version.
            JournalUnavailable: it is not there or cannot be read.
        """
        self._path = path
        with translated(path):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10
            )
            try:
                schema.check(self._connection, path)
                self._connection.execute(_LAST).fetchone()
            except BaseException:
                self._connection.close()
                raise

    def read(self, after: int, limit: int, max_bytes: int) -> list[Numbered]:
        """Entries after a place, in order; see the port."""
        found: list[Numbered] = []
        size_bytes = 0
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT seq, origin, form, received_us, body FROM entry"
                " WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            )
            for seq, origin, form, received_us, body in rows:
                size_bytes += len(body)
                if found and size_bytes > max_bytes:
                    rows.close()
                    break
                found.append(Numbered(seq, Entry(origin, form, _instant(received_us), body)))
        return found

    def last(self) -> int:
        """The highest place ever given out."""
        with translated(self._path):
            return int(self._connection.execute(_LAST).fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class SqliteJournal:
    """The journal as its one writer sees it."""

    def __init__(self, file: JournalFile) -> None:
        self._writer = file
        self._counting = threading.Lock()
        self._last: int = file.write(_last)
        self._sizes: deque[tuple[int, int]] = deque(file.write(_sizes))
        self._waiting_bytes = sum(size for _, size in self._sizes)

    @classmethod
    def open(cls, path: Path) -> "SqliteJournal":
        """A journal with a file of its own; `close` closes it."""
        return cls(JournalFile(path))

    def append(self, entries: Sequence[Entry], *, batch: Batch | None = None) -> Appended:
        """Add all entries or none; on disk when it returns."""
        appended = self._writer.write(lambda db: _append(db, entries, batch))
        with self._counting:
            self._last = max(self._last, appended.last)
            if appended.last and not appended.duplicate:
                size = sum(len(e.body) for i, e in enumerate(entries) if i not in appended.unmet)
                self._sizes.append((appended.last, size))
                self._waiting_bytes += size
        return appended

    def read(self, after: int, limit: int, max_bytes: int) -> list[Numbered]:
        """Entries after a place, in order; see the port."""
        reader = SqliteReader(self._path)
        try:
            return reader.read(after, limit, max_bytes)
        finally:
            reader.close()

    def last(self) -> int:
        """The highest place ever given out."""
        return self._last

    def bytes_after(self, applied: int) -> int:
        """Bytes of the entries after a place, which only ever grows from call to call."""
        with self._counting:
            while self._sizes and self._sizes[0][0] <= applied:
                self._waiting_bytes -= self._sizes.popleft()[1]
            return self._waiting_bytes

    def holds(self, sender: str, record: str | None, hashes: Sequence[bytes]) -> bool:
        """Whether every hash is that of a section held for the sender."""
        return self._writer.write(lambda db: set(hashes) <= _held_hashes(db, sender, record))

    def trim(self, upto: int) -> int:
        """Forget entries up to a place, in steps that keep nobody waiting for long."""
        total = 0
        while True:
            step = self._writer.write(lambda db: _trim_step(db, upto))
            total += step
            if step < _TRIM_STEP and not self._writer.write(_mostly_free):
                return total

    def shrink(self) -> None:
        """Give the disk back what is free; the file is written anew where most of it is."""
        if self._writer.write(_mostly_free):
            self._writer.rewrite()

    def ensure_sequence(self, at_least: int) -> None:
        """Give out only places above `at_least`, and hold no sections."""
        self._writer.write(lambda db: _ensure_sequence(db, at_least))
        with self._counting:
            self._last = max(self._last, at_least)

    def forget_batches(self, before: datetime) -> int:
        """Forget ids of batches that came before an instant."""
        return self._writer.write(
            lambda db: (
                db.execute(
                    "DELETE FROM batch WHERE received_us < ?", (_microseconds(before),)
                ).rowcount
            )
        )

    def forget_sections(self, sender: str | None = None, record: str | None = None) -> None:
        """Forget which sections are held."""
        self._writer.write(
            lambda db: (
                db.execute(
                    "DELETE FROM held WHERE (?1 IS NULL OR sender = ?1)"
                    " AND (?2 IS NULL OR record = ?2)",
                    (sender, record),
                ).rowcount
            )
        )

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    @property
    def _path(self) -> Path:
        return self._writer.path


def _mostly_free(db: sqlite3.Connection) -> bool:
    free_pages = int(db.execute("PRAGMA freelist_count").fetchone()[0])
    return free_pages > max(_FREE_PAGES, int(db.execute("PRAGMA page_count").fetchone()[0]) // 2)


def _last(db: sqlite3.Connection) -> int:
    return int(db.execute(_LAST).fetchone()[0])


def _sizes(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Places and bytes of what is there; a group of entries is told at its last."""
    return db.execute(
        "SELECT max(seq), sum(length(body)) FROM entry GROUP BY seq / ? ORDER BY 1",
        (_SIZED_AT_ONCE,),
    ).fetchall()


def _append(db: sqlite3.Connection, entries: Sequence[Entry], batch: Batch | None) -> Appended:
    if batch is None:
        return _insert(db, entries)
    known = db.execute(
        "SELECT first, last, unmet, note FROM batch WHERE sender = ? AND batch_id = ?",
        (batch.id.sender, batch.id.batch_id),
    ).fetchone()
    if known is not None:
        return Appended(known[0], known[1], True, _indexes(known[2]), known[3])  # noqa: FBT003
    unmet = _keep_sections(db, batch)
    placed = _insert(db, [e for index, e in enumerate(entries) if index not in unmet])
    received_us = max((_microseconds(e.received_at) for e in entries), default=_now_us())
    text = ",".join(map(str, unmet))
    db.execute(
        "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*_key(batch), placed.first, placed.last, text, batch.note, received_us),
    )
    return Appended(placed.first, placed.last, unmet=unmet, note=batch.note)


def _key(batch: Batch) -> tuple[str, str]:
    return batch.id.sender, batch.id.batch_id


def _insert(db: sqlite3.Connection, entries: Sequence[Entry]) -> Appended:
    places = [
        db.execute(
            "INSERT INTO entry (origin, form, received_us, body) VALUES (?, ?, ?, ?)",
            (entry.origin, entry.form, _microseconds(entry.received_at), entry.body),
        ).lastrowid
        or 0
        for entry in entries
    ]
    return Appended(places[0], places[-1]) if places else Appended(0, 0)


def _keep_sections(db: sqlite3.Connection, batch: Batch) -> tuple[int, ...]:
    """Note what each entry brings, in order; the indexes of those that need what is not held."""
    unmet = []
    for index, sections in enumerate(batch.sections):
        if sections is None:
            continue
        held = _held(db, batch.id.sender, sections.record)
        if not sections.needs <= set(held.values()):
            unmet.append(index)
            continue
        now = {**_kept(held, sections), **sections.brings}
        if now != held:
            db.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?)",
                (batch.id.sender, sections.record, _packed(now)),
            )
    return tuple(unmet)


def _kept(held: dict[int, bytes], sections: Sections) -> dict[int, bytes]:
    if not sections.whole:
        return held
    return {
        slot: content
        for slot, content in held.items()
        if content in sections.needs or slot in sections.keeps
    }


def _held(db: sqlite3.Connection, sender: str, record: str) -> dict[int, bytes]:
    row = db.execute(
        "SELECT sections FROM held WHERE sender = ? AND record = ?", (sender, record)
    ).fetchone()
    return _unpacked(row[0]) if row else {}


def _held_hashes(db: sqlite3.Connection, sender: str, record: str | None) -> set[bytes]:
    rows = db.execute(
        "SELECT sections FROM held WHERE sender = ?1 AND (?2 IS NULL OR record = ?2)",
        (sender, record),
    )
    return {content for (packed,) in rows for content in _unpacked(packed).values()}


def _packed(sections: Mapping[int, bytes]) -> bytes:
    return b"".join(n.to_bytes(4, "big") + content for n, content in sorted(sections.items()))


def _unpacked(packed: bytes) -> dict[int, bytes]:
    return {
        int.from_bytes(packed[at : at + 4], "big"): packed[at + 4 : at + _HELD_BYTES]
        for at in range(0, len(packed), _HELD_BYTES)
    }


def _trim_step(db: sqlite3.Connection, upto: int) -> int:
    step = db.execute(
        "DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE seq <= ?"
        " ORDER BY seq LIMIT ?)",
        (upto, _TRIM_STEP),
    ).rowcount
    # What is still waiting will be trimmed soon, and its pages used again: the file shrinks once
    # most of it is free. The pragma frees one page each time it is stepped, and Python steps it
    # once.
    free_pages = int(db.execute("PRAGMA freelist_count").fetchone()[0])
    pages = int(db.execute("PRAGMA page_count").fetchone()[0])
    if free_pages > pages // 2:
        for _ in range(min(free_pages, _VACUUM_PAGES)):
            db.execute("PRAGMA incremental_vacuum(1)")
    return step


def _ensure_sequence(db: sqlite3.Connection, at_least: int) -> None:
    if _last(db) < at_least:
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'entry'")
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entry', ?)", (at_least,))
    db.execute("DELETE FROM held")


def _indexes(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _now_us() -> int:
    return _microseconds(datetime.now(UTC))


def _instant(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
