"""Whether two that share one number have nothing else in common, by all that they ever said.

By whole records, not by single words of them: a machine that tells of a dongle alone today told of
its own adapter yesterday. Says nothing of rulings or of what comes of it: reconcile/objections.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import chain

from cmdb.store.port import RecordId
from reconcile.cluster import LIVE, SERIALS, Cluster, Grain
from reconcile.evidence import MODEL, SINGLE
from reconcile.keys import SCAN
from reconcile.unlike import same_model

_TIES = (*SINGLE, *SERIALS, "mac", "local_mac", "machine_id", "asset_tag", "name")
_NUMBERS = (*SINGLE, *SERIALS, "asset_tag")
_ANYTHING = "Device"
_ONE_BOX = frozenset({"Computer", "VirtualMachine", "NetworkDevice", "Storage", "Enclosure"})
"""Classes as which one device is seen by those who ask it in other ways."""
_HANDHELD = frozenset({"Computer", "Phone"})
_DAY = 24 * 3600 * 1_000_000
_NONE: Set[str] = frozenset()


class Strangers:
    """What all records of a component ever said, to weigh two sides by."""

    def __init__(self, grains: Sequence[Grain]) -> None:
        self._grains: dict[RecordId, list[Grain]] = {}
        for grain in grains:
            self._grains.setdefault(grain.record, []).append(grain)

    def share_only(self, one: Cluster, two: Cluster, name: str) -> bool:
        """Whether a value of this key is all that their records have in common."""
        if one.records() & two.records():
            return False
        sides = self._said(one), self._said(two)
        numbers = _shared(sides, name) | _kin(sides, name)
        if any(_shared(sides, key) - numbers for key in _TIES if key != name):
            return False
        # An address goes with the adapter that is lent.
        return name == "mac" or not self._places(one) & self._places(two)

    def differ(self, one: Cluster, two: Cluster, *keys: str) -> bool:
        """Whether both ever gave values of each of the keys, and none in common."""
        left, right = self._said(one), self._said(two)
        return all(left.get(key) and right.get(key) and not left[key] & right[key] for key in keys)

    def without_numbers(self, one: Cluster, two: Cluster) -> bool:
        """Whether neither has a number of its hardware."""
        return not any(self._said(side).get(key) for side in (one, two) for key in _NUMBERS)

    def first_on_one_day(self, left: Grain, right: Grain) -> bool:
        """Whether both records were first heard within a day, as when agents are rolled out."""
        firsts = [min(g.first for g in self._grains[each.record]) for each in (left, right)]
        return abs(firsts[0] - firsts[1]) <= _DAY

    def of_other_make(self, one: Cluster, two: Cluster) -> str:
        """Why two are no one device, by class and model, or nothing."""
        classes = self._classes(one), self._classes(two)
        named = self.differ(one, two, "name")
        if not named or not all(classes):
            return ""
        told = f"one is a {min(classes[0])}, the other a {min(classes[1])}, with other names"
        if not any(_compatible(left, right) for left in classes[0] for right in classes[1]):
            return told
        unlike = self._modelled_unlike(one, two)
        if unlike and not classes[0] & classes[1]:
            return f"{told} and models"
        looked = self._look(one) and self._look(two) and self.differ(one, two, "mac")
        if looked and (unlike or self.differ(one, two, "machine_id")):
            what = "models" if unlike else "machine ids"
            return f"they have other {what}, other names and other adapters"
        return ""

    def _said(self, side: Cluster) -> Mapping[str, set[str]]:
        said: dict[str, set[str]] = {}
        for grain in self._of(side):
            for key, values in grain.values.items():
                said.setdefault(key, set()).update(values)
        return said

    def _of(self, side: Cluster) -> Iterable[Grain]:
        return chain.from_iterable(self._grains[record] for record in side.records())

    def _places(self, side: Cluster) -> set[tuple[str, str]]:
        return {place for grain in self._of(side) for place in grain.places}

    def _classes(self, side: Cluster) -> set[str]:
        told = {grain.cls for grain in self._of(side) if grain.key.source.kind != SCAN}
        return {each for each in told if each is not None and each != _ANYTHING}

    def _modelled_unlike(self, one: Cluster, two: Cluster) -> bool:
        left, right = (self._said(side).get(MODEL, _NONE) for side in (one, two))
        if not left or not right:
            return False
        return not any(same_model(a, b) for a in left for b in right)

    def _look(self, side: Cluster) -> bool:
        """Whether nobody but those who look at it tells of it: lists have names of their own."""
        return all(grain.key.source.kind in LIVE for grain in self._of(side))


def in_three(clusters: Sequence[Cluster], strange: Set[tuple[int, int]]) -> bool:
    """Whether three of the clusters are strangers to each other, by their places."""
    picked: list[int] = []
    for place in range(len(clusters)):
        if all((before, place) in strange for before in picked):
            picked.append(place)
    return len(picked) > 2  # noqa: PLR2004 - a third carrier


def _shared(sides: Sequence[Mapping[str, Set[str]]], name: str) -> Set[str]:
    return sides[0].get(name, _NONE) & sides[1].get(name, _NONE)


def _kin(sides: Sequence[Mapping[str, Set[str]]], name: str) -> Set[str]:
    """A serial number that is given as the system's here and as the board's there."""
    if name not in SERIALS:
        return _NONE
    left, right = ({v for key in SERIALS for v in side.get(key, _NONE)} for side in sides)
    return left & right if len(left & right) == 1 else _NONE


def _compatible(left: str, right: str) -> bool:
    return left == right or any({left, right} <= alike for alike in (_ONE_BOX, _HANDHELD))
