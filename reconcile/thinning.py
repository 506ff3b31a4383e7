"""Takes visits out of timelines that are older than people want to keep, and moves nothing.

Of each stretch and month every evidence keeps its first and its last visit; so do a scan's
sightings, which differ by address as well. What goes can matter to who is who, so that the records
concerned are identified again in the same transaction: where anything would be about something
else, all of it is taken back, and tried for fewer records. Knows nothing of what records said
besides, and of how long people want to keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from cmdb.store.port import LinkRow, Record, RecordId
from reconcile import keys, timeline
from reconcile.components import Components
from reconcile.decisions import decided
from reconcile.instants import from_micros, to_micros
from reconcile.sayings import Sayings
from reconcile.timeline import Timeline, Visit
from reconcile.witness import Witness

WORTH_IT = 8
"""Visits for fewer of which no timeline is written anew."""

_Group = tuple[int, int, int, int, tuple[str, ...] | None]
_Thinned = Mapping[RecordId, tuple[Timeline, Timeline]]
"""Timelines before and after."""


class _Moves(Exception):
    """Somebody would be about something else."""


def superfluous(record: Record, first: RecordId, last: RecordId, before: datetime) -> int:
    """How many visits of a range of records thin() may take out."""
    return _taken(_thinner(record, range(first, last + 1), before, WORTH_IT))


def thin(
    record: Record,
    first: RecordId,
    last: RecordId,
    before: datetime,
    at: datetime,
    *,
    worth: int = WORTH_IT,
) -> int:
    """Thins the timelines of a range of records, in transactions of its own; says by how much.

    Args:
        record: The store.
        first: The first record.
        last: The last record.
        before: Visits that ended later stay.
        at: The record's clock.
        worth: Timelines that would lose fewer visits stay as they are.
    """
    thinned = _thinner(record, range(first, last + 1), before, worth)
    return sum(_taken(part) for part in _applied(record, thinned, at))


def thinned(known: Timeline, before: int, borders: Sequence[int], *, each: bool) -> Timeline:
    """A timeline without what is superfluous of before a time.

    Args:
        known: All of it.
        before: Microseconds since 1970; visits that ended later stay, and so does the newest.
        borders: Where the record's stretches begin, ascending.
        each: Whether visits with other addresses are told apart, as those of scans.
    """
    held: dict[_Group, list[int]] = {}
    for place, visit in enumerate(known.visits[:-1]):
        if visit.last < before:
            held.setdefault(_group(visit, borders, each=each), []).append(place)
    going = {place for places in held.values() for place in places[1:-1]}
    visits = [visit for place, visit in enumerate(known.visits) if place not in going]
    less = Timeline(known.nodes, visits, Sayings(known.sayings.left, known.sayings.rows.copy))
    less.sayings.thin(less.borders())
    return less


def _group(visit: Visit, borders: Sequence[int], *, each: bool) -> _Group:
    month = from_micros(visit.first)
    stretch = sum(border <= visit.first for border in borders)
    return stretch, month.year, month.month, visit.node, visit.addresses if each else None


def _thinner(record: Record, ids: Iterable[int], before: datetime, worth: int) -> _Thinned:
    rows = record.ledger.records(map(RecordId, ids))
    links = record.ledger.stretches(rows)
    found = {}
    witness = Witness(record.ledger)
    for row in sorted(rows.values(), key=lambda row: row.id):
        known = witness.timeline(row.id)
        if len(known.visits) <= worth:
            continue
        borders = [to_micros(link.since) for link in links.get(row.id, ())]
        scan = row.key.source.kind == keys.SCAN
        less = thinned(known, to_micros(before), borders, each=scan)
        if len(known.visits) - len(less.visits) >= worth:
            found[row.id] = known, less
    return found


def _taken(thinned: _Thinned) -> int:
    return sum(len(known.visits) - len(less.visits) for known, less in thinned.values())


def _applied(record: Record, thinned: _Thinned, at: datetime) -> Iterator[_Thinned]:
    """Writes them; where that would move anything, each half by itself."""
    if not thinned:
        return
    with suppress(_Moves):
        with record.transaction(at):
            _write(record, thinned, at)
        yield thinned
        return
    ids = sorted(thinned)
    if len(ids) > 1:
        middle = len(ids) // 2
        for half in (ids[:middle], ids[middle:]):
            yield from _applied(record, {each: thinned[each] for each in half}, at)


def _write(record: Record, thinned: _Thinned, at: datetime) -> None:
    for each, (_, less) in thinned.items():
        record.ledger.put_timeline(each, less.pack(), less.visits[-1].last)
    witness = Witness(record.ledger)
    for each, (known, _) in thinned.items():
        # Scans are judged again that may have seen it where it was.
        witness.touched.records[each] = timeline.addresses([known])
    asked = _asked(record.ledger.twins())
    components = Components(record, witness, decided(record.ledger.decisions()), at)
    components.identify(thinned)
    if components.moves or _asked(record.ledger.twins()) != asked:
        raise _Moves
    components.finish()


def _asked(twins: Iterable[LinkRow]) -> set[tuple[RecordId, int, datetime]]:
    return {(link.record, link.asset, link.since) for link in twins}
