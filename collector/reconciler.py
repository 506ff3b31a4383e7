"""The reconcile process: from the journal into the record, for as long as it is asked to.

The place in the journal up to which everything is applied stands in the record itself and moves
in the same transaction, so that a kill at any point applies nothing twice and skips nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from cmdb.model.observation import Statement
from cmdb.store.port import Record
from collector import ingest
from collector.clock import REPLAY
from collector.journal.port import JournalReader, Numbered
from reconcile.pipeline import Pipeline

_GROUP = 256
_GROUP_BYTES = 8 * 1024 * 1024
_IDLE_SHORTEST = timedelta(milliseconds=10)
_IDLE_LONGEST = timedelta(milliseconds=160)
_REFRESH_EVERY = timedelta(minutes=1)

_log = logging.getLogger(__name__)


class Stop(Protocol):
    """Tells that the work is to end; threading.Event is one."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Waits so long, or until it is time to end."""
        ...


class Reconciler:
    """Moves the record forward along the journal."""

    def __init__(self, record: Record, journal: JournalReader) -> None:
        self._record = record
        self._journal = journal
        self._pipeline = Pipeline(record)

    def step(self) -> int:
        """Applies the next group; says how many entries it had, 0 when all is applied."""
        applied = self._record.ledger.applied()
        waiting = self._journal.read(applied, _GROUP, _GROUP_BYTES)
        if not waiting:
            return 0
        group = _one_clock(waiting)
        statements = [said for numbered in group if (said := self._statement(numbered)) is not None]
        at = group[-1].entry.received_at
        self._pipeline.apply(statements, at, group[-1].sequence, self._clock_of(group))
        return len(group)

    def catch_up(self) -> int:
        """Applies everything that is in the journal; says how many entries."""
        count = 0
        while done := self.step():
            count += done
        return count

    def run(self, stop: Stop, now: Callable[[], datetime]) -> None:
        """Works until it is told to stop."""
        idle, refreshed = _IDLE_SHORTEST, now()
        while not stop.is_set():
            if self.step():
                idle = _IDLE_SHORTEST
                continue
            if now() - refreshed > _REFRESH_EVERY:
                refreshed = now()
                self._pipeline.refresh(self._record.view.replay_clock() or now())
            stop.wait(idle.total_seconds())
            idle = min(idle * 2, _IDLE_LONGEST)

    def _statement(self, numbered: Numbered) -> Statement | None:
        try:
            return ingest.statement(numbered.entry)
        except ingest.Unreadable as error:
            _log.warning("journal entry %d is set aside: %s", numbered.sequence, error)
            self._pipeline.set_aside(
                numbered.sequence, numbered.entry.origin, str(error), numbered.entry.body
            )
            return None

    def _clock_of(self, group: Sequence[Numbered]) -> datetime | None:
        last = group[-1].entry
        return last.received_at if last.origin.startswith(REPLAY) else None


def _one_clock(group: Sequence[Numbered]) -> Sequence[Numbered]:
    """The longest start of a group that is all replay or all live."""
    replay = group[0].entry.origin.startswith(REPLAY)
    for place, numbered in enumerate(group):
        if numbered.entry.origin.startswith(REPLAY) is not replay:
            return group[:place]
    return group

