"""From what was said to what is so: the one way into the record.

A group of statements becomes one transaction: records and their sections, then identity for the
components that they touch, then the projection of every asset that may differ. The state that
results is a function of the records, whatever the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

from cmdb.model.observation import (
    Decision,
    Observation,
    RecordKey,
    RunEvent,
    SectionKind,
    Statement,
)
from cmdb.store.port import AssetId, Record, RecordId
from reconcile import asking, changes, returning, unseen
from reconcile.components import Components, Move
from reconcile.concern import concern_rules, concerned
from reconcile.decisions import Holding
from reconcile.glance import Glance, little
from reconcile.hearing import Heard, Hearing
from reconcile.rules import carry_out
from reconcile.shrunken import Shrunken
from reconcile.witness import Witness

T = TypeVar("T")
_OBSERVER = "observer/"
"""How the origin of entries begins that came from observers; their id follows."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a group of statements did."""

    statements: int = 0
    assets: int = 0
    """Assets whose projection changed."""
    moves: Mapping[RecordId, Move] = field(default_factory=dict)
    """Records that are about something else than before."""
    unfit: frozenset[RecordKey] = frozenset()
    """Records of which changes came to a list of programs that is not here; they did nothing."""


class _TakenBack(Exception):
    """What was rehearsed is not to stay."""


def _take_back() -> NoReturn:
    raise _TakenBack


