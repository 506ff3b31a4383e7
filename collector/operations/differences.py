"""What was different then: two moments of one asset compared."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from cmdb.history import span
from cmdb.model.classes import CLASS_BY_NAME
from cmdb.query.differences import AssetDifferences, compared
from cmdb.query.estate_diff import EstateDifferences, Only, estate_differences
from cmdb.query.past import Reading
from collector.moments import believed, open_past
from collector.operation import Context, InputRefused, Operation


@dataclass(frozen=True)
class DiffParams:
    """One asset and two moments."""

    ref: str
    first: str
    """RFC 3339, a date, or '3 days ago'."""
    second: str = "now"
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class EstateDiffParams:
    """Two moments."""

    first: str
    """RFC 3339, a date, or '3 days ago'."""
    second: str = "now"
    cls: str = ""
    """Only assets of this class."""
    what: str = ""
    """Only created, gone, joined, or what of an asset is different: an attribute, state ..."""


def _diff(context: Context, params: DiffParams) -> AssetDifferences:
    def at(moment: str) -> AbstractContextManager[Reading]:
        return open_past(context.record, moment, params.known_at or "", context.now)

    span(params.first, params.second, context.now)
    return compared(params.ref, at(params.first), at(params.second))


def _estate(context: Context, params: EstateDiffParams) -> EstateDifferences:
    first, second = span(params.first, params.second, context.now)
    if params.cls and params.cls not in CLASS_BY_NAME:
        raise InputRefused(
            f"there is no class {params.cls[:64]!r}; the reference lists the classes"
        )
    if params.what and params.what not in _WHATS:
        raise InputRefused(
            f"nothing is told of {params.what[:64]!r}: it is created, gone, joined, class, state,"
            " programs, parts or an attribute"
        )
    return estate_differences(
        context.record,
        first,
        second,
        Only(params.cls, params.what),
        formerly=believed(context.record, context.now),
    )


_WHATS = frozenset({"created", "gone", "joined", "class", "state", "programs", "parts"}).union(
    each.name for declared in CLASS_BY_NAME.values() for each in declared.all_attributes()
)

OPERATIONS = (
    Operation(
        "assets.diff",
        "GET",
        "/assets/{ref}/diff",
        "What is different between two moments",
        DiffParams,
        AssetDifferences,
        _diff,
        "viewer",
    ),
    Operation(
        "estate.diff",
        "GET",
        "/diff",
        "What became different in the estate between two times",
        EstateDiffParams,
        EstateDifferences,
        _estate,
        "viewer",
    ),
)
