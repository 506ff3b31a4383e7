"""What other rules would change: they are put in force on a copy, which is compared with itself.

The copy goes through what `apply` does to the record, so that the list says what would come. The
copy's state before is read through a second connection that stays at that moment.

Identity is decided anew for records that were heard in the days that are asked for; values are
compared for the assets of which these tell. States are compared for every asset where the times
of states differ: who is silent for long is heard in no days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import Decision
from cmdb.store.port import AssetId, Record, RecordId
from reconcile.components import Move
from reconcile.decisions import decided
from reconcile.pipeline import Pipeline
from reconcile.rebuild import components_of, identify_these, project_one
from reconcile.rules import carry_out
from reconcile.rules.difference import AssetDifference, Counted, Looked, Telling, Totals, whole
from reconcile.rules.model import Rules

_AT_ONCE = 100


@dataclass(frozen=True)
class Stage:
    """How far the work is."""

    done: int
    total: int


Told = Stage | AssetDifference | Totals


def settle(copy: Record, at: datetime) -> None:
    """Brings a copy to where nothing is due by the rules that it has: other rules start there."""
    pipeline = Pipeline(copy)
    while carry_out.advance(copy, at) or pipeline.refresh(at):
        continue


def simulate(
    before: Record, copy: Record, decision: Decision, since: datetime | None, at: datetime
) -> Iterator[Told]:
    """What a decision about the rules would change, with progress on the way.

    Args:
        before: The copy as it is, read at one moment.
        copy: A settled copy of the record, which is used up.
        decision: By which other rules come into force.
        since: Identity and values are compared for what was heard since; None: for everything.
        at: The record's clock.
    """
    with copy.transaction(at):
        copy.ledger.add_decision(decision)
        carry_out.begin(copy, at)
    work = _Work(before, copy, since, at)
    yield from work.run()
    looked = work.looked()
    counted = Counted()
    for found in Telling(before, copy, looked, at).differences():
        counted.add(found)
        yield found
    yield counted.told(looked)


class _Work:
    """Does on the copy what putting in force does, as far as it is asked for."""

    def __init__(self, before: Record, copy: Record, since: datetime | None, at: datetime) -> None:
        self._copy = copy
        self._at = at
        rules = [decided(each.ledger.decisions()).rules for each in (before, copy)]
        self._identity = not rules[1].identifies_as(rules[0])
        self._moves: dict[RecordId, Move] = {}
        self._records = [
            row.id for row in before.ledger.all_records() if since is None or row.seen_at >= since
        ]
        every = [row.id for row in before.view.all_assets() if whole(row)]
        heard = self._about(self._records)
        self._near = [asset for asset in every if asset in heard]
        self._far = [asset for asset in every if asset not in heard]
        self._states = _times(rules[0]) != _times(rules[1])

    def run(self) -> Iterator[Stage]:
        """All of it."""
        parts: list[tuple[str, Sequence[RecordId] | Sequence[AssetId]]] = []
        if self._identity:
            parts += [("records", self._records), ("scans", self._records)]
        parts += [("assets", [*self._near, *(self._far if self._states else ())])]
        total, done = sum(len(ids) for _, ids in parts), 0
        for stage, ids in parts:
            for start in range(0, len(ids), _AT_ONCE):
                lot = ids[start : start + _AT_ONCE]
                self._step(stage, lot)
                done += len(lot)
                yield Stage(done, total)

    def looked(self) -> Looked:
        """What was done."""
        return Looked(self._near, self._far, self._states, self._moves)

    def _step(self, stage: str, ids: Sequence[RecordId] | Sequence[AssetId]) -> None:
        with self._copy.transaction(self._at):
            components = components_of(self._copy, self._at)
            if stage == "assets":
                for asset in map(AssetId, ids):
                    project_one(self._copy, components, asset)
                components.finish()
            else:
                records = map(RecordId, ids)
                identify_these(self._copy, components, records, scans=stage == "scans")
        for record, move in components.moves.items():
            known = self._moves.get(record)
            self._moves[record] = Move(known.before if known else move.before, move.after)

    def _about(self, records: Sequence[RecordId]) -> set[AssetId]:
        links = self._copy.ledger.stretches(records)
        return {link.asset for found in links.values() for link in found}


def _times(rules: Rules) -> tuple[object, ...]:
    return dict(rules.silence), [rules.retire_after(name) for name in CLASS_BY_NAME]
