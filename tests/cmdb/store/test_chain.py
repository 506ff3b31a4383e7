"""Earlier words of a section as a chain: what each rests on, and what is left when some go."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmdb.model.observation import RecordKey, SectionKind, Source
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.record import SqliteRecord, open_record
from cmdb.store.values import RecordId, StoredSection

START = datetime(2026, 1, 1, tzinfo=UTC)
KIND = SectionKind.SERVICES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.db"


@pytest.fixture
def record(path: Path) -> Iterator[SqliteRecord]:
    with closing(open_record(path)) as found:
        yield found


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def word(hour: int, text: str = "", digest: bytes | None = None) -> StoredSection:
    body = f'["{text or hour} {"of some length " * 3}"]'.encode()
    return StoredSection(body, digest or codec.digest(body), at(hour), at(hour))


def known(record: SqliteRecord) -> RecordId:
    with record.transaction(START):
        key = RecordKey(Source("agent", "one"), "site", "k")
        return record.ledger.heard(key, START, full=False).id


def rows(path: Path, what: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT {what} FROM past ORDER BY id").fetchall()


def test_words_come_back_in_any_mixture_of_late_and_replaced(
    record: SqliteRecord, path: Path
) -> None:
    rng = random.Random(3)
    id_ = known(record)
    told: list[StoredSection] = []
    current: StoredSection | None = None
    hours = rng.sample(range(1, 400), 120)
    for place, hour in enumerate(hours):
        said = word(hour, digest=rng.choice((None, b"another digest  ")))
        with record.transaction(at(hour)):
            if place < 5 or rng.random() < 0.3:
                record.ledger.put_late(id_, KIND, said)
                told.append(said)
            else:
                record.ledger.put_section(id_, KIND, said)
                told += [current] if current else []
                current = said
    found = list(record.ledger.past(id_, KIND))
    assert sorted(found, key=lambda each: each.observed_at) == sorted(
        told, key=lambda each: each.observed_at
    )
    assert record.ledger.section(id_, KIND) == current
    # Said anew, a late word is no second one.
    with record.transaction(at(500)):
        for said in told:
            record.ledger.put_late(id_, KIND, said)
    assert len(rows(path, "id")) == len(told)


def test_a_digest_is_kept_only_where_the_body_does_not_tell_it(
    record: SqliteRecord, path: Path
) -> None:
    id_ = known(record)
    for hour, digest in enumerate((None, b"that of the text", None)):
        with record.transaction(at(hour)):
            record.ledger.put_section(id_, KIND, word(hour, digest=digest))
    assert rows(path, "digest") == [(None,), (b"that of the text",)]


def test_a_word_seen_later_than_the_next_is_found_at_its_time(record: SqliteRecord) -> None:
    id_ = known(record)
    for hour in (10, 20, 5):
        with record.transaction(at(30)):
            record.ledger.put_section(id_, KIND, word(hour))
    for hour, expected in ((4, None), (7, 5), (12, 10), (25, 20)):
        then = record.history.record(id_, record.history.moment(at(hour), None))
        held = then.sections.get(KIND) if then else None
        assert (held.observed_at if held else None) == (at(expected) if expected else None), hour


def test_nothing_is_left_of_a_record_that_is_erased(record: SqliteRecord, path: Path) -> None:
    id_, other = known(record), RecordId(0)
    with record.transaction(at(1)):
        key = RecordKey(Source("agent", "two"), "other", "k")
        other = record.ledger.heard(key, START, full=False).id
    for hour in range(2, 9):
        with record.transaction(at(hour)):
            for each in (id_, other):
                record.ledger.put_section(each, KIND, word(hour))
                record.ledger.put_late(each, KIND, word(hour - 1, "late"))
                record.ledger.put_late(each, SectionKind.DISKS, word(hour))
    count = len(rows(path, "id"))
    with record.transaction(at(10)):
        assert record.ledger.erase_scope("site") == 1
    assert len(rows(path, "id")) == count / 2
    assert len(list(record.ledger.past(other, KIND))) == 13
    assert len(list(record.ledger.past(other, SectionKind.DISKS))) == 7


def test_where_nothing_is_said_now_late_words_are_thinned_too(record: SqliteRecord) -> None:
    id_ = known(record)
    days = [0, 1, 2, 40, 41, 100, 150]
    for day in days:
        with record.transaction(at(day * 24)):
            record.ledger.put_late(id_, KIND, word(day * 24))
    with record.transaction(at(4_000)):
        assert record.compaction.words(id_, id_, at(120 * 24)) == 3
    left = [each.observed_at for each in record.ledger.past(id_, KIND)]
    assert left == [at(day * 24) for day in (150, 100, 41, 2)]
    with record.transaction(at(4_001)):
        record.ledger.put_section(id_, KIND, word(200 * 24))
    assert [each.body for each in record.ledger.past(id_, KIND)] == [
        word(day * 24).body for day in (150, 100, 41, 2)
    ]
