"""A backup that is written while agents report is a state that the estate was in."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.journeys.kill_compare import account_of, versions

if TYPE_CHECKING:
    from cmdb.store.history import Moment
    from cmdb.store.port import Change, Record
    from cmdb.store.sqlite.record import SqliteRecord
    from tests.journeys.conftest import Server

ROOT = Path(__file__).parents[2]
AGENT = Path(__file__).with_name("kill_agent.py")
AGENTS = ("one", "two", "three")
ENOUGH = 20
"""Items that every agent has delivered before the backup, and delivers after it."""
FAR = datetime(2200, 1, 1, tzinfo=UTC)


@contextmanager
def reporting(folders: list[Path]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Agents at work: each makes new things and changes a known one all the time."""
    words = [sys.executable, str(AGENT)]
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    processes = [subprocess.Popen([*words, str(each)], cwd=ROOT, env=path) for each in folders]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def acknowledged(folders: list[Path]) -> set[str]:
    return {
        item
        for folder in folders
        if (folder / "log").exists()
        for item in account_of(folder).acknowledged
    }


def test_what_is_restored_is_a_state_between_start_and_end(
    tmp_path: Path, start: Callable[..., Any], wait: Callable[..., Any]
) -> None:
    first: Server
    with start(tmp_path / "first") as first:
        folders = [first.enrol(name).home for name in AGENTS]
        with reporting(folders) as agents:
            wait(lambda: all(len(acknowledged([f])) >= ENOUGH for f in folders), "reports")
            known, before = acknowledged(folders), first.json("status")
            done = first.json("backup", tmp_path / "whole.tar")
            after = first.json("status")
            late = len(acknowledged(folders))
            wait(lambda: len(acknowledged(folders)) >= late + ENOUGH, "reports after the backup")
            for folder in folders:
                (folder / "enough").touch()
            assert [agent.wait(60) for agent in agents] == [0, 0, 0]
        first.settled()
        every = acknowledged(folders)
        assert first.stop() < 10

    again: Server = type(first)(tmp_path / "second")
    again.folder.mkdir()
    found = again.json("restore", tmp_path / "whole.tar")
    assert before["applied"] <= found["applied"] == done["applied"] <= after["journalled"]
    with ExitStack() as stack:
        true, restored = (stack.enter_context(opened(each)) for each in (first, again))
        held_to_what_was_believed(true, restored)
        assert len(items(restored)) < len(items(true))
    _goes_on_with_what_was_acknowledged(again, known, every)


def _goes_on_with_what_was_acknowledged(again: Server, known: set[str], every: set[str]) -> None:
    """What the journal's copy holds beyond the record is applied, once."""
    try:
        again.start()
        assert again.settled()["set_aside"] == 0
        assert again.stop() < 10
    finally:
        again.clear()
    with opened(again) as restored:
        there = Counter(items(restored))
    assert max(there.values()) == 1
    assert known <= there.keys() <= every


@contextmanager
def opened(server: Server) -> Iterator[SqliteRecord]:
    from cmdb.store.sqlite.record import open_record

    with closing(open_record(server.home / "record.db", readonly=True)) as record:
        yield record


def items(record: SqliteRecord) -> list[str]:
    """Every word that was ever said, present and past."""
    return [word for row in record.ledger.all_records() for word in versions(record, row)]


def held_to_what_was_believed(true: Record, restored: Record) -> None:
    """The restored record is what the true one was after one of its transactions."""
    from dataclasses import replace

    last = restored.history.moment(None, FAR)
    moment = replace(last, known_at=datetime.now(UTC) + timedelta(hours=1))
    assert words(restored, last) == words(true, moment) != words(true, replace(moment, tx=10**9))
    rows = [row.id for row in restored.ledger.all_records()]
    assert restored.ledger.stretches(rows) == true.history.stretches(rows, moment)
    feed = changes(restored)
    assert feed == [each for each in changes(true) if each.sequence <= feed[0].sequence]
    assert estate(restored) == estate_then(true, moment)


def words(record: Record, moment: Moment) -> dict[str, Any]:
    """What every record said, in its sections and since when."""
    found = {}
    for row in record.ledger.all_records():
        then = record.history.record(row.id, moment)
        if then is not None and then.sections:
            said = {kind: (each.body, each.observed_at) for kind, each in then.sections.items()}
            found[str(row.key)] = said
    return found


def changes(record: Record) -> list[Change]:
    """The whole feed, newest first."""
    found: list[Change] = []
    while page := record.view.changes(None, 500, found[-1].sequence if found else None):
        found += page
    return found


def estate(record: Record) -> dict[int, Any]:
    return {
        row.id: (row.cls, row.name, row.state, dict(row.attributes))
        for row in record.view.all_assets()
    }


def estate_then(record: Record, moment: Moment) -> dict[int, Any]:
    from reconcile.past import Past
    from reconcile.past_record import PastRecord, as_record

    with ExitStack() as stack:
        past = PastRecord(Past(record, moment, datetime.now(UTC)), stack)
        return estate(as_record(past))
