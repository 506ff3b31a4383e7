"""What became different in the estate between two times, told by the change feed.

The feed tells when something was learned. It is read once, in order; what is kept in memory is a
number or two for each asset and value that differs, and nothing of what changed back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import cast

from cmdb.model.observation import Json
from cmdb.query.assets import asset_name
from cmdb.query.encode import instant
from cmdb.store.history import Marks
from cmdb.store.port import AssetId, Change, Headline, Record

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


Formerly = Callable[[datetime, Sequence[AssetId]], Mapping[AssetId, Headline]]
"""What others showed of assets, by what was believed at a time."""

_Times = tuple[datetime, datetime]
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
    formerly: Formerly = lambda *_: {},
) -> EstateDifferences:
    """What became different after one time and up to another; of one moment of the record.

    Args:
        record: The store.
        first: What was learned later is told.
        second: What was learned later is not.
        only: What is told of it.
        most: How many assets of each kind are named.
        formerly: What was believed of assets that are none any more.
    """
    told = _Told()
    for change in record.history.feed(first, second):
        told.take(change)
    lines = _Lines(record, told, formerly, (first, second))
    created, gone, joined = (
        lines.among(found, only) if only.takes(kind) else []
        for kind, found in told.came_or_went().items()
    )
    changed = _changed(told, lines, only)
    return EstateDifferences(
        first,
        second,
        len(created),
        len(gone),
        len(joined),
        len(changed),
        lines.named(created, most),
        lines.named(gone, most),
        lines.named(joined, most),
        _counted(changed, lines),
        lines.altered(changed, most),
        max(map(len, (created, gone, joined, changed))) > most,
        _notes(record.history.marks(), first),
    )


def _changed(told: _Told, lines: _Lines, only: Only) -> dict[AssetId, list[str]]:
    """Assets that were there before and after, and what of them is different."""
    found: dict[AssetId, list[str]] = {}
    for asset, what in sorted(told.differing()):
        stayed = asset not in told.created and asset not in told.left
        if stayed and only.takes(what):
            found.setdefault(asset, []).append(what)
    lines.learn(found)
    return {asset: found[asset] for asset in lines.among(list(found), only)}


def _counted(changed: Mapping[AssetId, Sequence[str]], lines: _Lines) -> tuple[ChangedCount, ...]:
    counts = Counter((lines.cls(asset), what) for asset, found in changed.items() for what in found)
    return tuple(
        ChangedCount(cls, what, count)
        for (cls, what), count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))
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


class _Lines:
    """Names and classes of assets: as they are now, or as they were while they were assets."""

    def __init__(self, record: Record, told: _Told, formerly: Formerly, times: _Times) -> None:
        self._view = record.view
        self._told = told
        self._formerly = formerly
        self._times = times
        self._known: dict[AssetId, tuple[str, str]] = {}

    def learn(self, assets: Iterable[AssetId]) -> None:
        """Reads those that are not known yet, at once."""
        wanted = [asset for asset in assets if asset not in self._known]
        now = self._view.headlines(wanted)
        here = {asset: line for asset, line in now.items() if line.id == asset}
        left = [each for each in wanted if each not in here and each in self._told.left]
        later = [each for each in wanted if each not in here and each not in self._told.left]
        for at, gone in zip(self._times, (left, later), strict=True):
            here |= self._formerly(at, gone) if gone else {}
        for asset in wanted:
            line = here.get(asset)
            cls = self._told.classes.get(asset, "")
            self._known[asset] = (line.cls, line.name) if line else (cls, "")

    def cls(self, asset: AssetId) -> str:
        """The class of an asset that was learned."""
        return self._known[asset][0]

    def among(self, assets: Sequence[AssetId], only: Only) -> list[AssetId]:
        """Those whose class is told of."""
        if not only.cls:
            return list(assets)
        self.learn(assets)
        return [asset for asset in assets if self.cls(asset) == only.cls]

    def altered(
        self, changed: Mapping[AssetId, Sequence[str]], most: int
    ) -> tuple[ChangedAsset, ...]:
        """The first of these, with what is different."""
        found = []
        for asset, what in islice(changed.items(), most):
            cls, name = self._known[asset]
            found.append(ChangedAsset(asset_name(asset), name, cls, tuple(what)))
        return tuple(found)

    def named(self, assets: Sequence[AssetId], most: int) -> tuple[NamedAsset, ...]:
        """The first of these, with their names."""
        self.learn(assets[:most])
        found = []
        for asset in assets[:most]:
            cls, name = self._known[asset]
            into = self._told.left.get(asset)
            found.append(NamedAsset(asset_name(asset), name, cls, asset_name(into) if into else ""))
        return tuple(found)


def _hash(value: Json) -> int:
    return hash(repr(value))


def _notes(marks: Marks, first: datetime) -> tuple[str, ...]:
    if marks.feed_from is None or first >= marks.feed_from:
        return ()
    return (f"the change feed begins at {instant(marks.feed_from)}: what came before is not told",)
