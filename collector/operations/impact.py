"""What fails if an asset fails, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from cmdb.impact.answer import DependencyAnswer, ImpactAnswer, dependencies, impact
from collector.operation import Context, Operation


@dataclass(frozen=True)
class ImpactParams:
    """One asset, others that fail with it, and how far to look."""

    ref: str
    also: tuple[str, ...] = ()
    depth: int | None = None


@dataclass(frozen=True)
class NeedsParams:
    """One asset, and how far to look."""

    ref: str
    depth: int | None = None


def _impact(context: Context, params: ImpactParams) -> ImpactAnswer:
    refs = (params.ref, *params.also)
    return impact(context.record.view, refs, context.now, depth=params.depth)


def _needs(context: Context, params: NeedsParams) -> DependencyAnswer:
    return dependencies(context.record.view, params.ref, context.now, depth=params.depth)


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
