"""The reconcile process: from the journal into the record, for as long as it is asked to.

The place in the journal up to which everything is applied stands in the record itself and moves
in the same transaction, so that a kill at any point applies nothing twice and skips nothing.
"""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cmdb.model.observation import Statement
from cmdb.store.port import Record, StoreError
from collector import ingest, retention
from collector.clock import REPLAY, utc_now
from collector.journal.port import ERASE_FORM, REBUILD_FORM, RETAIN_FORM, JournalReader, Numbered
from reconcile import asking
from reconcile.adopt import adopt
from reconcile.asking import Asked
from reconcile.pipeline import Pipeline
from reconcile.rules import carry_out

_GROUP = 256
_REPLAYED = 2_048
"""Of a replay, which nobody waits for: a day's words about a thing are then weighed at once."""
_GROUP_BYTES = 8 * 1024 * 1024
_IDLE_SHORTEST = timedelta(milliseconds=10)
_IDLE_LONGEST = timedelta(milliseconds=160)
_GC_THRESHOLD = 50_000
_STUCK_S = 1.0
"""Time between tries while the store cannot be written; the journal keeps what comes."""
_REFRESH_EVERY = timedelta(minutes=1)
_RETAIN_AFTER = timedelta(minutes=10)
"""Time from the start of the server to its first retention; then once a day."""
_RETAIN_EVERY = timedelta(days=1)

_ORDERS = frozenset({ERASE_FORM, REBUILD_FORM, RETAIN_FORM})
"""Forms of entries that are no statements, and are done one by one."""

