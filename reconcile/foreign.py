"""Serial numbers of another machine: typed into the wrong row, or a host's given for its guest.

Told by what else the records say. Nothing is taken where the record that gives a number and one
that has it share a name or an adapter: machines are renamed, and lists are years old.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from cmdb.store.port import RecordId
from reconcile.cluster import LISTS, SERIALS, Grain, Reason
from reconcile.unlike import unlike_rows
from reconcile.virtual import is_guest, may_be_host, of_guests

_LABELS = ("mac", "name", "asset_tag")
"""What a row says besides the number, by which is known whose it is."""
_TIES = ("mac", "name", "bios_uuid", "instance_id", "machine_id")
_ENOUGH = 2
_TYPED = "typed by hand; name, adapter or asset number are those of another machine"
_HOSTS = "a virtual machine gives it, and its host has it"

_Values = Mapping[str, Set[str]]
_Foreign = tuple[Grain, str, str, Reason]
"""Who gives it, the key, the value, and whose it is."""


def disown_numbers(grains: Sequence[Grain]) -> None:
    """Takes serial numbers from those who give another's, with a note of whose they are."""
    if len({grain.record for grain in grains}) == 1:
        return
    holders = _holders(grains)
    if not holders:
        return
    known = _Known(grains)
    for grain, name, value, note in [*_typed(holders, known), *_of_hosts(holders, known)]:
        left = grain.of(name) - {value}
        grain.values = {key: held for key, held in grain.values.items() if key != name}
        if left:
            grain.values[name] = left
        if note not in grain.notes:
            grain.notes += (note,)


@dataclass(init=False)
class _Known:
    """What each record ever said."""

    by_record: dict[RecordId, dict[str, set[str]]]
    grains: dict[RecordId, Grain]
    """One of each record."""

    def __init__(self, grains: Sequence[Grain]) -> None:
        self.by_record = {}
        self.grains = {}
        for grain in grains:
            said = self.by_record.setdefault(grain.record, {})
            for key, values in grain.values.items():
                said.setdefault(key, set()).update(values)
            self.grains.setdefault(grain.record, grain)


_Holders = dict[tuple[str, str], list[Grain]]


def _holders(grains: Sequence[Grain]) -> _Holders:
    """Serial numbers that several records give, under either key, with those who do."""
    found: dict[str, list[Grain]] = {}
    for grain in grains:
        for value in {value for name in SERIALS for value in grain.of(name)}:
            found.setdefault(value, []).append(grain)
    return {
        (name, value): holders
        for value, holders in found.items()
        if len({grain.record for grain in holders}) > 1
        for name in SERIALS
        if any(grain.of(name) for grain in holders)
    }


def _typed(holders: _Holders, known: _Known) -> Iterator[_Foreign]:
    for (name, value), among in holders.items():
        for grain in among:
            if grain.key.source.kind not in LISTS or value not in grain.of(name):
                continue
            others = _others(grain, among)
            if any(_shared(grain.values, known.by_record[o.record], _LABELS) for o in others):
                continue
            owner = min(others, key=Grain.order)
            if _of_another(grain, value, known) or _copied_down(grain, among, known):
                yield grain, name, value, Reason(name, value, owner.key, counted=False, why=_TYPED)


def _others(row: Grain, among: Sequence[Grain]) -> list[Grain]:
    """Who else has the number: those who look, or else other rows, which may repeat a mistake."""
    others = [grain for grain in among if grain.record != row.record]
    return [grain for grain in others if grain.key.source.kind not in LISTS] or others


def _of_another(row: Grain, value: str, known: _Known) -> bool:
    """Whether a machine that has no such number has what else the row says."""
    for record, said in known.by_record.items():
        other = known.grains[record]
        if record == row.record or other.key.source == row.key.source:
            continue
        if any(value in said.get(key, ()) for key in SERIALS):
            continue
        if _shared(row.values, said, _LABELS) >= _ENOUGH:
            return True
    return False


def _copied_down(row: Grain, among: Sequence[Grain], known: _Known) -> bool:
    """Whether another row of the list has the number, too, and is the one that it belongs to."""
    looking = [known.by_record[g.record] for g in among if g.key.source.kind not in LISTS]
    return any(
        other.key.source == row.key.source
        and unlike_rows(row, other)
        and any(_shared(other.values, said, _LABELS) for said in looking)
        for other in among
    )


def _of_hosts(holders: _Holders, known: _Known) -> Iterator[_Foreign]:
    for (name, value), among in holders.items():
        hosts = [grain for grain in among if may_be_host(grain) and not is_guest(grain)]
        if not hosts or of_guests(value):
            continue
        for grain in among:
            if value not in grain.of(name) or not is_guest(grain):
                continue
            said = known.by_record[grain.record]
            if not any(_shared(said, known.by_record[host.record], _TIES) for host in hosts):
                owner = min(hosts, key=Grain.order)
                yield grain, name, value, Reason(name, value, owner.key, counted=False, why=_HOSTS)


def _shared(one: _Values, two: _Values, keys: Sequence[str]) -> int:
    return sum(bool(one.get(key, set()) & two.get(key, set())) for key in keys)
