"""Words of people about pairs of records: that they are about one thing, or about two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cmdb.model.observation import RecordKey
from reconcile.times import Time


@dataclass(frozen=True, slots=True)
class Ruling:
    """A person's word about two records."""

    records: tuple[RecordKey, RecordKey]
    at: int
    why: str
    times: tuple[Time, Time] = (None, None)
    """Of which time of either it speaks."""

    def time_of(self, key: RecordKey) -> Time:
        """Of which time of a record it speaks."""
        return self.times[self.records[0] != key]

    def order(self) -> tuple[int, tuple[RecordKey, RecordKey], str]:
        """A stable order: of time, then of content."""
        return self.at, self.records, " ".join(map(str, self.times))

    def other(self, key: RecordKey) -> RecordKey:
        """The record that is spoken of together with this one."""
        return self.records[self.records[0] == key]


@dataclass(frozen=True)
class Rulings:
    """What people decided, the last word about each pair of records."""

    same: tuple[Ruling, ...] = ()
    different: tuple[Ruling, ...] = ()

    @cached_property
    def timed(self) -> frozenset[frozenset[RecordKey]]:
        """Pairs of records of which a word speaks of a time alone."""
        every = (*self.same, *self.different)
        return frozenset(frozenset(each.records) for each in every if each.times != (None, None))


def latest(rulings: Iterable[tuple[str, Ruling]]) -> Rulings:
    """The last word about each pair: act ("same" or "different") and ruling in order of time."""
    last: dict[frozenset[tuple[RecordKey, Time]], tuple[str, Ruling]] = {}
    for act, ruling in sorted(rulings, key=lambda item: (item[1].at, item[0])):
        last[frozenset(zip(ruling.records, ruling.times, strict=True))] = (act, ruling)
    ordered = sorted(last.values(), key=lambda item: item[1].order())
    return Rulings(
        tuple(ruling for act, ruling in ordered if act == "same"),
        tuple(ruling for act, ruling in ordered if act == "different"),
    )


def by_record(rulings: Iterable[Ruling]) -> dict[RecordKey, list[Ruling]]:
    """Rulings by each of the records that they are about."""
    found: dict[RecordKey, list[Ruling]] = {}
    for ruling in rulings:
        for key in ruling.records:
            found.setdefault(key, []).append(ruling)
    return found