_NEVER = datetime.max.replace(tzinfo=UTC)
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

    def __init__(
        self,
        record: Record,
        journal: JournalReader,
        forget: Callable[[Asked], bool] = lambda _: False,
    ) -> None:
        """`forget` has what is asked for sent whole at the next report; False: not yet."""
        self._record = record
        self._journal = journal
        self._forget = forget
        self._asking = True
        self._pipeline = Pipeline(record)
        self._adopted = False
        self._most = _GROUP
        self._retain_at = self._refresh_at = _NEVER
        self._retaining: Iterator[retention.Step] = iter(())

    def step(self) -> int:
        """Applies the next group; says how many entries it had, 0 when nothing is left to do."""
        self._adopt()
        applied = self._record.ledger.applied()
        waiting = self._journal.read(applied, self._most, _GROUP_BYTES)
        if not waiting:
            return self._carry_out()
        if waiting[0].entry.form == ERASE_FORM:
            return self._erase(waiting[0])
        if waiting[0].entry.form == REBUILD_FORM:
            return self._rebuild(waiting[0])
        if waiting[0].entry.form == RETAIN_FORM:
            return self._retain(waiting[0])
        group = _one_kind(waiting)
        self._most = _REPLAYED if group[-1].entry.origin.startswith(REPLAY) else _GROUP
        try:
            self._apply(group)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - see below
            # One entry that nobody foresaw must not hold up all that come after it.
            _log.exception("a group of %d entries failed; trying them one by one", len(group))
            for numbered in group:
                self._apply_or_set_aside(numbered)
        self._carry_out()
        return len(group)

    def weigh_time(self, now: datetime) -> None:
        """Projects what time alone has changed by now; a server does so from minute to minute."""
        at = self._record.view.replay_clock() or now
        while self._pipeline.refresh(at):
            continue

    def _carry_out(self) -> int:
        """A step of what new rules ask for, by turns with what comes in; 0 when all is done."""
        return int(carry_out.advance(self._record, self._record.view.replay_clock() or utc_now()))

    def _adopt(self) -> None:
        """Once: a home of a version that had no timelines gets them before anything new comes."""
        if self._adopted:
            return
        count = adopt(self._record, self._record.view.replay_clock() or utc_now())
        self._adopted = True
        if count:
            _log.warning("%d records of an earlier version were identified again", count)

    def _apply(self, group: Sequence[Numbered]) -> None:
        statements = [said for numbered in group if (said := self._statement(numbered)) is not None]
        at, clock = self._times(group)
        applied = self._pipeline.apply(statements, at, group[-1].sequence, clock)
        for key in sorted(applied.unfit):
            _log.warning("%s told changes of programs that are not here; it is asked for all", key)
            self._asking = True
        # A replay's clock runs by itself: what it makes stale is due now, not in a minute.
        while clock is not None and self._pipeline.refresh(clock):
            continue

    def _apply_or_set_aside(self, numbered: Numbered) -> None:
        try:
            self._apply([numbered])
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - see step()
            _log.exception("journal entry %d is set aside", numbered.sequence)
            entry = numbered.entry
            self._pipeline.set_aside(numbered.sequence, entry.origin, repr(error), entry.body)
            at, clock = self._times([numbered])
            self._pipeline.apply((), at, numbered.sequence, clock)

    def _times(self, group: Sequence[Numbered]) -> tuple[datetime, datetime | None]:
        """When a group is applied, and where a replay's clock stands then; None: it is now.

        That clock never moves back: what was known before is not known later.
        """
        last = group[-1].entry
        if not last.origin.startswith(REPLAY):
            return last.received_at, None
        newest = max(numbered.entry.received_at for numbered in group)
        at = max(newest, self._record.view.replay_clock() or newest)
        return at, at

    def _erase(self, numbered: Numbered) -> int:
        """A person's order to take a scope out; audited where it was given."""
        scope = numbered.entry.body.decode("utf-8")
        records = self._pipeline.erase_scope(scope, numbered.entry.received_at, numbered.sequence)
        _log.warning("%s erased scope %s: %d records", numbered.entry.origin, scope, records)
        return 1

    def _rebuild(self, numbered: Numbered) -> int:
        """A step of a rebuild, by the record's own clock; one that is no step is passed over."""
        from reconcile.rebuild import Step, rebuild

        at = self._record.view.replay_clock() or numbered.entry.received_at
        try:
            rebuild(self._record, Step(**json.loads(numbered.entry.body)), at, numbered.sequence)
        except (ValueError, TypeError) as error:
            self._pass_over(numbered, error, at)
        return 1

    def _retain(self, numbered: Numbered) -> int:
        """A step of retention; one that is no step is passed over."""
        at = self._record.view.replay_clock() or numbered.entry.received_at
        try:
            step = retention.read(numbered.entry.body)
            retention.carry_out(self._record, step, at, numbered.sequence)
        except (ValueError, TypeError) as error:
            self._pass_over(numbered, error, at)
        return 1

    def _pass_over(self, numbered: Numbered, error: Exception, at: datetime) -> None:
        entry = numbered.entry
        self._pipeline.set_aside(numbered.sequence, entry.origin, repr(error), entry.body)
        clock = self._record.view.replay_clock()
        self._pipeline.apply((), at, numbered.sequence, clock)

    def run(self, stop: Stop, now: Callable[[], datetime]) -> None:
        """Works until it is told to stop."""
        # What is made for a report is dropped with it: looking for cycles so often finds none.
        gc.set_threshold(_GC_THRESHOLD)
        idle, stuck = _IDLE_SHORTEST, False
        self._refresh_at, self._retain_at = now() + _REFRESH_EVERY, now() + _RETAIN_AFTER
        while not stop.is_set():
            try:
                done = self.step() or self._keep_up(now())
            except StoreError as error:
                if not stuck:
                    _log.error("nothing is reconciled for now: %s", error)
                stuck = True
                stop.wait(_STUCK_S)
                continue
            stuck = False
            if done:
                idle = _IDLE_SHORTEST
                continue
            stop.wait(idle.total_seconds())
            idle = min(idle * 2, _IDLE_LONGEST)

    def _keep_up(self, now: datetime) -> bool:
        """What is due by the clock while nothing comes in; whether there may be more at once."""
        at = self._record.view.replay_clock() or now
        if now >= self._retain_at:
            self._retain_at = now + _RETAIN_EVERY
            policy = retention.policy_of(self._record)
            self._retaining = retention.steps(self._record, policy, at)
        step = next(self._retaining, None)
        if step is not None:
            retention.carry_out(self._record, step, at)
        if self._asking:
            asking.tell(self._record, self._forget, at)
            self._asking = False
        if now >= self._refresh_at:
            self._asking = True
            self._refresh_at = now + _REFRESH_EVERY
            self._pipeline.refresh(at)
        return step is not None

    def _statement(self, numbered: Numbered) -> Statement | None:
        try:
            return ingest.statement(numbered.entry)
        except ingest.Unreadable as error:
            _log.warning("journal entry %d is set aside: %s", numbered.sequence, error)
            self._pipeline.set_aside(
                numbered.sequence, numbered.entry.origin, str(error), numbered.entry.body
            )
            return None


def _one_kind(group: Sequence[Numbered]) -> Sequence[Numbered]:
    """The longest start of a group that is all replay or all live, without orders to erase.

    A replay is applied day by day: what was known and what changed is told as fine as that.
    """
    first = group[0].entry
    replay, day = first.origin.startswith(REPLAY), first.received_at.date()
    for place, numbered in enumerate(group):
        other = numbered.entry.origin.startswith(REPLAY) is not replay
        other = other or (replay and numbered.entry.received_at.date() != day)
        if other or numbered.entry.form in _ORDERS:
            return group[:place]
    return group
