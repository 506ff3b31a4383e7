"""How long the past is kept: the policy, and the work that follows from it.

The work is cut into steps, each one short transaction, done by the one process that writes the
record: in between it applies what observers say. The present state stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from cmdb.query.encode import instant
from cmdb.store.history import Marks
from cmdb.store.port import Record, RecordId
from collector.operation import InputRefused

WORDS, VISITS, FEED, RUNS, SET = "words", "visits", "feed", "runs", "set"
FOREVER = "forever"
"""How people write that nothing is ever taken out."""
SHORTEST_DAYS = 30
LONGEST_DAYS = 36_500
_RECORDS_A_STEP = 200
_ROWS_A_STEP = 2_000


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days the past is kept whole; None: for ever."""

    words_days: int | None = 400
    """What sources said; of what is older one word a month stays.

    So do, of what identified records, the first and the last time in a month.
    """
    feed_days: int | None = None
    """The change feed."""
    runs_days: int | None = 400
    """Runs of sources; one that still tells that something is gone stays."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work."""

    act: str
    before: str = ""
    """RFC 3339."""
    first: int = 0
    last: int = 0
    """Records, both included."""
    policy: Policy | None = None
    """What is set."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What goes, or would."""

    words: int = 0
    visits: int = 0
    """At most: those stay without which records would be about something else."""
    changes: int = 0
    runs: int = 0


def policy_of(record: Record) -> Policy:
    """What is set, or the default."""
    text = record.compaction.policy()
    return Policy() if text is None else Policy(**json.loads(text))


def checked(policy: Policy) -> Policy:
    """A policy that may be set.

    Raises:
        InputRefused: A number of days is out of bounds.
    """
    for name, days in asdict(policy).items():
        if days is not None and not SHORTEST_DAYS <= days <= LONGEST_DAYS:
            # As commands and REST call it.
            raise InputRefused(
                f"{name.removesuffix('_days')} is {days} days; give {SHORTEST_DAYS} to"
                f" {LONGEST_DAYS} days, or {FOREVER}"
            )
    return policy


def steps(record: Record, policy: Policy, now: datetime) -> Iterator[Step]:
    """All of the work, in short steps."""
    if policy.words_days is not None:
        before = instant(now - timedelta(days=policy.words_days))
        last = record.compaction.last_record()
        for act in (WORDS, VISITS):
            for first in range(1, last + 1, _RECORDS_A_STEP):
                yield Step(act, before, first, min(first + _RECORDS_A_STEP - 1, last))
    rows = removed(record, replace(policy, words_days=None), now)
    for act, days, count in (
        (FEED, policy.feed_days, rows.changes),
        (RUNS, policy.runs_days, rows.runs),
    ):
        if days is not None:
            for _ in range(0, count, _ROWS_A_STEP):
                yield Step(act, instant(now - timedelta(days=days)))


def removed(record: Record, policy: Policy, now: datetime) -> Removed:
    """What a run would take out."""
    found = Removed()
    compaction = record.compaction
    if policy.words_days is not None:
        before = now - timedelta(days=policy.words_days)
        last = compaction.last_record()
        words = compaction.words(RecordId(1), last, before, dry_run=True)
        found = replace(found, words=words, visits=_superfluous(record, last, before))
    if policy.feed_days is not None:
        before = now - timedelta(days=policy.feed_days)
        found = replace(found, changes=compaction.changes(before, None, dry_run=True))
    if policy.runs_days is not None:
        before = now - timedelta(days=policy.runs_days)
        found = replace(found, runs=compaction.runs(before, None, dry_run=True))
    return found


def carry_out(record: Record, step: Step, at: datetime, sequence: int | None = None) -> int:
    """Does one step in a transaction of its own; says how many entries went.

    Timelines are thinned in several: done again, the step finds nothing more to do.

    Raises:
        ValueError: It is no step.
    """
    count = _thin(record, step, at) if step.act == VISITS else 0
    with record.transaction(at):
        if step.act != VISITS:
            count = _done(record, step)
        if sequence is not None:
            record.ledger.set_applied(sequence)
    return count


def _superfluous(record: Record, last: RecordId, before: datetime) -> int:
    from reconcile.thinning import superfluous

    return sum(
        superfluous(record, RecordId(first), RecordId(first + _RECORDS_A_STEP - 1), before)
        for first in range(1, last + 1, _RECORDS_A_STEP)
    )


def _thin(record: Record, step: Step, at: datetime) -> int:
    from reconcile.thinning import thin

    before = datetime.fromisoformat(step.before)
    return thin(record, RecordId(step.first), RecordId(step.last), before, at)


def _done(record: Record, step: Step) -> int:
    compaction = record.compaction
    if step.act == SET and step.policy is not None:
        compaction.set_policy(json.dumps(asdict(step.policy)))
        return 0
    before = datetime.fromisoformat(step.before)
    if step.act == WORDS:
        count = compaction.words(RecordId(step.first), RecordId(step.last), before)
        marks = Marks(words_from=before)
    elif step.act == FEED:
        count = compaction.changes(before, _ROWS_A_STEP)
        marks = Marks(feed_from=before)
    elif step.act == RUNS:
        count = compaction.runs(before, _ROWS_A_STEP)
        marks = Marks(runs_from=before)
    else:
        raise ValueError(f"{step.act!r} is no step of retention")
    if count:
        # In the same transaction: no answer says too much for a moment.
        compaction.mark(marks)
    return count


def write(step: Step) -> bytes:
    """A step as the journal carries it."""
    return json.dumps(asdict(step)).encode()


def read(body: bytes) -> Step:
    """The step of a journal entry.

    Raises:
        ValueError: It is none.
        TypeError: It is none.
    """
    told = json.loads(body)
    policy = told.pop("policy", None)
    return Step(**told, policy=None if policy is None else Policy(**policy))
