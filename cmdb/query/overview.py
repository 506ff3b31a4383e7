"""The estate at a glance: how much there is, what is new, and how fresh the sources are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.query.assets import history
from cmdb.query.models import ChangeView
from cmdb.store.port import Record, Search

_SOURCES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many assets of a class there are."""

    cls: str
    plural: str
    symbol: str
    count: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source and when it was last heard."""

    kind: str
    instance: str
    scope: str
    last_at: datetime
    note: str = ""
    """What is worth knowing about it, for people."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows."""

    as_of: datetime
    replay: bool
    """Whether the clock stands at the end of a replay."""
    total: int
    counts: tuple[ClassCount, ...]
    missing: int
    changes: tuple[ChangeView, ...]
    sources: tuple[SourceView, ...]
    """Those that were heard last."""
    sources_total: int


def overview(record: Record, at: datetime, sources: Iterable[SourceView] = ()) -> Overview:
    """The overview; sources are handed in by whoever knows them."""
    counts = tuple(
        sorted(
            (_count(name, count) for name, count in record.view.counts().items() if count),
            key=lambda each: (-each.count, each.cls),
        )
    )
    heard = sorted(sources, key=lambda each: each.last_at, reverse=True)
    missing = record.view.search(Search(state="missing", parts=True, limit=1)).total
    return Overview(
        as_of=at,
        replay=record.view.replay_clock() is not None,
        total=sum(each.count for each in counts),
        counts=counts,
        missing=missing,
        changes=history(record, None, limit=12).changes,
        sources=tuple(heard[:_SOURCES_SHOWN]),
        sources_total=len(heard),
    )


def _count(name: str, count: int) -> ClassCount:
    declared = CLASS_BY_NAME.get(name)
    if declared is None:
        return ClassCount(name, name, "box", count)
    return ClassCount(name, declared.plural, declared.symbol, count)
