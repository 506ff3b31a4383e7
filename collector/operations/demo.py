"""The sample estate: loaded through the intake, erased by an order."""

from __future__ import annotations

from dataclasses import dataclass

from collector.clock import utc_now
from collector.operation import Context, Homeless, NoParams, Operation


@dataclass(frozen=True)
class DemoLoaded:
    """What became of the sample estate."""

    accepted: int
    refused: tuple[str, ...]
    sequence: int


@dataclass(frozen=True)
class DemoErased:
    """The sample estate is gone."""

    records: int
    sequence: int


def _load(context: Context, _params: NoParams) -> DemoLoaded:
    from collector.demo import load

    done = load(context.door, context.home, utc_now(), by=context.account)
    context.settle(done.sequence)
    return DemoLoaded(done.accepted, done.refused, done.sequence)


def _erase(context: Context, _params: NoParams) -> DemoErased:
    from collector.intake_desk import Line
    from collector.journal.port import ERASE_FORM
    from reconcile.project import DEMO_SCOPE

    rows = context.record.ledger.all_records()
    records = sum(row.key.scope == DEMO_SCOPE for row in rows)
    order = Line(DEMO_SCOPE.encode("utf-8"))
    sequence = context.door.append(f"person/{context.account}", ERASE_FORM, (order,)).last
    context.settle(sequence)
    for observer in context.door.list_observers():
        if observer.scope == DEMO_SCOPE:
            context.door.forget_sections(observer.id)
    return DemoErased(records, sequence)


OPERATIONS = (
    Operation(
        "demo.load",
        "POST",
        "/demo/load",
        "Load the sample estate",
        NoParams,
        DemoLoaded,
        _load,
        "administrator",
        homeless=Homeless.MAKES,
    ),
    Operation(
        "demo.erase",
        "POST",
        "/demo/erase",
        "Take the sample estate out",
        NoParams,
        DemoErased,
        _erase,
        "administrator",
    ),
)
