"""Assets: lists, one whole, why, what is installed, what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cmdb.query.assets import asset_page, history, list_assets, programs
from cmdb.query.models import (
    AssetList,
    AssetPage,
    AttributeView,
    History,
    ProgramList,
    RelationList,
)
from cmdb.query.relations import relations
from cmdb.store.port import AssetId, Search
from collector.moments import at_moment
from collector.operation import Context, Operation
from reconcile.explain import attributes, explain
from reconcile.explained import Explanation


@dataclass(frozen=True)
class ListParams:
    """Which assets, in which order."""

    text: str = ""
    cls: str | None = None
    state: str | None = None
    scope: str | None = None
    source_kind: str | None = None
    where: tuple[str, ...] = ()
    """attribute=value, equal without regard to case."""
    parts: bool = False
    order: str = "name"
    after: str | None = None
    limit: int = 50
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class RefParams:
    """One asset, by id or name."""

    ref: str
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class ExplainParams:
    """One asset, and one attribute or all."""

    ref: str
    attribute: str | None = None


@dataclass(frozen=True)
class ProgramsParams:
    """Programs of one asset."""

    ref: str
    text: str = ""
    after: str | None = None
    limit: int = 100
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class RelationsParams:
    """Relations of one asset."""

    ref: str
    after: str | None = None
    limit: int = 100
    """Machines that use its sockets, at most."""
    as_of: str | None = None
    """What was so then: RFC 3339, a date, or '3 days ago'."""
    known_at: str | None = None
    """By what was known then."""


@dataclass(frozen=True)
class HistoryParams:
    """Changes of one asset, newest first."""

    ref: str
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True)
class FeedParams:
    """Changes of all assets, newest first."""

    before: int | None = None
    limit: int = 50


def search_of(params: ListParams) -> Search:
    """The search that the parameters ask for."""
    pairs = [tuple(part.strip() for part in text.partition("=")[::2]) for text in params.where]
    return Search(
        text=params.text,
        cls=params.cls or None,
        state=params.state or None,
        scope=params.scope or None,
        source_kind=params.source_kind or None,
        where=tuple((name, value) for name, value in pairs),
        # Who looks for a word looks for services, too.
        parts=params.parts or bool(params.text.strip()),
        order=params.order,
        after=params.after,
        limit=params.limit,
    )


def claims(context: Context) -> _Claims:
    """Winning claims of an asset, as the asset page wants them."""
    return _Claims(context)


@dataclass(frozen=True)
class _Claims:
    context: Context

    def __call__(self, asset: AssetId) -> Sequence[AttributeView]:
        return attributes(self.context.record, asset, self.context.now)


def _list(context: Context, params: ListParams) -> AssetList:
    with at_moment(context, params) as then:
        return then.told(
            replace(list_assets(then.record.view, search_of(params)), as_of=then.clock)
        )


def _show(context: Context, params: RefParams) -> AssetPage:
    with at_moment(context, params) as then:
        return then.told(
            asset_page(then.record, params.ref, then.claims, then.clock, standing=then.standing)
        )


def _explain(context: Context, params: ExplainParams) -> Explanation:
    return explain(context.record, params.ref, params.attribute, context.now)


def _programs(context: Context, params: ProgramsParams) -> ProgramList:
    with at_moment(context, params) as then:
        return then.told(programs(then.record, params.ref, params.text, params.after, params.limit))


def _relations(context: Context, params: RelationsParams) -> RelationList:
    with at_moment(context, params) as then:
        return then.told(relations(then.record, params.ref, params.after, params.limit))


def _history(context: Context, params: HistoryParams) -> History:
    return history(context.record, params.ref, params.before, params.limit)


def _feed(context: Context, params: FeedParams) -> History:
    return history(context.record, None, params.before, params.limit)


OPERATIONS = (
    Operation(
        "assets.list", "GET", "/assets", "Search assets", ListParams, AssetList, _list, "viewer"
    ),
    Operation(
        "assets.show", "GET", "/assets/{ref}", "One asset", RefParams, AssetPage, _show, "viewer"
    ),
    Operation(
        "assets.explain",
        "GET",
        "/assets/{ref}/explain",
        "Why its values and its identity are what they are",
        ExplainParams,
        Explanation,
        _explain,
        "viewer",
    ),
    Operation(
        "assets.programs",
        "GET",
        "/assets/{ref}/programs",
        "What is installed on it",
        ProgramsParams,
        ProgramList,
        _programs,
        "viewer",
    ),
    Operation(
        "assets.relations",
        "GET",
        "/assets/{ref}/relations",
        "What it has to do with other assets",
        RelationsParams,
        RelationList,
        _relations,
        "viewer",
    ),
    Operation(
        "assets.history",
        "GET",
        "/assets/{ref}/history",
        "What changed about it",
        HistoryParams,
        History,
        _history,
        "viewer",
    ),
    Operation(
        "changes.list",
        "GET",
        "/changes",
        "What changed anywhere",
        FeedParams,
        History,
        _feed,
        "viewer",
    ),
)
