"""Serial numbers of another machine: typed into the wrong row or amiss, or a host's for its guest.

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
_SERIAL = "system_serial"
_LONG = 6
"""Characters of a serial number by which a slip is told from another number."""
_PAIR = 2
_PUT_RIGHT = "the row was put right since; nobody else ever gave it"
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
    put_right = list(_put_right(grains))
    if not holders and not put_right:
        return
    known = _Known(grains)
    foreign = [*_typed(holders, known), *_of_hosts(holders, known), *put_right]
    for grain, name, value, note in foreign:
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


def _put_right(grains: Sequence[Grain]) -> Iterator[_Foreign]:
    """Serial numbers that a row gave and later put right, where a machine had the right one then.

    Nobody else ever gave the first: another machine of the same name, whose successor the row tells
    of, would have been there before it and not with it. Lists lag: unless both are alike but for a
    slip, the machine was there before the row gave the first at all.
    """
    rows: dict[RecordId, list[Grain]] = {}
    for grain in grains:
        if grain.key.source.kind in LISTS and grain.of(_SERIAL):
            rows.setdefault(grain.record, []).append(grain)
    for row in rows.values():
        for before in row:
            for after in row:
                owner = _right_then(before, after, grains)
                if owner is not None and not _given_again(before, row, after, grains):
                    (value,) = before.of(_SERIAL)
                    note = Reason(_SERIAL, value, owner.key, counted=False, why=_PUT_RIGHT)
                    yield before, _SERIAL, value, note


def _right_then(before: Grain, after: Grain, grains: Sequence[Grain]) -> Grain | None:
    """Who looked, and had the number that a row gave afterwards while it gave another."""
    last, names = before.spans[-1][1], before.of("name")
    if last >= after.first or len(before.of(_SERIAL)) != 1 or not _one_row(before, after):
        return None
    by = last if _slipped(before.of(_SERIAL), after.of(_SERIAL)) else before.first
    found = [
        grain
        for grain in grains
        if grain.key.source.kind not in LISTS
        and grain.of(_SERIAL) & after.of(_SERIAL)
        and (not names or grain.of("name") & names)
        and grain.first <= by
    ]
    return min(found, key=Grain.order, default=None)


def _one_row(before: Grain, after: Grain) -> bool:
    """Whether a row names one machine both times: by its name, or without any by its number.

    Many machines have one name; they have asset numbers of their own.
    """
    names, tags = ((before.of(key), after.of(key)) for key in ("name", "asset_tag"))
    if all(tags) and not tags[0] & tags[1]:
        return False
    return bool(names[0] & names[1]) if all(names) else not any(names) and all(tags)


def _given_again(
    before: Grain, row: Sequence[Grain], after: Grain, grains: Sequence[Grain]
) -> bool:
    """Whether somebody else gives the number, too, or the row does after it was put right."""
    value = before.of(_SERIAL)
    others = (grain for grain in grains if grain.record != before.record)
    if any(grain.of(name) & value for grain in others for name in SERIALS):
        return True
    return any(g.of(_SERIAL) & value and g.spans[-1][1] > after.first for g in row)


def _slipped(one: Set[str], two: Set[str]) -> bool:
    """Whether two numbers are one but for a character, or for two that changed places."""
    if len(one) != 1 or len(two) != 1:
        return False
    left, right = min(one), min(two)
    if len(left) != len(right) or len(left) < _LONG or left == right:
        return False
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    return len(pairs) == 1 or (len(pairs) == _PAIR and pairs[0] == pairs[1][::-1])


def _shared(one: _Values, two: _Values, keys: Sequence[str]) -> int:
    return sum(bool(one.get(key, set()) & two.get(key, set())) for key in keys)
