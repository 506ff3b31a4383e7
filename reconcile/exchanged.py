"""Boards that two machines exchanged: what tells so, until both were looked at anew.

A board takes its adapters with it, and mostly its UUID; the system's serial number stays. An agent
that reports what changed tells of the adapters alone, and they are the other machine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from cmdb.store.port import RecordId
from reconcile.cluster import Cluster, Grain

_SYSTEM = "system_serial"
WHY = "its adapters went over: its agent tells of the other's since, under its own serial number"


class Exchanged:
    """Looks for such boards among the grains of one identification."""

    def __init__(self, grains: Sequence[Grain]) -> None:
        self._told: dict[RecordId, list[Grain]] = {}
        for grain in grains:
            if grain.key.source.kind == "agent" and grain.of("mac"):
                self._told.setdefault(grain.record, []).append(grain)

    def between(self, one: Cluster, two: Cluster) -> str:
        """Why an adapter that they share is no reason to join them, or nothing."""
        shared = (
            pair
            for pair in product(one.grains, two.grains)
            if pair[0].record != pair[1].record and pair[0].of("mac") & pair[1].of("mac")
        )
        told = any(self._went_over(*pair) or self._went_over(*pair[::-1]) for pair in shared)
        return WHY if told else ""

    def _went_over(self, before: Grain, after: Grain) -> bool:
        """Whether adapters of one, which another tells of, are its own no more."""
        system = before.of(_SYSTEM)
        if not system:
            return False
        return any(
            self._are_exchanged(own, other)
            for own in self._told.get(before.record, ())
            if own.first > before.first
            and own.of(_SYSTEM) & system
            and not own.of("mac") & before.of("mac")
            for other in self._told.get(after.record, ())
            if other.first < after.first and not other.of("mac") & after.of("mac")
        )

    @staticmethod
    def _are_exchanged(own: Grain, other: Grain) -> bool:
        """Whether a machine tells of what another told of before, and they are two systems."""
        systems = own.of(_SYSTEM), other.of(_SYSTEM)
        return bool(own.of("mac") & other.of("mac") and systems[1]) and not systems[0] & systems[1]
