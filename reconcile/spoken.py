"""Which evidence of records people's words speak of, and what of it they join and keep apart.

Most words are about whole records. Where one speaks of a time of a record, it is about the evidence
that was given then, and the last word about a pair of evidences counts. Knows grains, no records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from cmdb.model.observation import RecordKey
from cmdb.store.port import RecordId
from reconcile.cluster import LISTS, Cluster, Grain
from reconcile.rulings import Ruling, Rulings
from reconcile.times import At, Span, Time

Place = tuple[RecordId, int]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word about two records, of which at least one other speaks of a time."""

    different: bool
    at: int
    why: str
    sides: tuple[frozenset[Place], frozenset[Place]]

    def covers(self, one: Place, two: Place) -> bool:
        left, right = self.sides
        return (one in left and two in right) or (two in left and one in right)


class Spoken:
    """What people's words say of grains."""

    def __init__(self, rulings: Rulings, grains: Sequence[Grain]) -> None:
        self._same = rulings.same
        timed = rulings.timed
        self._different = [r for r in rulings.different if frozenset(r.records) not in timed]
        self._grains: dict[RecordKey, list[Grain]] = {}
        if rulings.same or timed:
            for grain in grains:
                self._grains.setdefault(grain.key, []).append(grain)
        self._words = {
            pair: self._about(pair, rulings) for pair in timed if pair <= self._grains.keys()
        }

    def against(self, one: Cluster, two: Cluster) -> str:
        """The word that keeps two clusters apart, or nothing."""
        if not self._different and not self._words:
            return ""
        first, second = one.keys(), two.keys()
        for ruling in self._different:
            left, right = ruling.records
            if (left in first and right in second) or (left in second and right in first):
                return ruling.why
        found = (self._timed(pair, one, two) for pair in self._words if pair & first)
        return min(filter(None, found), default="")

    def _timed(self, pair: frozenset[RecordKey], one: Cluster, two: Cluster) -> str:
        """The word that keeps them apart, of those about two records."""
        words = self._words[pair]
        for a, b in product(_places(one, pair), _places(two, pair)):
            last = _last(words, a, b)
            if last is not None and last.different:
                return last.why
        return ""

    def bonds(self) -> Iterator[tuple[Grain, Grain, str]]:
        """What is one because people said so, and why."""
        for ruling in self._same:
            first, second = (self._grains.get(key, []) for key in ruling.records)
            if first and second:
                one, two = (self._meant(ruling, side) for side in (0, 1))
                if one is not None and two is not None and self._holds(ruling, one, two):
                    yield one, two, ruling.why
            for grains, time in zip((first, second), ruling.times, strict=True):
                # A list's row is what a person says it is, whatever it names later.
                for grain in grains[1:] if time is None else ():
                    if grain.key.source.kind in LISTS:
                        yield grains[0], grain, ruling.why

    def _meant(self, ruling: Ruling, side: int) -> Grain | None:
        """What a record told at the time of which a word speaks, or when the word was said.

        A span binds nothing: it takes back what was said against.
        """
        time = ruling.times[side]
        if isinstance(time, Span):
            return None
        return _at(self._grains[ruling.records[side]], time.at if time else ruling.at)

    def _holds(self, ruling: Ruling, one: Grain, two: Grain) -> bool:
        """Whether no later word keeps them apart."""
        last = _last(self._words.get(frozenset(ruling.records), ()), _place(one), _place(two))
        return last is None or not last.different

    def _about(self, pair: frozenset[RecordKey], rulings: Rulings) -> list[_Word]:
        """All words about two records, in order of time."""
        found = [
            _Word(different, each.at, each.why, self._sides(each))
            for different, said in ((True, rulings.different), (False, rulings.same))
            for each in said
            if frozenset(each.records) == pair
        ]
        return sorted(found, key=lambda word: word.at)

    def _sides(self, ruling: Ruling) -> tuple[frozenset[Place], frozenset[Place]]:
        one, two = (
            _spoken_of(self._grains[key], time)
            for key, time in zip(ruling.records, ruling.times, strict=True)
        )
        return one, two


def _spoken_of(grains: Sequence[Grain], time: Time) -> frozenset[Place]:
    if isinstance(time, At):
        return frozenset({_place(_at(grains, time.at))})
    inside: Callable[[int, int], bool] = time.holds if time else lambda _first, _last: True
    return frozenset(
        _place(grain) for grain in grains if any(inside(*span) for span in grain.spans)
    )


def _at(grains: Sequence[Grain], at: int) -> Grain:
    """What the record told last by a time, or else first after it."""
    before = [grain for grain in grains if grain.first <= at]
    return max(before, key=lambda grain: grain.last_by(at), default=grains[0])


def _place(grain: Grain) -> Place:
    return grain.record, grain.node


def _places(cluster: Cluster, keys: Collection[RecordKey]) -> list[Place]:
    return [_place(grain) for grain in cluster.grains if grain.key in keys]


def _last(words: Sequence[_Word], one: Place, two: Place) -> _Word | None:
    """The last word about two evidences."""
    return next((word for word in reversed(words) if word.covers(one, two)), None)
