"""Which asset a line sits in, by the export of identity.

Knows the forms of the import and the export, and nothing of the product that writes them.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

Key = tuple[str, str, str, str]
"""Kind and instance of the source, scope, native key."""
Object = Mapping[str, Any]
"""One line of a JSON Lines file."""

_EVER = float("inf")


class BadExport(ValueError):
    """The export does not hold to its form."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in which a record was about one asset; instants in seconds, `end` not included."""

    begin: float
    end: float
    asset: str
    twin: bool


Identity = dict[Key, list[Stretch]]


def record_key(line: Object) -> Key:
    """The record that a line is about."""
    source = line["source"]
    return source["kind"], source["instance"], line["scope"], line["native_key"]


def seconds(instant: str) -> float:
    """An RFC 3339 instant as seconds."""
    return datetime.fromisoformat(instant).timestamp()


def read_identity(lines: Iterable[Object], names: Mapping[str, str]) -> Identity:
    """The stretches of each record, in order of time.

    Args:
        lines: Objects of the export.
        names: Earlier ids of assets, each with the id of today.

    Raises:
        BadExport: Two stretches of a record overlap, or one ends before it begins.
    """
    found: Identity = defaultdict(list)
    for line in lines:
        begin = -_EVER if line["from"] is None else seconds(line["from"])
        end = _EVER if line["to"] is None else seconds(line["to"])
        asset = names.get(line["asset"], line["asset"])
        found[record_key(line)].append(Stretch(begin, end, asset, line["state"] == "twin"))
    for key, held in found.items():
        held.sort(key=lambda stretch: stretch.begin)
        for one, two in pairwise(held):
            if two.begin < one.end:
                raise BadExport(f"stretches of {'/'.join(key)} overlap")
        if any(stretch.end < stretch.begin for stretch in held):
            raise BadExport(f"a stretch of {'/'.join(key)} ends before it begins")
    return dict(found)


def places(held: list[Stretch], observed: float, arrived: float) -> tuple[Stretch, Stretch]:
    """The stretch by the instant of observation, and the one by that of arrival."""
    one, two = _inside(held, observed), _inside(held, arrived)
    if one is None and two is None:
        before = bisect.bisect_right([stretch.begin for stretch in held], observed) - 1
        one = two = held[max(0, before)]
    return one or two or held[0], two or one or held[0]


def _inside(held: list[Stretch], instant: float) -> Stretch | None:
    found = bisect.bisect_right([stretch.begin for stretch in held], instant) - 1
    return held[found] if found >= 0 and instant < held[found].end else None
