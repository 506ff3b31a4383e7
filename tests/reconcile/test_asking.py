"""Who has to send all again is known until the intake was told, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, datetime

from cmdb.model.observation import RecordKey, Source
from reconcile import asking
from tests.reconcile.history import START, Engine

KEYS = [RecordKey(Source("agent", f"obs-{n}"), "site", f"obs-{n}/x") for n in (2, 1)]


def test_what_the_intake_does_not_hear_waits(engine: Engine) -> None:
    record = engine.record
    with record.transaction(START):
        asking.note(record.ledger, KEYS)
        asking.note(record.ledger, KEYS)
        asking.note_sender(record.ledger, "obs-3")
    told: list[asking.Asked] = []

    def forget(asked: asking.Asked) -> bool:
        told.append(asked)
        return len(told) != 2

    assert asking.tell(record, forget, START) == 1
    assert asking.waiting(record.ledger) == [("obs-2", "obs-2/x"), ("obs-3", None)]
    assert asking.tell(record, lambda _: True, START) == 2
    assert asking.waiting(record.ledger) == []
    assert asking.tell(record, lambda _: False, START) == 0


def test_too_many_are_everybody(engine: Engine) -> None:
    record = engine.record
    many = [RecordKey(Source("agent", f"obs-{n}"), "site", "k") for n in range(10_001)]
    with record.transaction(START):
        asking.note(record.ledger, many)
    assert asking.waiting(record.ledger) == [asking.EVERYBODY]


def test_an_entry_that_is_set_aside_has_its_sender_asked(engine: Engine) -> None:
    engine.pipeline.set_aside(1, "observer/obs-7", "cannot be read", b"x")
    engine.pipeline.set_aside(2, "person/ann", "cannot be read", b"y")
    engine.pipeline.apply((), datetime(2026, 1, 1, tzinfo=UTC))
    assert asking.waiting(engine.record.ledger) == [("obs-7", None)]
