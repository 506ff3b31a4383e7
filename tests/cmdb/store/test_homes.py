"""A record of every schema that was ever released opens, and says what it said before."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cmdb.model.observation import SectionKind
from cmdb.store.port import Search
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.record import SqliteRecord, open_record
from cmdb.store.sqlite.schema import MIGRATIONS
from cmdb.store.sqlite.sections import KINDS
from reconcile.adopt import adopt
from tests.cmdb.store.past_answers import answers
from tests.reconcile.history import Engine, observation

HOMES = sorted((Path(__file__).parent / "homes").glob("*.sql"), key=lambda path: int(path.stem))
PASTS = sorted((Path(__file__).parent / "homes/past").glob("*.sql"))
"""Homes with weeks of changes, late words and a compacted past; beside them what they answered."""


@pytest.fixture(params=HOMES, ids=lambda path: path.stem)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A file of an old schema, and the state that it had then."""
    script: Path = request.param
    path = tmp_path / "record.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script.read_text())
        assert db.execute("PRAGMA user_version").fetchone()[0] == int(script.stem)
    state: dict[str, Any] = json.loads(script.with_suffix(".json").read_text())
    return path, state


def said(record: SqliteRecord) -> Any:
    """The state in the form of the file."""
    told = json.dumps(Engine(record).state())
    # The numbers of stretches came with a later schema.
    return json.loads(re.sub(r"\[\d+\]", "", told))


def test_there_is_a_home_of_every_schema() -> None:
    # 2 is what a file is whose upgrade to 3 was ended between the steps.
    assert [int(path.stem) for path in HOMES] == [*range(1, len(MIGRATIONS) + 1)]


def test_it_is_brought_up_to_date_and_says_the_same(home: tuple[Path, dict[str, Any]]) -> None:
    path, before = home
    assert before["assets"]
    assert before["relations"]
    with closing(open_record(path)) as record:
        after = said(record)
        assert after["holders"] == before["holders"]
        assert after["relations"] == before["relations"]
        assert after["assets"] == before["assets"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    with closing(open_record(path, readonly=True)) as again:
        assert said(again) == after


def test_its_records_get_timelines_and_stay_what_they_were(
    home: tuple[Path, dict[str, Any]],
) -> None:
    path, before = home
    with closing(open_record(path)) as record:
        missing = record.ledger.without_timeline(100)
        ids = {row.name: row.id for row in record.view.all_assets()}
        at = max(row.seen_at for row in record.ledger.all_records())
        assert adopt(record, at) == len(missing)
        assert record.ledger.without_timeline(100) == ()
        assert adopt(record, at) == 0
        after = said(record)["assets"]
        assert after.keys() == before["assets"].keys()
        # When a socket that nobody looked at was told of first is worked out anew.
        for name, row in before["assets"].items():
            assert after[name][:7] == row[:7]
        assert {row.name: row.id for row in record.view.all_assets()} == ids


def test_what_is_told_again_is_nothing_new(home: tuple[Path, dict[str, Any]]) -> None:
    path, _ = home
    with closing(open_record(path)) as record:
        key = next(row.key for row in record.ledger.all_records() if row.key.native_key == "m2")
        found = record.ledger.record(key)
        assert found is not None
        versions = {kind: s.digest for kind, s in record.ledger.sections(found.id).items()}
        programs = [
            {"name": "bash", "version": "5.3", "package_system": "deb"},
            {"name": "attrs", "version": "23.1", "package_system": "pip"},
        ]
        Engine(record).tell(
            observation("agent", "m2", 24, instance="m2", full=False, programs=programs)
        )
        again = {kind: s.digest for kind, s in record.ledger.sections(found.id).items()}
        assert again == versions
        assert [
            (p.name, p.version) for p in record.view.installed(Engine(record).find("host-2").id)
        ] == [
            ("attrs", "23.1"),
            ("bash", "5.3"),
        ]


def test_parts_are_found_by_their_words(home: tuple[Path, dict[str, Any]]) -> None:
    path, _ = home
    with closing(open_record(path)) as record:
        found = record.view.search(Search(text="postgres", cls="Service"))
        assert [row.name for row in found.rows] == ["postgres:5432"]


@pytest.mark.parametrize("home", PASTS, indirect=True, ids=lambda path: path.stem)
def test_it_tells_of_its_past_what_it_told(home: tuple[Path, dict[str, Any]]) -> None:
    path, before = home
    assert len(set(before.values())) > 100
    with closing(open_record(path)) as record:
        assert answers(record) == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with closing(open_record(path, readonly=True)) as again:
        assert answers(again) == before


@pytest.mark.parametrize("home", PASTS[:1], indirect=True, ids=["7"])
def test_a_word_that_rests_on_another_than_the_next_is_told_anew(
    home: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, before = home
    other = tmp_path / "other.db"
    other.write_bytes(path.read_bytes())
    with closing(open_record(other)) as record:
        key = next(iter(record.ledger.all_records())).id
        current = record.ledger.section(key, SectionKind.SERVICES)
        assert current is not None
        *_, first = record.ledger.past(key, SectionKind.SERVICES)
    patch = codec.compress(first.body, current.body)
    with closing(sqlite3.connect(path)) as db:
        values = (patch, key * KINDS + SectionKind.SERVICES.value, first.digest)
        moved = db.execute(
            "UPDATE past SET patch=?1, base=(SELECT version FROM section WHERE id=?2)"
            " WHERE version=(SELECT min(version) FROM past WHERE section=?2 AND digest=?3)"
            " AND base != (SELECT version FROM section WHERE id=?2)",
            values,
        )
        assert moved.rowcount == 1
        db.commit()
    with closing(open_record(path)) as record:
        assert answers(record) == before


@pytest.mark.parametrize("home", HOMES[:1], indirect=True, ids=["1"])
def test_a_step_that_fails_leaves_the_file_as_it_was(home: tuple[Path, dict[str, Any]]) -> None:
    path, _ = home
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
        db.execute("UPDATE section SET body = x'00'")
        db.commit()
    with pytest.raises(Exception, match=r"."):
        open_record(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        assert "confirmed" in names
        assert "seen" in names
        assert len(before) == len(list(db.iterdump()))
