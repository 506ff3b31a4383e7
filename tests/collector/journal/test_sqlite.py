import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.journal.port import (
    Batch,
    BatchId,
    Entry,
    JournalFull,
    JournalUnavailable,
    Sections,
)
from collector.journal.sqlite import SqliteJournal, SqliteReader

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ONE, TWO = b"1" * 32, b"2" * 32


def entry(body: bytes, at: datetime = NOW) -> Entry:
    return Entry("observer/obs-a", "item.v1", at, body)


def batch(name: str, *sections: Sections | None, note: bytes = b"") -> Batch:
    return Batch(BatchId("obs-a", name), sections, note)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(tmp_path / "journal.db")
    yield opened
    opened.close()


def test_entries_come_back_in_order_as_they_were(journal: SqliteJournal) -> None:
    appended = journal.append([entry(b"one"), entry(b"two")])
    assert (appended.first, appended.last, appended.duplicate) == (1, 2, False)
    read = journal.read(0, 10, 1000)
    assert [(n.sequence, n.entry) for n in read] == [(1, entry(b"one")), (2, entry(b"two"))]
    assert [n.sequence for n in journal.read(1, 10, 1000)] == [2]


def test_read_is_bounded_by_count_and_bytes_and_always_moves_on(journal: SqliteJournal) -> None:
    journal.append([entry(b"x" * 100) for _ in range(5)])
    assert len(journal.read(0, 2, 10_000)) == 2
    assert len(journal.read(0, 10, 250)) == 2
    assert len(journal.read(0, 10, 1)) == 1


def test_a_batch_that_comes_twice_is_kept_once(journal: SqliteJournal) -> None:
    first = journal.append([entry(b"a")], batch=batch("b1", note=b"receipts"))
    journal.append([entry(b"other")])
    again = journal.append([entry(b"a")], batch=batch("b1", note=b"else"))
    assert again.duplicate
    assert (again.first, again.last, again.note) == (first.first, first.last, b"receipts")
    assert len(journal.read(0, 10, 1000)) == 2


def test_the_same_batch_id_of_another_sender_is_another_batch(journal: SqliteJournal) -> None:
    journal.append([entry(b"a")], batch=batch("b1"))
    other = journal.append([entry(b"b")], batch=Batch(BatchId("obs-b", "b1")))
    assert not other.duplicate


def test_an_entry_that_needs_what_is_not_held_is_left_out_alone(journal: SqliteJournal) -> None:
    needs = Sections("k", needs=frozenset({ONE}))
    brings = Sections("k", brings={10: ONE})
    first = journal.append([entry(b"a"), entry(b"b")], batch=batch("b1", needs, None))
    assert first.unmet == (0,)
    assert [n.entry.body for n in journal.read(0, 10, 1000)] == [b"b"]
    # In one batch what came before counts.
    assert journal.append([entry(b"c"), entry(b"d")], batch=batch("b2", brings, needs)).unmet == ()
    assert journal.append([entry(b"e")], batch=batch("b1", needs)).unmet == (0,)  # as told before


def test_what_is_held_follows_what_came(journal: SqliteJournal) -> None:
    whole = Sections("k", brings={10: ONE, 15: TWO}, whole=True)
    journal.append([entry(b"a")], batch=batch("b1", whole))
    assert journal.holds("obs-a", "k", [ONE, TWO])
    assert not journal.holds("obs-b", "k", [ONE])
    journal.append(
        [entry(b"b")], batch=batch("b2", Sections("k", needs=frozenset({TWO}), whole=True))
    )
    assert journal.holds("obs-a", None, [TWO])
    assert not journal.holds("obs-a", None, [ONE])
    kept = Sections("k", keeps=frozenset({15}), whole=True)
    journal.append([entry(b"c")], batch=batch("b3", kept))
    assert journal.holds("obs-a", "k", [TWO])
    journal.forget_sections("obs-a", "k")
    assert not journal.holds("obs-a", "k", [TWO])


