"""What was different then: two moments of one asset compared."""

from __future__ import annotations

from dataclasses import dataclass

from cmdb.history import instant
from cmdb.query.assets import asset_name, asset_page
from cmdb.query.differences import AssetDifferences, Shown, differences
from cmdb.query.estate_diff import EstateDifferences, estate_differences
from cmdb.store.port import UnknownAsset
from collector.moments import at_moment
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


@dataclass(frozen=True)
class _Moment:
    as_of: str | None
    known_at: str | None


def _diff(context: Context, params: DiffParams) -> AssetDifferences:
    # By id: its name may be what differs.
    ref, name = params.ref, params.ref
    shown, clocks, missing = [], [], []
    for moment in (params.second, params.first):
        with at_moment(context, _Moment(moment, params.known_at)) as then:
            clocks.append(then.clock)
            try:
                page = asset_page(then.record, ref, then.claims, then.clock)
            except UnknownAsset as error:
                missing.append(error)
                shown.append(Shown())
                continue
            row = then.record.view.find(ref)
            if ref == params.ref:
                ref, name = asset_name(row.id), row.name
            shown.append(Shown(page, tuple(then.record.view.installed(row.id))))
    if len(missing) == len(shown):
        raise missing[0]
    return AssetDifferences(ref, name, clocks[1], clocks[0], differences(shown[1], shown[0]))


def _estate(context: Context, params: EstateDiffParams) -> EstateDifferences:
    first, second = (instant(text, context.now) for text in (params.first, params.second))
    if second < first:
        raise InputRefused(
            f"{params.first!r} is later than {params.second!r}: name the earlier first"
        )
    return estate_differences(context.record, first, second)


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
