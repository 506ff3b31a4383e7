"""What people decide, on its way: rehearsed on the record, or journalled and waited for.

One way for the REST interface, the command line and the console's pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cmdb.query.identity import Decided, Rehearsal
from cmdb.store.port import Record
from cmdb.store.sqlite.record import open_record
from collector.clock import REPLAY, utc_now

if TYPE_CHECKING:
    from cmdb.model.observation import Decision, Json, Observation, Statement
    from collector.door_client import Door
    from collector.home import Home
    from collector.intake_desk import IntakeDesk
    from collector.operation import Settle
    from reconcile.deciding import Word

_OTHER_RULES = (
    "other rules would hold, and the estate be gone over; what that changes 'stocktake rules"
    " simulate' tells, of a file that 'stocktake rules export --version' gives"
)
_TICK = timedelta(microseconds=1)

Clock = Callable[[], datetime]


class Deciding:
    """Makes people's words heard on one home."""

    def __init__(
        self, home: Home, open_door: Callable[[], IntakeDesk | Door], settle: Settle
    ) -> None:
        self._home = home
        self._open_door = open_door
        self._settle = settle

    def word(self, record: Record, by: str, note: str = "") -> Word:
        """Somebody's word, at a time after every other."""
        from reconcile.deciding import Word

        clock = record.view.replay_clock()
        at = clock or utc_now()
        newest = [decision.at for _, decision in record.ledger.decisions()][-1:]
        # Where the clock stands still, decisions still have their order.
        return Word(by, max([at, *(last + _TICK for last in newest)]) if clock else at, note)

    def rehearse(self, statements: Iterable[Statement], at: datetime) -> Rehearsal:
        """What statements would change."""
        from reconcile.dry_run import rehearse

        with closing(open_record(self._home.record_path)) as record:
            return rehearse(record, statements, at)

    def rehearsed(self, decision: Decision) -> Decided:
        """What a decision would change."""
        from reconcile.concern import concern_rules
        from reconcile.recounting import text_of
        from reconcile.set_words import restored

        for line in _lines([decision], ()):
            _read_back(json.dumps(line, ensure_ascii=False).encode("utf-8"), decision.at)
        with self.fresh() as record:
            also = restored(record.ledger, decision)
        found = self.rehearse([decision, *also], decision.at)
        with self.fresh() as record:
            if concern_rules(record.ledger, [decision]):
                found = replace(found, summary=(*found.summary, _OTHER_RULES))
        return Decided(None, text_of(decision), found.summary, found, 0)

    def make(self, record: Record, decision: Decision) -> Decided:
        """Makes a decision, and tells what came of it once it is in the record."""
        from reconcile import effects
        from reconcile.deciding import Word
        from reconcile.recounting import text_of
        from reconcile.set_words import restored

        was = effects.before(record, decision)
        word, also = Word(decision.by, decision.at), restored(record.ledger, decision)
        sequence = self.say(record, word, [decision], also)
        with self.fresh() as now:
            found = effects.since(now, was)
            number = number_of(now, decision)
        return Decided(number, text_of(decision), found, None, sequence)

    def say(
        self,
        record: Record,
        word: Word,
        decisions: Sequence[Decision],
        observations: Sequence[Observation] = (),
    ) -> int:
        """Journals a person's words, and waits some seconds until the record has them.

        Raises:
            DecisionRefused: They would not be taken; nothing was kept.
        """
        from collector.intake_desk import Line
        from collector.journal.port import JSONL_FORM

        replayed = record.view.replay_clock() is not None
        arrives = word.at if replayed else None
        lines = tuple(
            Line(json.dumps(line, ensure_ascii=False).encode("utf-8"), arrives)
            for line in _lines(decisions, observations)
        )
        for line in lines:
            _read_back(line.body, word.at)
        origin = f"{REPLAY if replayed else ''}person/{word.by}"
        last = self._open_door().append(origin, JSONL_FORM, lines).last
        self._settle(last)
        return last

    @contextmanager
    def fresh(self) -> Iterator[Record]:
        """The record as it is by now."""
        with closing(open_record(self._home.record_path, readonly=True)) as record:
            yield record


def _read_back(line: bytes, at: datetime) -> None:
    """What is acknowledged must be what the record takes."""
    from collector.sources import lines
    from reconcile.deciding import DecisionRefused

    try:
        lines.parse(line, at)
    except lines.BadLine as error:
        raise DecisionRefused(f"this cannot be kept: {error}; nothing was changed") from error


def _lines(decisions: Sequence[Decision], observations: Sequence[Observation]) -> Iterator[Json]:
    from collector.sources import persons
    from reconcile.setting import values_in

    yield from map(persons.write, decisions)
    for each in observations:
        reference = persons.reference(each.key)
        assert isinstance(reference, dict)
        yield {"type": "observation", **reference, "attributes": dict(values_in(each))}


def number_of(record: Record, decision: Decision) -> int | None:
    """The number that it got; None: it is not in the record yet."""
    for number, known in reversed(record.ledger.decisions()):
        if (known.act, known.records, known.by, known.note, dict(known.extra)) == (
            decision.act, decision.records, decision.by, decision.note, dict(decision.extra),
        ):  # fmt: skip
            return number
    return None