class Pipeline:
    """Applies statements to a record. One at a time works on one record."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._ledger = record.ledger
        self._view = record.view
        self._hearing = Hearing(record.ledger)
        self._holding = Holding(record.ledger)
        self._aside: list[tuple[int, str, str, bytes]] = []

    def set_aside(self, sequence: int, origin: str, reason: str, body: bytes) -> None:
        """Keeps an entry that cannot be read, together with the next group."""
        self._aside.append((sequence, origin, reason, body))

    def apply(
        self,
        statements: Iterable[Statement],
        at: datetime,
        sequence: int | None = None,
        replay_clock: datetime | None = None,
    ) -> Applied:
        """Applies statements in one transaction; either all of it is there afterwards or nothing.

        Args:
            statements: In the order of the journal.
            at: The collector's clock: when the last of them arrived.
            sequence: Place in the journal up to which everything is then applied.
            replay_clock: Where the clock stands afterwards; None: it is now.
        """
        with self._record.transaction(at):
            applied = self._work(statements, at)
            asking.note(self._ledger, applied.unfit)
            for entry in self._aside:
                self._ledger.set_aside(*entry)
                origin = entry[1]
                if origin.startswith(_OBSERVER):
                    # What is told next may be the difference from what was set aside.
                    asking.note_sender(self._ledger, origin.removeprefix(_OBSERVER))
            self._aside.clear()
            if sequence is not None:
                self._ledger.set_applied(sequence)
            if replay_clock != self._view.replay_clock():
                self._view.set_replay_clock(replay_clock)
        return applied

    def rehearse(
        self,
        statements: Iterable[Statement],
        at: datetime,
        look: Callable[[Applied], T],
        settled: Iterable[AssetId] = (),
    ) -> T:
        """What `look` sees once statements are applied; then all of it is taken back.

        Assets that are named are brought to that time before the first statement is taken.
        """
        seen: list[T] = []
        with suppress(_TakenBack), self._record.transaction(at):
            self._project(settled, at)
            seen.append(look(self._work(statements, at)))
            _take_back()
        return seen[0]

    def _work(self, statements: Iterable[Statement], at: datetime) -> Applied:
        group, count = Heard(Shrunken(self._ledger)), 0
        witness = Witness(self._ledger)
        for statement in statements:
            self._take(statement, group, witness)
            count += 1
        return self._settle(group, witness, at, count)

    def refresh(self, at: datetime, limit: int = 500) -> int:
        """Projects assets anew that time alone may have changed by now; says how many."""
        due = self._view.due(at, limit)
        if due:
            with self._record.transaction(at):
                self._project(due, at)
        return len(due)

    def _project(self, assets: Iterable[AssetId], at: datetime) -> None:
        components = self._components(at)
        for asset in assets:
            components.project(asset)
        components.finish()

    def erase_scope(self, scope: str, at: datetime, sequence: int | None = None) -> int:
        """Takes everything a scope's sources said out of the record, and what follows from it.

        Says how many records; `sequence` as in apply().
        """
        with self._record.transaction(at):
            records = [row for row in self._ledger.all_records() if row.key.scope == scope]
            believed = self._ledger.stretches(row.id for row in records)
            assets = {link.asset for links in believed.values() for link in links}
            self._ledger.erase_scope(scope)
            components = self._components(at)
            for asset in sorted(assets):
                components.project(asset, erased=True)
            components.finish()
            if sequence is not None:
                self._ledger.set_applied(sequence)
        return len(records)

    def _components(self, at: datetime, witness: Witness | None = None) -> Components:
        holding = self._holding.now()
        return Components(self._record, witness or Witness(self._ledger), holding, at)

    def _take(self, statement: Statement, group: Heard, witness: Witness) -> None:
        if isinstance(statement, Observation):
            before = self._hearing.meet(statement, group)
            witness.hear(before, statement)
            self._hearing.take(before, statement, witness.sayings(before.id), group)
        elif isinstance(statement, RunEvent):
            self._ledger.add_run(statement)
            if self._completes(statement):
                group.runs.append(statement)
                group.shrunken.run(statement)
        elif isinstance(statement, Decision):
            self._ledger.add_decision(statement)
            group.decisions.append(statement)

    def _completes(self, event: RunEvent) -> bool:
        """Whether a run is complete now; its beginning may be told after its end."""
        if event.state is not None:
            return event.state == "complete"
        place = (event.source, event.scope)
        since = event.at - timedelta(microseconds=1)
        newest = self._ledger.newest_runs().get(place)
        if newest is None or newest < event.at:
            return False
        return any(run.run == event.run for run in self._ledger.complete_runs(*place, since))

    def _settle(self, group: Heard, witness: Witness, at: datetime, count: int) -> Applied:
        """Identity and projection of whatever the group touched."""
        witness.flush()
        components = self._components(at, witness)
        about = self._decided(group, at)
        components.returning = returning.why(group.decisions)
        components.identify({*witness.touched.records, *about})
        components.touch_past(about)
        few = little(group.changed)
        components.touch(group.changed.keys() - few.keys())
        components.touch_past(group.late)
        for place, until in group.shrunken.settle():
            components.touch_all(unseen.since_then(self._ledger, *place, until))
        for run in group.runs:
            components.touch_all(unseen.by_run(self._record, run))
        self._glance(group, few, components)
        return Applied(count, components.finish(), components.moves, frozenset(group.unfit))

    def _decided(self, group: Heard, at: datetime) -> set[RecordId]:
        """Records that new decisions are about."""
        if not group.decisions:
            return set()
        if concern_rules(self._ledger, group.decisions):
            carry_out.begin(self._record, at)
        return concerned(self._ledger, group.decisions)

    def _glance(
        self, group: Heard, few: Mapping[RecordId, Set[SectionKind]], components: Components
    ) -> None:
        """Records that said little else, or the same again: mostly that is all there is to note."""
        glance = Glance(self._record)
        quiet = group.confirmed - group.changed.keys()
        for asset in sorted(glance.weigh({*few, *quiet, *group.programs})):
            components.touch_asset(asset)
        for record, (come, gone) in sorted(group.programs.items()):
            about = glance.asset(record)
            detail = changes.programs(come, gone)
            if about is not None and detail:
                components.note(about, detail)
        for asset, word in glance.words(few, quiet, group.talked):
            if group.related.intersection(word.records):
                components.touch_asset(asset)
            elif word.told:
                accounts = glance.accounts(asset) if word.sockets else None
                components.renew(
                    asset, word.seen_at, word.talked, accounts, talk_as_before=not word.other_talk
                )
            else:
                self._view.touch(asset, word.seen_at, word.talked)
