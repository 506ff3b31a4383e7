"""Rules that came into force, carried out on the whole estate, step by step.

What comes in meanwhile is judged by the new rules at once; this goes over all that was there
before. Where the work stands is kept with the record, in the transaction of each step, so that it
goes on where it was after any end. Where only values and states differ nothing is identified anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.store.port import Record
from reconcile.decisions import decided, text_in_force
from reconcile.rebuild import ASSETS, RECORDS, SCANS, Step, components_of, identify, project
from reconcile.rules.model import DEFAULTS, Rules
from reconcile.rules.read import load

_WORK, _DONE = "rules/work", "rules/done"
_AT_ONCE = 100
BECAUSE = "rules"
"""What a change set calls the version of the rules that brought it about."""


@dataclass(frozen=True)
class Work:
    """What is left to do."""

    version: int
    """Of the rules; 0: those that are shipped."""
    stage: str
    next: int
    """The id with which the next step begins."""
    records: int
    """The last record and ..."""
    assets: int
    """... the last asset that were there when the rules came into force."""
    identity: bool
    """Whether records are identified anew."""
    began_at: str

    @property
    def total(self) -> int:
        """Ids to go over."""
        return self.assets + (2 * self.records if self.identity else 0)

    @property
    def done(self) -> int:
        """Ids that are done."""
        before = {RECORDS: 0, SCANS: self.records, ASSETS: 2 * self.records}[self.stage]
        return self.next - 1 + (before if self.identity else 0)


def begin(record: Record, at: datetime) -> None:
    """Notes what must be gone over, in the transaction in which other rules came into force."""
    rules = decided(record.ledger.decisions()).rules
    waiting = pending(record)
    identity = not rules.identifies_as(carried(record)) or bool(waiting and waiting.identity)
    records = max((row.id for row in record.ledger.all_records()), default=0)
    assets = int(record.history.last_asset())
    stage = RECORDS if identity else ASSETS
    work = Work(rules.version, stage, 1, records, assets, identity, at.isoformat())
    _keep(record, work)


def pending(record: Record) -> Work | None:
    """What is left to do; None when the whole estate is as the rules say."""
    found = record.ledger.memo(_WORK)
    return None if found is None else Work(**json.loads(found))


def carried(record: Record) -> Rules:
    """The rules by which the whole estate was last gone over."""
    text = record.ledger.memo(_DONE)
    return DEFAULTS if text is None else load(text).rules


def advance(record: Record, at: datetime) -> bool:
    """Does the next step; whether there was any."""
    if pending(record) is None:
        return False
    with record.transaction(at):
        step(record, at)
    return True


def step(record: Record, at: datetime) -> None:
    """Does the next step in the transaction that is open."""
    work = pending(record)
    if work is None:
        return
    components = components_of(record, at)
    components.because = {BECAUSE: work.version}
    last = min(work.next + _AT_ONCE - 1, work.assets if work.stage == ASSETS else work.records)
    part = Step(work.stage, work.next, last)
    if work.stage == ASSETS:
        project(record, components, part)
    else:
        identify(record, components, part)
    _keep(record, _following(replace(work, next=last + 1)))


def _following(work: Work) -> Work | None:
    stages = (RECORDS, SCANS, ASSETS)
    while work.next > (work.assets if work.stage == ASSETS else work.records):
        if work.stage == ASSETS:
            return None
        work = replace(work, stage=stages[stages.index(work.stage) + 1], next=1)
    return work


def _keep(record: Record, work: Work | None) -> None:
    left = None if work is None else _following(work)
    told: Json = None if left is None else asdict(left)
    record.ledger.set_memo(_WORK, None if told is None else json.dumps(told))
    if left is None:
        record.ledger.set_memo(_DONE, text_in_force(record.ledger.decisions()))
