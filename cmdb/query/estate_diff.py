"""What became different in the estate between two times, told by the change feed.

The feed tells when something was learned. It is read once, in order; what is kept in memory is a
number or two for each asset and value that differs, and nothing of what changed back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from cmdb.model.observation import Json
from cmdb.query.assets import asset_name
from cmdb.query.encode import instant
from cmdb.store.history import Marks
from cmdb.store.port import AssetId, Change, Record

LISTED_MOST = 500
"""Assets that one answer names of each kind; all are counted."""


@dataclass(frozen=True, slots=True)
class NamedAsset:
    """An asset that came or went."""

    asset: str
    name: str
    cls: str
    into: str = ""
    """What it was joined with."""


@dataclass(frozen=True, slots=True)
class ChangedCount:
    """How many assets of a class have another value."""

    cls: str
    what: str
    """An attribute, or class, state, programs, parts."""
    assets: int


@dataclass(frozen=True, slots=True)
class EstateDifferences:
    """What became different, by when it was learned."""

    first: datetime
    second: datetime
    created_total: int
    gone_total: int
    joined_total: int
    changed_total: int
    created: tuple[NamedAsset, ...]
    gone: tuple[NamedAsset, ...]
    joined: tuple[NamedAsset, ...]
    changed: tuple[ChangedCount, ...]
    """Most first."""
    truncated: bool
    """Whether more came or went than are named."""
    notes: tuple[str, ...] = ()


def estate_differences(record: Record, first: datetime, second: datetime) -> EstateDifferences:
    """What became different after one time and up to another; of one moment of the record."""
    told = _Told()
    for change in record.history.feed(first, second):
        told.take(change)
    created = sorted(told.created - told.left.keys())
    gone = sorted(a for a, into in told.left.items() if into is None and a not in told.created)
    joined = sorted(a for a, into in told.left.items() if into and a not in told.created)
    classes = _Classes(record, told)
    counts: Counter[tuple[str, str]] = Counter()
    changed: set[AssetId] = set()
    for asset, what in told.differing():
        if asset not in told.created and asset not in told.left:
            counts[classes.of(asset), what] += 1
            changed.add(asset)
    return EstateDifferences(
        first,
        second,
        len(created),
        len(gone),
        len(joined),
        len(changed),
        classes.named(created),
        classes.named(gone),
        classes.named(joined),
        tuple(
            ChangedCount(cls, what, count)
            for (cls, what), count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))
        ),
        max(len(created), len(gone), len(joined)) > LISTED_MOST,
        _notes(record.history.marks(), first),
    )


@dataclass
class _Told:
    """What the feed said so far."""

    created: set[AssetId] = field(default_factory=set)
    left: dict[AssetId, AssetId | None] = field(default_factory=dict)
    """Assets that went, and what they were joined with."""
    classes: dict[AssetId, str] = field(default_factory=dict)
    values: dict[tuple[AssetId, str], tuple[int, int]] = field(default_factory=dict)
    """Hashes of the first old and the last new value, where they differ."""
    counted: set[tuple[AssetId, str]] = field(default_factory=set)
    """Lists of which something came or went."""

    def take(self, change: Change) -> None:
        """Notes one entry."""
        detail = cast("dict[str, Json]", change.detail if isinstance(change.detail, dict) else {})
        if change.what == "created":
            self._came(change.asset, detail)
        elif change.what == "joined":
            self._went(AssetId(int(str(detail["from"]).removeprefix("ci-"))), change.asset)
        elif change.what in {"dissolved", "erased"}:
            self._went(change.asset, None)
        self._values(change.asset, detail)

    def _came(self, asset: AssetId, detail: Mapping[str, Json]) -> None:
        self.classes[asset] = str(detail.get("class", ""))
        # One that came back under its old id is neither new nor gone.
        if asset in self.left and asset not in self.created:
            del self.left[asset]
        else:
            self.left.pop(asset, None)
            self.created.add(asset)

    def _went(self, asset: AssetId, into: AssetId | None) -> None:
        self.left[asset] = into

    def _values(self, asset: AssetId, detail: Mapping[str, Json]) -> None:
        pairs = dict(cast("dict[str, list[Json]]", detail.get("attributes", {})))
        for name in ("class", "state"):
            pair = detail.get(name)
            if isinstance(pair, list):
                pairs[name] = pair
        for name, (old, new) in pairs.items():
            place = asset, name
            first = self.values.pop(place, (_hash(old), 0))[0]
            if first != _hash(new):
                self.values[place] = first, _hash(new)
        for word in ("programs", "parts"):
            if f"{word}_added" in detail or f"{word}_removed" in detail:
                self.counted.add((asset, word))

    def differing(self) -> Iterable[tuple[AssetId, str]]:
        """Assets and what of them is not as it was."""
        return [*self.values, *self.counted]


class _Classes:
    """Names and classes of assets as they are now, or were last."""

    def __init__(self, record: Record, told: _Told) -> None:
        self._view = record.view
        self._told = told
        self._known: dict[AssetId, str] = {}

    def of(self, asset: AssetId) -> str:
        """The class of an asset."""
        if asset not in self._known:
            row = self._view.asset(asset)
            self._known[asset] = row.cls if row else self._told.classes.get(asset, "")
        return self._known[asset]

    def named(self, assets: Iterable[AssetId]) -> tuple[NamedAsset, ...]:
        """The first of these, with their names."""
        found = []
        for asset in list(assets)[:LISTED_MOST]:
            row = self._view.asset(asset)
            into = self._told.left.get(asset)
            found.append(
                NamedAsset(
                    asset_name(asset),
                    row.name if row else "",
                    self.of(asset),
                    asset_name(into) if into else "",
                )
            )
        return tuple(found)


def _hash(value: Json) -> int:
    return hash(repr(value))


def _notes(marks: Marks, first: datetime) -> tuple[str, ...]:
    if marks.feed_from is None or first >= marks.feed_from:
        return ()
    return (f"the change feed begins at {instant(marks.feed_from)}: what came before is not told",)
