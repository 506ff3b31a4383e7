"""Values that a record gives and that are another's: taken from it before anything is weighed.

Pure, and a matter of content alone: which records there are, never which came first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cmdb.model.observation import RecordKey
from reconcile.cluster import HOSTED, SERIALS, Grain, Reason
from reconcile.evidence import LENT
from reconcile.foreign import disown_numbers
from reconcile.virtual import is_guest

_HOSTS = "a container gives it, and reads it of its host"


def disown(grains: Sequence[Grain]) -> None:
    """Takes serial numbers from those who only repeat them, and MACs of docks from everyone.

    A blade prints its enclosure's number, a switch stack that of the member which leads it.
    """
    _part_from_hosts(grains)
    lent = {value for grain in grains for value in grain.of(LENT)}
    housing = {v for g in grains if g.houses for v in _serials(g)}
    parts = _serials_of_parts(grains)
    for grain in grains:
        own = dict(grain.values)
        _drop(own, "mac", lent)
        borrowed = parts.get(grain.key, set()) | _repeated(grain, grains, parts)
        if grain.houses is False:
            borrowed |= housing
        elif grain.houses:
            borrowed = set()
        for name in SERIALS:
            _drop(own, name, borrowed)
        grain.values = own
    disown_numbers(grains)


def _part_from_hosts(grains: Sequence[Grain]) -> None:
    """Takes from containers the serial numbers that they read: they are their hosts'."""
    inside = [grain for grain in grains if grain.is_container and _serials(grain)]
    for grain in inside:
        own = {name: held for name, held in grain.values.items() if name not in SERIALS}
        read = _serials(grain)
        hosts = [g for g in grains if not g.is_container and _serials(g) & read]
        host = min(hosts, key=Grain.order, default=grain)
        grain.values = own | {HOSTED: read}
        grain.notes += tuple(
            Reason(SERIALS[0], value, host.key, counted=False, why=_HOSTS) for value in sorted(read)
        )


def _serials_of_parts(grains: Sequence[Grain]) -> Mapping[RecordKey, set[str]]:
    found: dict[RecordKey, set[str]] = {}
    for grain in grains:
        # A guest may have its host's number; no host has one of a guest's.
        if grain.parent is not None and not grain.houses and not is_guest(grain):
            found.setdefault(grain.parent, set()).update(_serials(grain))
    return found


def _repeated(
    grain: Grain, grains: Sequence[Grain], parts: Mapping[RecordKey, set[str]]
) -> set[str]:
    """Serial numbers of the parts of a whole that somebody else tells of, too, without parts.

    It is the whole by name or adapter; a part that is told of by itself has those of the part.
    """
    found: set[str] = set()
    for whole, serials in parts.items():
        if grain.key == whole or grain.parent is not None or not _serials(grain) & serials:
            continue
        labels = {v for g in grains if g.key == whole for v in _labels(g)}
        theirs = {v for g in grains if g.parent == whole for v in _labels(g)}
        if _labels(grain) & labels - theirs:
            found |= serials
    return found


def _serials(grain: Grain) -> frozenset[str]:
    return grain.of(SERIALS[0]) | grain.of(SERIALS[1])


def _labels(grain: Grain) -> frozenset[str]:
    return grain.of("mac") | grain.of("name")


def _drop(values: dict[str, frozenset[str]], name: str, gone: set[str]) -> None:
    if name in values and values[name] & gone:
        values[name] -= gone
        if not values[name]:
            del values[name]
