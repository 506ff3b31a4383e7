"""What History promises of times in which a record was not heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from cmdb.store.port import Record, RecordId
from tests.contract.test_history import HOUR, KIND, T0, heard, moment, told, word

DAYS = [T0 + timedelta(days=number) for number in range(60)]


def test_a_silence_is_known_after_it(record: Record, reader: Record) -> None:
    def first() -> RecordId:
        row = heard(record, DAYS[0])
        record.ledger.put_section(row, KIND, word("one", DAYS[0]))
        return row

    row = told(DAYS[0], record, first)

    def again(day: int) -> None:
        heard(record, DAYS[day])
        record.ledger.confirm(row, KIND, DAYS[day])

    for day in (1, 20, 21):
        told(DAYS[day], record, partial(again, day))
    then = reader.history.record(row, moment(reader, DAYS[19], None))
    assert then is not None
    assert (then.row.seen_at, then.surely_at) == (DAYS[1], DAYS[1])
    assert then.sections[KIND].confirmed_at == DAYS[1]
    before = reader.history.record(row, moment(reader, DAYS[1] - HOUR, None))
    assert before is not None
    assert before.row.seen_at == DAYS[1] - HOUR
    # It was heard within 36 hours, whenever that was.
    between = reader.history.record(row, moment(reader, DAYS[21] - HOUR, None))
    assert between is not None
    assert (between.row.seen_at, between.surely_at) == (
        DAYS[21] - HOUR,
        DAYS[21] - 37 * HOUR,
    )
    assert between.sections[KIND].confirmed_at == DAYS[21] - HOUR


def test_a_late_word_parts_a_silence_and_what_was_known_stays(
    record: Record, reader: Record
) -> None:
    row = told(DAYS[5], record, lambda: heard(record, DAYS[5]))
    told(DAYS[40], record, lambda: heard(record, DAYS[40]))
    told(DAYS[50], record, lambda: heard(record, DAYS[20]))
    told(DAYS[51], record, lambda: heard(record, DAYS[0]))

    def seen(as_of: int, known_at: int | None) -> datetime | None:
        known = None if known_at is None else DAYS[known_at]
        then = reader.history.record(row, moment(reader, DAYS[as_of], known))
        return None if then is None else then.row.seen_at

    assert seen(30, 45) == DAYS[5], "what was known before the late word"
    assert seen(30, 30) == DAYS[5], "before the silence was over"
    assert seen(30, None) == DAYS[20]
    assert seen(19, None) == DAYS[5]
    assert seen(39, 52) == DAYS[20]
    assert seen(4, None) == DAYS[0], "before what was thought to be the first time"
