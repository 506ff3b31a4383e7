"""What was made of an estate, compared with what is true of it.

Counts over pairs of lines: two lines of one thing should sit in one asset, two of different
things never. Knows the export forms, and nothing of the product that writes them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.reconcile.stretches import (
    Identity,
    Key,
    Object,
    Stretch,
    places,
    read_identity,
    record_key,
    seconds,
)

PLAIN = "(none)"
_ALONE = "\0alone"
"""Begins the name of the asset of a line that no record of the export holds: it is by itself."""


@dataclass(frozen=True)
class Asset:
    """A line of the export of assets."""

    cls: str
    state: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Thing:
    """What is true of a thing at the end."""

    name: str
    faults: tuple[str, ...] = ()
    twin_ok: bool = False
    states: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Figures:
    """The counts of all things, or of those with one fault."""

    things: int = 0
    lines: int = 0
    pairs: int = 0
    found: int = 0
    joined: int = 0
    """Pairs of lines in one asset, rightly or not."""
    right: int = 0
    """Those of them that are about one thing."""
    whole: int = 0
    merges: set[str] = field(default_factory=set)
    questions: int = 0
    states: list[int] = field(default_factory=lambda: [0, 0])
    values: list[int] = field(default_factory=lambda: [0, 0])
    examples: dict[str, str] = field(default_factory=dict)

    def example(self, kind: str, text: str) -> None:
        """Keeps the first failure of a kind."""
        self.examples.setdefault(kind, text)

    def shown(self) -> dict[str, Any]:
        """As one JSON object."""
        recall, precision = _share(self.found, self.pairs), _share(self.right, self.joined)
        both = (recall or 0) + (precision or 0)
        return {
            "things": self.things, "lines": self.lines, "false_merges": len(self.merges),
            "precision": precision, "recall": recall,
            "f1": round(2 * (recall or 0) * (precision or 0) / both, 6) if both else None,
            "whole": _share(self.whole, self.things), "questions": self.questions,
            "questions_share": _share(self.questions, self.things),
            "state": _share(*self.states), "state_of": self.states[1],
            "value": _share(*self.values), "value_of": self.values[1],
        }  # fmt: skip


@dataclass
class Verdict:
    """All, and each fault."""

    overall: Figures = field(default_factory=Figures)
    faults: dict[str, Figures] = field(default_factory=lambda: defaultdict(Figures))
    unassigned: int = 0


def read_assets(lines: Iterable[Object]) -> tuple[dict[str, Asset], dict[str, str]]:
    """Assets by id, and earlier ids with the id of today."""
    assets: dict[str, Asset] = {}
    names: dict[str, str] = {}
    for line in lines:
        assets[line["asset"]] = Asset(line["class"], line["state"], line["attributes"])
        names.update(dict.fromkeys(line["aliases"], line["asset"]))
    return assets, {alias: asset for alias, asset in names.items() if alias not in assets}


def judge(
    told: Iterable[tuple[Object, str | None]],
    things: Mapping[str, Thing],
    identity: Iterable[Object],
    assets: Iterable[Object],
) -> Verdict:
    """The verdict.

    Args:
        told: The observations in order of arrival, each with the thing it speaks of.
        things: What is true.
        identity: Objects of the export of identity.
        assets: Objects of the export of assets.
    """
    known, names = read_assets(assets)
    placed = Placed(read_identity(identity, names))
    for line, thing in told:
        if thing is not None:
            placed.add(line, thing)
    placed.settle()
    return verdict_of(placed, things, known)


def verdict_of(placed: Placed, things: Mapping[str, Thing], assets: Mapping[str, Asset]) -> Verdict:
    """The verdict on lines that sit where they sit."""
    verdict = Verdict(unassigned=placed.unassigned)
    asked = placed.asked()
    for name, cells in placed.cells.items():
        thing = things[name]
        for figures in _figures(verdict, thing.faults):
            _identity(figures, thing, cells, asked=name in asked)
            _expectations(figures, thing, assets.get(_main(cells)))
    _merges(verdict, placed, things)
    return verdict


class Placed:
    """Where the lines sit: for each thing, how many in each asset, asked about or not."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._open: list[tuple[str, Key, Stretch, Stretch]] = []
        self._last: dict[tuple[str, Key], Stretch] = {}
        self.cells: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
        self.unassigned = 0

    def put(self, thing: str, asset: str) -> None:
        """A line of a thing sits in an asset."""
        self.cells[thing][asset, False] += 1

    def add(self, line: Object, thing: str) -> None:
        """A line of a thing sits where the export of identity says."""
        key = record_key(line)
        held = self._identity.get(key)
        if not held:
            self.unassigned += 1
            self.cells[thing][f"{_ALONE}{self.unassigned}", False] += 1
        elif len(held) == 1:
            self._put(thing, key, held[0])
        else:
            one, two = places(held, seconds(line["observed_at"]), seconds(line["at"]))
            if one.asset == two.asset:
                self._put(thing, key, one)
            else:
                self._open.append((thing, key, one, two))

    def settle(self) -> None:
        """Lines between two stretches count for the one that holds more of their thing."""
        held = {
            thing: Counter(asset for (asset, _), n in self.cells[thing].items() for _ in range(n))
            for thing in {case[0] for case in self._open}
        }
        for thing, key, one, two in self._open:
            better = held[thing][two.asset] > held[thing][one.asset]
            self._put(thing, key, two if better else one)

    def asked(self) -> set[str]:
        """Things with a record whose last stretch that holds lines of them is a twin."""
        return {thing for (thing, _), last in self._last.items() if last.twin}

    def _put(self, thing: str, key: Key, stretch: Stretch) -> None:
        self.cells[thing][stretch.asset, stretch.twin] += 1
        last = self._last.get((thing, key))
        if last is None or last.begin <= stretch.begin:
            self._last[thing, key] = stretch


