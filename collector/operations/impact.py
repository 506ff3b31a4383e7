"""What fails if an asset fails, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from cmdb.impact.answer import DependencyAnswer, ImpactAnswer, dependencies, impact
from collector.moments import at_moment
from collector.operation import Context, Operation


@dataclass(frozen=True)
class ImpactParams:
    """One asset, others that fail with it, and how far to look."""

    ref: str
    also: tuple[str, ...] = ()
    depth: int | None = None
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class NeedsParams:
    """One asset, and how far to look."""

    ref: str
    depth: int | None = None
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


def _impact(context: Context, params: ImpactParams) -> ImpactAnswer:
    refs = (params.ref, *params.also)
    with at_moment(context, params) as then:
        return then.told(impact(then.record.view, refs, then.clock, depth=params.depth))


def _needs(context: Context, params: NeedsParams) -> DependencyAnswer:
    with at_moment(context, params) as then:
        return then.told(dependencies(then.record.view, params.ref, then.clock, depth=params.depth))


OPERATIONS = (
    Operation(
        "assets.impact",
        "GET",
        "/assets/{ref}/impact",
        "What fails if it fails",
        ImpactParams,
        ImpactAnswer,
        _impact,
        "viewer",
    ),
    Operation(
        "assets.needs",
        "GET",
        "/assets/{ref}/needs",
        "What it needs to work",
        NeedsParams,
        DependencyAnswer,
        _needs,
        "viewer",
    ),
)