def test_places_never_come_again_after_trim_and_restart(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    journal.append([entry(b"x"), entry(b"y")])
    assert journal.trim(2) == 2
    assert (journal.read(0, 10, 10), journal.last()) == ([], 2)
    journal.close()
    journal = SqliteJournal.open(tmp_path / "journal.db")
    assert journal.append([entry(b"z")]).first == 3
    journal.append([entry(b"s")], batch=batch("b1", Sections("k", brings={10: ONE})))
    journal.ensure_sequence(100)
    assert not journal.holds("obs-a", "k", [ONE])
    assert journal.append([entry(b"z")]).first == 101
    journal.ensure_sequence(50)
    assert journal.append([entry(b"z")]).first == 102
    journal.close()


def test_a_new_journal_can_start_above_a_place(journal: SqliteJournal) -> None:
    journal.ensure_sequence(7)
    assert journal.last() == 7
    assert journal.append([entry(b"z")]).first == 8


def test_a_trimmed_file_shrinks(journal: SqliteJournal, tmp_path: Path) -> None:
    for _ in range(10):
        journal.append([entry(os.urandom(400_000)) for _ in range(5)])
    path = tmp_path / "journal.db"
    _checkpoint(path)
    full = path.stat().st_size
    for _ in range(20):
        journal.trim(journal.last())
    _checkpoint(path)
    assert full > 15_000_000
    assert path.stat().st_size < full / 10


def test_a_file_that_is_mostly_free_is_written_anew(journal: SqliteJournal, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for _ in range(10):
        journal.append([entry(os.urandom(400_000)) for _ in range(5)])
    kept = journal.append([entry(b"kept")], batch=batch("b1")).last
    _checkpoint(path)
    full = path.stat().st_size
    journal.trim(kept - 1)
    journal.shrink()
    _checkpoint(path)
    assert path.stat().st_size < full / 20
    assert [n.entry.body for n in journal.read(0, 10, 100)] == [b"kept"]
    assert journal.append([entry(b"kept")], batch=batch("b1")).duplicate


def test_bytes_that_wait_are_counted_also_after_a_restart(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    for size in (10, 20, 30):
        journal.append([entry(b"x" * size), entry(b"")])
    needs = Sections("k", needs=frozenset({ONE}))
    journal.append([entry(b"left out")], batch=batch("b1", needs))
    journal.append([entry(b"12345")], batch=batch("b2"))
    journal.append([entry(b"12345")], batch=batch("b2"))  # a duplicate
    assert journal.bytes_after(0) == 65
    assert journal.bytes_after(2) == 55
    journal.close()
    journal = SqliteJournal.open(tmp_path / "journal.db")
    assert journal.bytes_after(0) == 65
    assert journal.bytes_after(journal.last()) == 0
    journal.close()


def test_batch_ids_are_forgotten_by_age(journal: SqliteJournal) -> None:
    journal.append([entry(b"a", NOW - timedelta(days=100))], batch=batch("old"))
    journal.append([entry(b"a", NOW)], batch=batch("new"))
    assert journal.forget_batches(NOW - timedelta(days=90)) == 1
    assert journal.append([entry(b"a")], batch=batch("new")).duplicate
    assert not journal.append([entry(b"a")], batch=batch("old")).duplicate


def test_many_threads_append_at_once_and_lose_nothing(journal: SqliteJournal) -> None:
    places: list[int] = []
    lock = threading.Lock()

    def work(name: int) -> None:
        for number in range(25):
            done = journal.append([entry(f"{name}-{number}".encode())])
            with lock:
                places.append(done.first)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(places) == list(range(1, 201))
    assert len({n.entry.body for n in journal.read(0, 1000, 1 << 20)}) == 200


def test_work_that_fails_takes_no_other_with_it(journal: SqliteJournal) -> None:
    with pytest.raises(AttributeError):
        journal.append([entry(b"good"), None])  # type: ignore[list-item]
    assert journal.append([entry(b"next")]).last == journal.last()
    assert [n.entry.body for n in journal.read(0, 10, 100)] == [b"next"]


def test_a_reader_in_another_process_sees_what_was_acknowledged(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    journal.append([entry(b"seen")])
    code = (
        "import sys; from pathlib import Path; from collector.journal.sqlite import SqliteReader;"
        "r = SqliteReader(Path(sys.argv[1])); print(r.last(), r.read(0, 9, 99)[0].entry.body)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "journal.db")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert said.stdout == "1 b'seen'\n"


def test_a_reader_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"nothing\.db"):
        SqliteReader(tmp_path / "nothing.db")


def test_a_file_that_is_no_journal_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database at all" * 1000)
    with pytest.raises(JournalUnavailable, match="not a database"):
        SqliteJournal.open(tmp_path / "journal.db")


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    journal.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        journal.append([entry(b"x")])


def test_a_full_disk_refuses_and_keeps_what_was_there(journal: SqliteJournal) -> None:
    journal.append([entry(b"before")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        with pytest.raises(JournalFull, match="no room on the disk"):
            journal.append([entry(os.urandom(4_000_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append([entry(b"after")])
    assert [n.entry.body for n in journal.read(0, 10, 1000)] == [b"before", b"after"]


def _checkpoint(path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