def _figures(verdict: Verdict, faults: tuple[str, ...]) -> list[Figures]:
    return [verdict.overall] + [verdict.faults[fault] for fault in faults or (PLAIN,)]


def _identity(
    figures: Figures, thing: Thing, cells: Counter[tuple[str, bool]], *, asked: bool
) -> None:
    lines = sum(cells.values())
    every, found = _pairs(lines), _found(cells, twin_ok=thing.twin_ok)
    figures.things += 1
    figures.lines += lines
    figures.pairs += every
    figures.found += found
    figures.whole += found == every
    if found < every:
        figures.example("recall", f"{thing.name} sits in {len({a for a, _ in cells})} assets")
    if asked and not thing.twin_ok:
        figures.questions += 1
        figures.example("question", f"{thing.name} is held as a twin")


def _expectations(figures: Figures, thing: Thing, asset: Asset | None) -> None:
    attributes = asset.attributes if asset else {}
    if thing.states:
        _count(figures, "state", thing, (thing.states, asset and asset.state))
    if thing.classes:
        _count(figures, "value", thing, (thing.classes, asset and asset.cls))
    for name, want in thing.attributes.items():
        _count(figures, "value", thing, (want, attributes.get(name)))


def _count(figures: Figures, kind: str, thing: Thing, pair: tuple[Any, Any]) -> None:
    want, got = pair
    holds = got in want if isinstance(want, tuple) else same(want, got)
    counted = figures.states if kind == "state" else figures.values
    counted[0] += holds
    counted[1] += 1
    if not holds:
        figures.example(kind, f"{thing.name}: {got!r}, not {want!r}")


def _merges(verdict: Verdict, placed: Placed, things: Mapping[str, Thing]) -> None:
    inside: dict[str, Counter[str]] = defaultdict(Counter)
    for thing, cells in placed.cells.items():
        for (asset, _), lines in cells.items():
            inside[asset][thing] += lines
    for asset, held in inside.items():
        for figures in [verdict.overall, *(verdict.faults[f] for f in _common(held, things))]:
            figures.joined += _pairs(sum(held.values()))
            figures.right += sum(map(_pairs, held.values()))
            if len(held) > 1:
                figures.merges.add(asset)
                names = ", ".join(sorted(held)[:6])
                figures.example("merge", f"{len(held)} things in {asset}: {names}")


def _common(held: Iterable[str], things: Mapping[str, Thing]) -> list[str]:
    """Faults that two of an asset's things have; where no two have one, those of any."""
    counted = Counter(fault for thing in held for fault in things[thing].faults)
    return [fault for fault, number in counted.items() if number > 1] or list(counted) or [PLAIN]


def same(want: Any, got: Any) -> bool:
    """Whether a value meets an expectation, in the words of the truth's form."""
    if isinstance(want, dict):
        fold, share = bool(want.get("nocase")), float(want.get("within") or 0)
        return any(_close(one, got, fold=fold, share=share) for one in want["any"])
    return _close(want, got, fold=False, share=0)


def _close(want: Any, got: Any, *, fold: bool, share: float) -> bool:
    if want is None or got is None:
        return want is got
    if isinstance(want, int | float):
        return isinstance(got, int | float) and abs(got - want) <= abs(want) * share
    one, two = str(want).strip(), str(got).strip()
    return one.casefold() == two.casefold() if fold else one == two


def _found(cells: Counter[tuple[str, bool]], *, twin_ok: bool) -> int:
    """Pairs in one asset; where asking is right, also those across two with a question open."""
    every, linked = Counter[str](), Counter[str]()
    for (asset, twin), lines in cells.items():
        every[asset] += lines
        linked[asset] += 0 if twin else lines
    inside = sum(map(_pairs, every.values()))
    if not twin_ok:
        return inside
    apart = _pairs(sum(every.values())) - inside
    unasked = _pairs(sum(linked.values())) - sum(map(_pairs, linked.values()))
    return inside + apart - unasked


def _main(cells: Counter[tuple[str, bool]]) -> str:
    """The asset with most lines of a thing."""
    held: Counter[str] = Counter()
    for (asset, _), lines in cells.items():
        held[asset] += lines
    return max(held, key=lambda asset: held[asset])


def _pairs(lines: int) -> int:
    return lines * (lines - 1) // 2


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
