"""What cmdb.store.history promises of History, of every adapter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cmdb.model.observation import Decision, Programs, RecordKey, RunEvent, SectionKind, Source
from cmdb.store.history import Marks, Moment
from cmdb.store.port import (
    AssetId,
    LinkRow,
    Record,
    RecordId,
    StoredSection,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGENT = Source("agent", "obs-1")
KIND = SectionKind.INTERFACES
BY = [T0 + number * HOUR for number in range(24)]
"""The hours of a day."""
BEFORE = T0 - HOUR


def word(text: str, at: datetime, confirmed: datetime | None = None) -> StoredSection:
    body = text.encode()
    return StoredSection(body, hashlib.blake2b(body, digest_size=16).digest(), at, confirmed or at)


def heard(record: Record, at: datetime, native: str = "a", *, full: bool = False) -> RecordId:
    return record.ledger.heard(RecordKey(AGENT, "office", native), at, full=full).id


def told(told_at: datetime, record: Record, do: Callable[[], Any]) -> Any:
    """Does something in a transaction of that time."""
    with record.transaction(told_at):
        return do()


def said(record: Record, row: RecordId, moment: Moment) -> str | None:
    then = record.history.record(row, moment)
    section = then.sections.get(KIND) if then else None
    return None if section is None else section.body.decode()


def moment(record: Record, as_of: datetime | None, known_at: datetime | None) -> Moment:
    return record.history.moment(as_of, known_at)


# --- moments and words


def test_a_moment_tells_of_its_own_time(record: Record) -> None:
    told(BY[0], record, lambda: heard(record, BY[0]))
    assert moment(record, BY[1], None).clock(BY[9]) == BY[1]
    assert moment(record, None, BY[2]).clock(BY[9]) == BY[2]
    assert moment(record, BY[1], BY[2]).clock(BY[9]) == BY[1]
    assert moment(record, BY[5], None).clock(BY[3]) == BY[3]


@pytest.fixture
def talker(record: Record) -> RecordId:
    """Said `one` at 0 and `three` at 3; at 5 it was learned that it had said `two` at 1."""

    def first() -> RecordId:
        row = heard(record, BY[0])
        record.ledger.put_section(row, KIND, word("one", BY[0]))
        return row

    row: RecordId = told(BY[0], record, first)

    def second() -> None:
        heard(record, BY[3])
        record.ledger.put_section(row, KIND, word("three", BY[3]))

    told(BY[3], record, second)

    def late() -> None:
        heard(record, BY[1])
        record.ledger.put_late(row, KIND, word("two", BY[1]))

    told(BY[5], record, late)
    return row


@pytest.mark.parametrize(
    ("as_of", "known_at", "expected"),
    [
        (BEFORE, None, None),
        (BY[0], None, "one"),
        (BY[0] + HOUR / 2, None, "one"),
        (BY[1], None, "two"),
        (BY[2], None, "two"),
        (BY[3], None, "three"),
        (BY[9], None, "three"),
        # What came late was not known before.
        (BY[2], BY[4], "one"),
        (BY[2], BY[5], "two"),
        (BY[4], BY[4], "three"),
        # Nobody can have known of what was yet to come.
        (BY[4], BY[2], "one"),
        (BY[4], BEFORE, None),
        # What was believed, of that time itself: late words were never what it says.
        (None, BEFORE, None),
        (None, BY[0], "one"),
        (None, BY[2], "one"),
        (None, BY[3], "three"),
        (None, BY[9], "three"),
    ],
)
def test_the_word_of_a_moment(
    reader: Record,
    talker: RecordId,
    as_of: datetime | None,
    known_at: datetime | None,
    expected: str | None,
) -> None:
    assert said(reader, talker, moment(reader, as_of, known_at)) == expected


def test_words_before_a_time_are_those_known_then(reader: Record, talker: RecordId) -> None:
    def before(until: datetime, at: Moment) -> str | None:
        found = reader.history.word_before(talker, KIND, until, at)
        return None if found is None else found.body.decode()

    now = moment(reader, BY[9], None)
    assert [before(until, now) for until in (BY[9], BY[3], BY[1], BY[0])] == [
        "three", "two", "one", None,
    ]  # fmt: skip
    assert before(BY[3], moment(reader, BY[9], BY[4])) == "one"
    assert before(BY[9], moment(reader, BY[2], None)) == "two"


def test_all_words_are_given_where_one_came_late(reader: Record, talker: RecordId) -> None:
    def words(at: Moment) -> list[str]:
        found = reader.history.out_of_order(talker, KIND, at)
        return sorted(word.body.decode() for word in found)

    assert words(moment(reader, BY[2], None)) == ["one", "three", "two"]
    assert words(moment(reader, BY[2], BY[4])) == ["one", "three"]
    other = next(kind for kind in SectionKind if kind is not KIND)
    assert reader.history.out_of_order(talker, other, moment(reader, BY[2], None)) == ()


def test_a_record_was_heard_when_its_words_were(record: Record) -> None:
    def first() -> RecordId:
        row = heard(record, BY[0], full=True)
        record.ledger.put_section(row, KIND, word("one", BY[0]))
        return row

    row = told(BY[0], record, first)

    def again() -> None:
        heard(record, BY[6], full=True)
        record.ledger.confirm(row, KIND, BY[6])

    told(BY[6], record, again)
    then = record.history.record(row, moment(record, BY[3], None))
    assert then is not None
    # Said before and after it was so in between; surely heard it was only then.
    assert (then.row.seen_at, then.surely_at) == (BY[3], BY[0])
    assert then.row.full_at is None
    now = record.history.record(row, moment(record, BY[7], None))
    assert now is not None
    assert (now.row.seen_at, now.surely_at, now.row.full_at) == (BY[6], BY[6], BY[6])


def test_what_was_withdrawn_is_what_it_says_then(record: Record) -> None:
    def first() -> RecordId:
        row = heard(record, BY[0])
        record.ledger.put_section(row, KIND, word('[{"name":"eth0"}]', BY[0]))
        return row

    row = told(BY[0], record, first)
    told(BY[2], record, lambda: record.ledger.put_section(row, KIND, word("null", BY[2])))
    assert said(record, row, moment(record, BY[1], None)) == '[{"name":"eth0"}]'
    assert said(record, row, moment(record, BY[2], None)) == "null"
    assert said(record, row, moment(record, None, BY[1])) == '[{"name":"eth0"}]'


def test_a_late_word_ends_with_the_whole_report_that_left_it_out(record: Record) -> None:
    row = told(BY[4], record, lambda: heard(record, BY[4], full=True))
    told(BY[5], record, lambda: heard(record, BY[1]))
    told(BY[5], record, lambda: record.ledger.put_late(row, KIND, word("late", BY[1])))
    assert said(record, row, moment(record, BY[2], None)) == "late"
    assert said(record, row, moment(record, BY[4], None)) is None


# --- programs


def installed(record: Record, row: RecordId, at: datetime, *entries: str) -> None:
    body = record.ledger.intern([Programs("deb", entries)])
    found = StoredSection(body, hashlib.blake2b(body, digest_size=16).digest(), at, at)
    record.ledger.put_section(row, SectionKind.PROGRAMS, found)


def test_programs_and_who_had_them(record: Record, reader: Record) -> None:
    def first() -> list[RecordId]:
        rows = [heard(record, BY[0], native) for native in "abc"]
        installed(record, rows[0], BY[0], "bash\t1", "curl\t1")
        installed(record, rows[1], BY[0], "bash\t2")
        return rows

    rows = told(BY[0], record, first)

    def second() -> None:
        installed(record, rows[0], BY[3], "bash\t2")
        installed(record, rows[2], BY[3], "curl\t1")

    told(BY[3], record, second)
    history = reader.history
    titles = {title.name: title.id for title in reader.view.titles()}

    def programs(row: RecordId, at: Moment) -> list[tuple[str, str]]:
        return [(e.name, e.version) for e in history.describe(history.programs(row, at))]

    for at in (moment(reader, BY[1], None), moment(reader, None, BY[1])):
        assert programs(rows[0], at) == [("bash", "1"), ("curl", "1")]
        assert programs(rows[2], at) == []
        assert history.holders(titles["bash"], at) == {rows[0]: ("1",), rows[1]: ("2",)}
        assert history.holders(titles["curl"], at) == {rows[0]: ("1",)}
    now = moment(reader, BY[4], None)
    assert programs(rows[0], now) == [("bash", "2")]
    assert history.holders(titles["bash"], now) == {rows[0]: ("2",), rows[1]: ("2",)}
    assert history.holders(titles["curl"], now) == {rows[2]: ("1",)}
    assert history.holders(titles["bash"], moment(reader, BEFORE, None)) == {}


# --- stretches


def link(row: RecordId, asset: int, since: datetime, until: datetime | None = None) -> LinkRow:
    last = None if until is None else until - HOUR
    return LinkRow(row, AssetId(asset), "serial", {}, since, BY[0], until=until, last=last)


def test_stretches_as_they_were_believed(record: Record, reader: Record) -> None:
    def first() -> RecordId:
        row = heard(record, BY[0])
        record.ledger.set_stretches(row, [link(row, 1, BY[0])])
        return row

    row = told(BY[0], record, first)
    # At 6 it is learned that since 4 it is about something else.
    both = [link(row, 1, BY[0], BY[4]), link(row, 2, BY[4])]
    told(BY[6], record, lambda: record.ledger.set_stretches(row, both))
    history = reader.history

    def about(as_of: datetime | None, known_at: datetime | None) -> dict[RecordId, AssetId]:
        return dict(history.speakers(moment(reader, as_of, known_at)))

    assert about(BEFORE, None) == {}
    assert about(BY[3], None) == {row: 1}
    assert about(BY[5], None) == {row: 2}
    assert about(BY[5], BY[5]) == {row: 1}
    assert about(None, BY[5]) == {row: 1}
    assert about(None, BY[6]) == {row: 2}
    now = moment(reader, BY[5], None)
    assert [(l_.asset, l_.until) for l_ in history.stretches([row], now)[row]] == [
        (1, BY[4]), (2, None),
    ]  # fmt: skip
    # While it went on nobody knew when it would end.
    then = moment(reader, BY[3], None)
    assert [(l_.asset, l_.until) for l_ in history.stretches([row], then)[row]] == [(1, None)]
    assert [l_.until for l_ in history.linked(AssetId(1), then)] == [None]
    assert [l_.until for l_ in history.linked(AssetId(1), now)] == [BY[4]]
    assert [l_.until for l_ in history.linked(AssetId(1), moment(reader, None, BY[5]))] == [None]
    assert history.linked(AssetId(2), then) == ()
    assert history.linked(AssetId(2), moment(reader, None, BY[5])) == ()
    assert list(history.assets(then)) == [1]
    assert list(history.assets(now)) == [1, 2]
    assert list(history.assets(moment(reader, BEFORE, None))) == []
    assert history.stretches([RecordId(99)], now) == {}


def test_an_asset_is_altered_when_words_or_links_are(record: Record, reader: Record) -> None:
    def first() -> RecordId:
        row = heard(record, BY[0])
        record.ledger.put_section(row, KIND, word("one", BY[0]))
        record.ledger.set_stretches(row, [link(row, 1, BY[0])])
        return row

    row = told(BY[0], record, first)
    told(BY[3], record, lambda: record.ledger.put_section(row, KIND, word("two", BY[3])))

    def altered(*kinds: SectionKind, at: datetime) -> bool:
        return reader.history.altered(AssetId(1), kinds, moment(reader, at, None))

    assert altered(KIND, at=BY[1])
    assert not altered(KIND, at=BY[3])
    assert altered(SectionKind.DISKS, at=BY[3]), "of what it never spoke nothing is known"
    told(BY[6], record, lambda: record.ledger.set_stretches(row, [link(row, 1, BY[5])]))
    assert altered(KIND, at=BY[4])


# --- runs, decisions, feed


def test_runs_and_decisions_that_were_known(record: Record, reader: Record) -> None:
    source = Source("scan", "probe")

    def ended(run: str, at: datetime) -> RunEvent:
        return RunEvent(
            run, source, "hq", "end", "complete", covers_all=True, prefixes=(), at=at,
            received_at=at,
        )  # fmt: skip

    def decision(by: str, at: datetime) -> Decision:
        key = RecordKey(AGENT, "office", "a")
        return Decision("retire", (key,), at, at, by=by)

    told(BY[0], record, lambda: heard(record, BY[0]))
    told(BY[2], record, lambda: record.ledger.add_run(ended("r1", BY[1])))
    told(BY[4], record, lambda: record.ledger.add_decision(decision("ann", BY[3])))
    told(BY[6], record, lambda: record.ledger.add_run(ended("r2", BY[5])))

    def known(as_of: datetime | None, known_at: datetime | None) -> tuple[list[str], list[str]]:
        at = moment(reader, as_of, known_at)
        runs = reader.history.complete_runs(source, "hq", BEFORE, at)
        return [run.run for run in runs], [each.by for _, each in reader.history.decisions(at)]

    assert known(BY[9], None) == (["r1", "r2"], ["ann"])
    assert known(BY[3], None) == (["r1"], ["ann"])
    assert known(BY[2], None) == (["r1"], [])
    assert known(BY[9], BY[3]) == (["r1"], [])
    assert known(None, BY[1]) == ([], [])
    # It had ended, and nobody had told.
    assert known(BY[9], BY[1] + HOUR / 2) == ([], [])
    after = reader.history.complete_runs(source, "hq", BY[1], moment(reader, BY[9], None))
    assert [run.run for run in after] == ["r2"]


def test_the_feed_between_times(record: Record, reader: Record) -> None:
    one, two = AssetId(1), AssetId(2)
    for at, asset, what in ((0, one, "created"), (2, two, "created"), (4, one, "changed")):
        told(BY[at], record, lambda a=asset, w=what: record.view.add_change(a, w, {"at": a}))  # type: ignore[misc]
    history = reader.history

    def feed(after: datetime, until: datetime) -> list[tuple[int, str]]:
        return [(change.asset, change.what) for change in history.feed(after, until)]

    assert feed(BEFORE, BY[9]) == [(1, "created"), (2, "created"), (1, "changed")]
    assert feed(BY[0], BY[2]) == [(2, "created")]
    assert feed(BY[2], BY[3]) == []
    assert [c.at for c in history.since(one, moment(reader, BY[1], None))] == [BY[4]]
    assert [c.at for c in history.since(one, moment(reader, BEFORE, None))] == [BY[4], BY[0]]
    assert [c.at for c in history.since(one, moment(reader, None, BY[4]))] == []
    newest = {at: history.newest_change(at) for at in (BEFORE, BY[1], BY[3], BY[9])}
    assert newest[BEFORE] == 0
    assert newest[BY[1]] < newest[BY[3]] < newest[BY[9]]
    (last,) = reader.view.changes(None, 1, None)
    assert last.sequence == newest[BY[9]]
    assert last.detail == {"at": 1}
    assert history.marks() == Marks()
