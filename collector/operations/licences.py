"""Licence positions, and entitlements out of files."""

from __future__ import annotations

from dataclasses import dataclass

from cmdb.query.past import PastNote
from collector.clock import utc_now
from collector.moments import at_moment
from collector.operation import Context, Homeless, InputRefused, Operation
from collector.operations.importing import Imported, RefusedLine
from licenses.position import Position, position, positions


@dataclass(frozen=True)
class PositionList:
    """How every product stands, worst first."""

    positions: tuple[Position, ...]
    past: PastNote | None = None


@dataclass(frozen=True)
class PositionsParams:
    """Of which moment."""

    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class ProductParams:
    """One product, by its name or an alias."""

    product: str
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class EntitlementParams:
    """A CSV file of entitlements."""

    text: str
    name: str = "entitlements.csv"
    """Names the file: read again it replaces what it said before."""


def _positions(context: Context, params: PositionsParams) -> PositionList:
    catalogue = context.alerting.catalogue()
    with at_moment(context, params) as then:
        return then.told(PositionList(positions(then.record, then.clock, catalogue)))


def _position(context: Context, params: ProductParams) -> Position:
    catalogue = context.alerting.catalogue()
    with at_moment(context, params) as then:
        return then.told(position(then.record, params.product, then.clock, catalogue))


def import_entitlements(context: Context, params: EntitlementParams) -> Imported:
    """Journals the good rows and names the bad ones."""
    from collector.intake_desk import Line
    from collector.journal.port import JSONL_FORM
    from licenses.entitlements import read_csv
    from licenses.errors import UnreadableFile

    try:
        read = read_csv(params.text.encode("utf-8", "surrogateescape"), params.name, utc_now())
    except UnreadableFile as error:
        raise InputRefused(str(error)) from error
    sequence = 0
    if read.lines:
        lines = tuple(Line(line.encode("utf-8")) for line in read.lines)
        sequence = context.door.append(f"import/{params.name[:200]}", JSONL_FORM, lines).last
    refused = tuple(RefusedLine(problem.line, str(problem)) for problem in read.problems)
    return Imported(len(read.lines), refused, replay=False, sequence=sequence)


OPERATIONS = (
    Operation(
        "positions.list",
        "GET",
        "/positions",
        "Rights required and owned, by product",
        PositionsParams,
        PositionList,
        _positions,
        "viewer",
    ),
    Operation(
        "positions.show",
        "GET",
        "/positions/{product}",
        "One product, with the proof for each right",
        ProductParams,
        Position,
        _position,
        "viewer",
    ),
    Operation(
        "import.entitlements",
        "POST",
        "/import/entitlements",
        "Import entitlements from CSV",
        EntitlementParams,
        Imported,
        import_entitlements,
        "licence_manager",
        homeless=Homeless.MAKES,
    ),
)
