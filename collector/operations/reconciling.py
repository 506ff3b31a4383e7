"""The engine itself: what a report would change, the stop-list, rebuilding."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cmdb.people.roles import ADMINISTRATOR, CHANGE_MANAGER, VIEWER
from cmdb.query.identity import Decided, Learned, Rehearsal, StopList, asset_ref
from collector.clock import utc_now
from collector.operation import Context, InputRefused, NoParams, Operation
from collector.operations.identity import decide, deciding

if TYPE_CHECKING:
    from cmdb.model.observation import Statement

MOST_LINES = 2_000
LONGEST = timedelta(seconds=8)
"""Time for which one rehearsal may keep the record from being written."""


@dataclass(frozen=True)
class DryRunParams:
    """A report."""

    text: str
    """Lines of the import form, parted by line feeds."""
    first_line: int = 1


@dataclass(frozen=True)
class ValueParams:
    """A value of a key."""

    key: str
    value: str
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class LearnParams:
    """Whether the limit that is learned is to hold from now on."""

    apply: bool = False
    note: str = ""


@dataclass(frozen=True)
class LimitLearned:
    """The limit that the estate suggests."""

    learned: Learned
    decided: Decided | None
    """The decision by which it holds; None: it was only asked for, or holds already."""


@dataclass(frozen=True)
class Ordered:
    """A rebuild that was ordered."""

    steps: int
    first: int
    """Places in the journal of the first and the last step."""
    last: int
    after: int
    """Place in the change feed before it."""


@dataclass(frozen=True)
class ResultParams:
    """Place in the change feed before a rebuild."""

    after: int


@dataclass(frozen=True)
class Differed:
    """Assets that were not as they should have been."""

    assets: tuple[str, ...]
    total: int
    """Assets that there are."""


def _dry_run(context: Context, params: DryRunParams) -> Rehearsal:
    statements = _statements(params)
    clock = context.record.view.replay_clock()
    at = max(statement.received_at for statement in statements)
    return deciding(context).rehearse(_bounded(statements), max(at, clock) if clock else at)


def _statements(params: DryRunParams) -> Sequence[Statement]:
    from collector.sources.lines import BadLine, parse

    lines = params.text.split("\n")
    if len(lines) > MOST_LINES:
        raise InputRefused(f"{len(lines)} lines; a dry run takes {MOST_LINES} at most")
    found = []
    now = utc_now()
    for number, line in enumerate(lines, params.first_line):
        if line.strip():
            try:
                found.append(parse(line, now))
            except BadLine as error:
                raise InputRefused(f"line {number}: {error}") from error
    if not found:
        raise InputRefused("the report is empty: give lines of the import form")
    return found


def _bounded(statements: Sequence[Statement]) -> Iterator[Statement]:
    until = time.monotonic() + LONGEST.total_seconds()
    for statement in statements:
        if time.monotonic() > until:
            raise InputRefused(
                f"a dry run may take {LONGEST.seconds} s, while nothing else can be written: "
                "give fewer lines at a time"
            )
        yield statement


def _stop_list(context: Context, _: NoParams) -> StopList:
    from reconcile.stop_list import stop_list

    return stop_list(context.record)


def _distrust(context: Context, params: ValueParams) -> Decided:
    from reconcile.stop_list import distrust

    return decide(
        context,
        params.note,
        lambda record, word: distrust(record, params.key, params.value, word),
        dry_run=params.dry_run,
    )


def _trust(context: Context, params: ValueParams) -> Decided:
    from reconcile.stop_list import trust

    return decide(
        context,
        params.note,
        lambda record, word: trust(record, params.key, params.value, word),
        dry_run=params.dry_run,
    )


def _learn(context: Context, params: LearnParams) -> LimitLearned:
    from reconcile.stop_list import crowded, learn

    found = learn(context.record)
    if not params.apply or found.limit == found.now:
        return LimitLearned(found, None)
    done = decide(
        context,
        params.note,
        lambda record, word: crowded(record, found.limit, word),
        dry_run=False,
    )
    return LimitLearned(found, done)


def _rebuild(context: Context, _: NoParams) -> Ordered:
    from collector.intake_desk import Line
    from collector.journal.port import REBUILD_FORM
    from reconcile.rebuild import steps

    newest = next((change.sequence for change in context.record.view.changes(None, 1, None)), 0)
    orders = tuple(Line(json.dumps(asdict(step)).encode()) for step in steps(context.record))
    if not orders:
        return Ordered(0, 0, 0, newest)
    last = context.door.append(f"person/{context.account}", REBUILD_FORM, orders).last
    return Ordered(len(orders), last - len(orders) + 1, last, newest)


def _result(context: Context, params: ResultParams) -> Differed:
    from reconcile.rebuild import differing

    with deciding(context).fresh() as record:
        found = differing(record, params.after)
        return Differed(tuple(map(asset_ref, found)), sum(record.view.counts().values()))


OPERATIONS = (
    Operation(
        "reconcile.dry_run", "POST", "/reconcile/dry-run", "Say what a report would change",
        DryRunParams, Rehearsal, _dry_run, CHANGE_MANAGER, reads=True,
    ),
    Operation(
        "stop_list.list", "GET", "/stop-list", "Values that lost their weight", NoParams, StopList,
        _stop_list, VIEWER,
    ),
    Operation(
        "stop_list.add", "POST", "/stop-list/add", "Let a value identify nobody", ValueParams,
        Decided, _distrust, CHANGE_MANAGER,
    ),
    Operation(
        "stop_list.remove", "POST", "/stop-list/remove",
        "Let a value identify, however many carry it", ValueParams, Decided, _trust, CHANGE_MANAGER,
    ),
    Operation(
        "stop_list.learn", "POST", "/stop-list/learn",
        "Derive from the estate when a value is on too many records", LearnParams, LimitLearned,
        _learn, ADMINISTRATOR,
    ),
    Operation(
        "rebuild.order", "POST", "/rebuild", "Make links and view anew from the ledger", NoParams,
        Ordered, _rebuild, ADMINISTRATOR,
    ),
    Operation(
        "rebuild.result", "GET", "/rebuild/result", "Assets that a rebuild changed", ResultParams,
        Differed, _result, ADMINISTRATOR,
    ),
)  # fmt: skip
