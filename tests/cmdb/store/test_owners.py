"""Which asset a record is about, kept in memory and never behind the file."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cmdb.store.sqlite.owners import Owners
from cmdb.store.sqlite.record import open_record

_RECORDS = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "record.db"
    open_record(path).close()
    return path


@pytest.fixture
def writer(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        yield db


@pytest.fixture
def reader(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        yield db


def link(
    db: sqlite3.Connection, record: int, asset: int, tx: int, until: int | None = None
) -> None:
    db.execute(
        "INSERT INTO link (record, asset, rule, evidence, since, until, tx, decided_at)"
        " VALUES (?, ?, 'rule', x'', 0, ?, ?, 0)",
        (record, asset, until, tx),
    )


def end(db: sqlite3.Connection, record: int, tx: int) -> None:
    db.execute(
        "UPDATE link SET ended_tx=?, ended_at=0 WHERE record=? AND ended_tx IS NULL", (tx, record)
    )


def told(owners: Owners, *records: int) -> list[int]:
    found: list[int] = owners.of(np.array(records, np.uint32)).tolist()
    return found


def test_records_that_are_about_nothing(reader: sqlite3.Connection) -> None:
    assert told(Owners(reader), 1, 7) == [0, 0]


def test_a_stretch_that_is_over_does_not_count(
    writer: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    link(writer, 1, 10, tx=1, until=99)
    link(writer, 1, 11, tx=1)
    assert told(Owners(reader), 1, 2) == [11, 0]


def test_what_ends_without_a_successor_is_noticed(
    writer: sqlite3.Connection, reader: sqlite3.Connection
) -> None:
    owners = Owners(reader)
    link(writer, 1, 10, tx=1)
    link(writer, 2, 20, tx=1)
    assert told(owners, 1, 2, 3) == [10, 20, 0]
    end(writer, 1, tx=2)
    assert told(owners, 1, 2, 3) == [0, 20, 0]
    link(writer, 1, 30, tx=3)
    assert told(owners, 1, 2, 3) == [30, 20, 0]


@pytest.mark.parametrize("seed", range(5))
def test_step_by_step_is_as_all_at_once(
    writer: sqlite3.Connection, reader: sqlite3.Connection, seed: int
) -> None:
    rng = random.Random(seed)
    followed = Owners(reader)
    every = range(_RECORDS + 10)
    for tx in range(1, 40):
        for _ in range(rng.randint(1, 4)):
            record = rng.randrange(_RECORDS)
            end(writer, record, tx)
            if rng.random() < 0.8:
                link(writer, record, rng.randint(1, 99), tx)
        assert told(followed, *every) == told(Owners(reader), *every)
    assert any(told(followed, *every))
