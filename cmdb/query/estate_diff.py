"""What became different in the estate between two times, told by the change feed.

The feed tells when something was learned. It is read once, in order; what is kept in memory is a
number or two for each asset and value that differs, and nothing of what changed back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
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
class ChangedAsset:
    """An asset that has other values."""

    asset: str
    name: str
    cls: str
    what: tuple[str, ...]
    """Attributes, or class, state, programs, parts."""


CAME_OR_WENT = ("created", "gone", "joined")


@dataclass(frozen=True, slots=True)
class Only:
    """What is told of all that is different; empty: everything."""

    cls: str = ""
    what: str = ""
    """created, gone, joined, or what of an asset is different: an attribute, class, state ..."""

    def takes(self, kind: str) -> bool:
        """Whether this kind of difference is told."""
        return not self.what or self.what == kind


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
    changed_assets: tuple[ChangedAsset, ...]
    truncated: bool
    """Whether more came, went or changed than are named."""
    notes: tuple[str, ...] = ()


def estate_differences(
    record: Record,
    first: datetime,
    second: datetime,
    only: Only = Only(),
    most: int = LISTED_MOST,
) -> EstateDifferences:
    """What became different after one time and up to another; of one moment of the record.

    Args:
        record: The store.
        first: What was learned later is told.
        second: What was learned later is not.
        only: What is told of it.
        most: How many assets of each kind are named.
    """
    told = _Told()
    for change in record.history.feed(first, second):
        told.take(change)
    classes = _Classes(record, told, most)
    came_or_went = {
        kind: [asset for asset in found if only.takes(kind) and classes.among(asset, only)]
        for kind, found in told.came_or_went().items()
    }
    changed = _changed(told, classes, only)
    counts = Counter(
        (classes.of(asset), what) for asset, found in changed.items() for what in found
    )
    created, gone, joined = came_or_went.values()
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
        classes.altered(changed),
        max(map(len, (created, gone, joined, changed))) > most,
        _notes(record.history.marks(), first),
    )


def _changed(told: _Told, classes: _Classes, only: Only) -> dict[AssetId, list[str]]:
    """Assets that were there before and after, and what of them is different."""
    found: dict[AssetId, list[str]] = {}
    for asset, what in sorted(told.differing()):
        stayed = asset not in told.created and asset not in told.left
        if stayed and only.takes(what) and classes.among(asset, only):
            found.setdefault(asset, []).append(what)
    return found


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
        if change.what in {"created", "returned"}:
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

    def came_or_went(self) -> dict[str, list[AssetId]]:
        """Assets that were created, are gone, or were joined with another."""
        left = sorted(each for each in self.left.items() if each[0] not in self.created)
        return {
            "created": sorted(self.created - self.left.keys()),
            "gone": [asset for asset, into in left if into is None],
            "joined": [asset for asset, into in left if into is not None],
        }

    def differing(self) -> Iterable[tuple[AssetId, str]]:
        """Assets and what of them is not as it was."""
        return [*self.values, *self.counted]


class _Classes:
    """Names and classes of assets as they are now, or were last."""

    def __init__(self, record: Record, told: _Told, most: int) -> None:
        self._view = record.view
        self._told = told
        self._most = most
        self._known: dict[AssetId, str] = {}

    def of(self, asset: AssetId) -> str:
        """The class of an asset."""
        if asset not in self._known:
            row = self._view.asset(asset)
            self._known[asset] = row.cls if row else self._told.classes.get(asset, "")
        return self._known[asset]

    def among(self, asset: AssetId, only: Only) -> bool:
        """Whether assets of its class are told of."""
        return not only.cls or self.of(asset) == only.cls

    def altered(self, changed: Mapping[AssetId, Sequence[str]]) -> tuple[ChangedAsset, ...]:
        """The first of these, with what is different."""
        found = []
        for asset, what in islice(changed.items(), self._most):
            row = self._view.asset(asset)
            name = row.name if row else ""
            found.append(ChangedAsset(asset_name(asset), name, self.of(asset), tuple(what)))
        return tuple(found)

    def named(self, assets: Iterable[AssetId]) -> tuple[NamedAsset, ...]:
        """The first of these, with their names."""
        found = []
        for asset in islice(assets, self._most):
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
