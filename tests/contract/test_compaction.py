"""What cmdb.store.history promises of Compaction, of every adapter."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from cmdb.model.observation import Programs, RecordKey, RunEvent, SectionKind, Source
from cmdb.store.history import Marks
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, StoredSection

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AGENT = Source("agent", "obs-1")
KIND = SectionKind.INTERFACES
DAYS = 80
"""March, April, and some of May."""


def word(text: str, at: datetime) -> StoredSection:
    body = text.encode()
    return StoredSection(body, hashlib.blake2b(body, digest_size=16).digest(), at, at)


def key(native: str) -> RecordKey:
    return RecordKey(AGENT, "office", native)


@pytest.fixture
def rows(record: Record) -> list[RecordId]:
    """Two records that say something else, and have another program, every day."""
    found: dict[str, RecordId] = {}
    for day in range(DAYS):
        at = T0 + day * DAY
        with record.transaction(at):
            for native in "ab":
                found[native] = record.ledger.heard(key(native), at, full=False).id
                record.ledger.put_section(found[native], KIND, word(f"{native} {day}", at))
                body = record.ledger.intern([Programs("deb", (f"tool\t{day}",))])
                digest = hashlib.blake2b(body, digest_size=16).digest()
                programs = StoredSection(body, digest, at, at)
                record.ledger.put_section(found[native], SectionKind.PROGRAMS, programs)
    return list(found.values())


def days(record: Record, row: RecordId) -> list[int]:
    """Days of which there is a past word, ascending."""
    return sorted((each.observed_at - T0).days for each in record.ledger.past(row, KIND))


def compact(record: Record, first: int, last: int, before: datetime) -> int:
    with record.transaction(T0 + DAYS * DAY):
        return record.compaction.words(RecordId(first), RecordId(last), before)


def test_of_earlier_words_one_a_month_stays(
    record: Record, reader: Record, rows: list[RecordId]
) -> None:
    one, two = rows
    before = T0 + 70 * DAY
    whole = {each.observed_at: each for each in record.ledger.past(one, KIND)}
    going = reader.compaction.words(one, one, before, dry_run=True)
    assert days(reader, one) == list(range(DAYS - 1)), "a dry run only counts"
    assert compact(record, one, one, before) == going > 100
    # The last of March and of April, the one that held then, and all that is younger.
    assert days(reader, one) == [30, 60, *range(69, DAYS - 1)]
    assert days(reader, two) == list(range(DAYS - 1)), "others are not touched"
    assert {each.observed_at: each for each in reader.ledger.past(one, KIND)}.items() <= (
        whole.items()
    ), "what stays says what it said"
    assert compact(record, one, one, before) == 0

    def so(at: datetime) -> str:
        then = reader.history.record(one, reader.history.moment(at, None))
        assert then is not None
        return then.sections[KIND].body.decode()

    assert so(before) == "a 70"
    assert so(before - DAY) == "a 69"
    assert so(T0 + 45 * DAY) == "a 30"
    held = reader.history.programs(one, reader.history.moment(T0 + 65 * DAY, None))
    assert [each.version for each in reader.history.describe(held)] == ["60"]
    current = reader.ledger.section(one, KIND)
    assert current is not None
    assert current.body == b"a 79"


def test_the_last_word_of_a_stretch_stays(record: Record, rows: list[RecordId]) -> None:
    (row, _), end = rows, T0 + 10 * DAY + DAY / 2
    stretches = [
        LinkRow(row, AssetId(1), "serial", {}, T0, T0, until=end, last=T0 + 10 * DAY),
        LinkRow(row, AssetId(2), "serial", {}, end, T0),
    ]
    with record.transaction(T0 + DAYS * DAY):
        record.ledger.set_stretches(row, stretches)
    compact(record, row, row, T0 + 70 * DAY)
    assert days(record, row) == [10, 30, 60, *range(69, DAYS - 1)]


def test_the_highest_record(record: Record, rows: list[RecordId]) -> None:
    assert record.compaction.last_record() == max(rows)


def test_what_a_failed_transaction_took_out_is_there(record: Record, rows: list[RecordId]) -> None:
    with pytest.raises(RuntimeError), record.transaction(T0):
        record.compaction.words(rows[0], rows[1], T0 + 70 * DAY)
        record.compaction.mark(Marks(words_from=T0))
        raise RuntimeError
    assert days(record, rows[0]) == list(range(DAYS - 1))
    assert record.history.marks() == Marks()


def test_the_feed_goes_oldest_first(record: Record, reader: Record) -> None:
    for day in range(10):
        with record.transaction(T0 + day * DAY):
            record.view.add_change(AssetId(1), "changed", {"day": day})
    before = T0 + 6 * DAY
    assert reader.compaction.changes(before, None, dry_run=True) == 6
    with record.transaction(T0 + 10 * DAY):
        assert record.compaction.changes(before, 4) == 4
    left = [change.at for change in reader.history.feed(T0 - DAY, T0 + 10 * DAY)]
    assert left == [T0 + day * DAY for day in range(4, 10)]
    with record.transaction(T0 + 10 * DAY):
        assert record.compaction.changes(before, None) == 2
        assert record.compaction.changes(before, None) == 0
    assert reader.history.newest_change(T0 + 5 * DAY) == 0
    assert reader.history.newest_change(T0 + 9 * DAY) > 0


def test_runs_that_can_still_end_a_word_stay(record: Record, reader: Record) -> None:
    def told(day: int, scope: str) -> None:
        at = T0 + day * DAY
        record.ledger.add_run(
            RunEvent(
                f"r{day}", AGENT, scope, "end", "complete", covers_all=True, prefixes=(), at=at,
                received_at=at,
            )
        )  # fmt: skip

    with record.transaction(T0):
        # A source that spoke of something in the office on the fourth day, and never again.
        record.ledger.heard(key("a"), T0 + 4 * DAY, full=True)
        for day in range(10):
            told(day, "office")
            told(day, "empty")
    before = T0 + 8 * DAY
    assert reader.compaction.runs(before, None, dry_run=True) == 4 + 8
    with record.transaction(T0):
        assert record.compaction.runs(before, None) == 12
    moment = reader.history.moment(T0 + 20 * DAY, None)

    def left(scope: str) -> list[str]:
        found = reader.history.complete_runs(AGENT, scope, T0 - DAY, moment)
        return [run.run for run in found]

    assert left("office") == [f"r{day}" for day in range(4, 10)]
    assert left("empty") == ["r8", "r9"]


def test_marks_are_kept_each_by_itself(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        record.compaction.mark(Marks(words_from=T0))
        record.compaction.mark(Marks(runs_from=T0 + DAY))
    assert reader.history.marks() == Marks(T0, None, T0 + DAY)
    with record.transaction(T0):
        record.compaction.mark(Marks(words_from=T0 + 2 * DAY))
    assert reader.history.marks() == Marks(T0 + 2 * DAY, None, T0 + DAY)


def test_the_policy_is_what_was_set_last(record: Record, reader: Record) -> None:
    assert reader.compaction.policy() is None
    with record.transaction(T0):
        record.compaction.set_policy("first")
        record.compaction.set_policy("second")
    assert reader.compaction.policy() == "second"
