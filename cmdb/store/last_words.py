"""What a record said last before a time, of all that is kept of a section that is told whole.

Knows no store. What is put together of single values is for those who read values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import SectionKind
from cmdb.store.port import Ledger
from cmdb.store.values import LinkRow, RecordRow, StoredSection

_NOTHING = (b"null", b"")


def sections_in(
    ledger: Ledger, row: RecordRow, link: LinkRow, kinds: Sequence[SectionKind]
) -> Mapping[SectionKind, StoredSection]:
    """What a record said of lists in the stretch of its time that a link is."""
    if link.until is None:
        held = ledger.sections(row.id)
        found = {kind: held[kind] for kind in kinds if kind in held}
    else:
        before = {kind: _before(ledger, row, kind, link.until) for kind in kinds}
        found = {kind: word for kind, word in before.items() if word is not None}
    if link.since <= row.first_at:
        return found
    return {
        kind: word
        for kind, word in found.items()
        if max(word.confirmed_at, word.observed_at) >= link.since
    }


def _before(
    ledger: Ledger, row: RecordRow, kind: SectionKind, until: datetime
) -> StoredSection | None:
    current = ledger.section(row.id, kind)
    return last_word([*([current] if current else []), *ledger.past(row.id, kind)], until)


def last_word(words: Sequence[StoredSection], until: datetime) -> StoredSection | None:
    """The last word before a time, with when it was said first and last of what is known."""
    last = last_before([(at, weight(word)) for word in words for at in said_at(word)], until)
    if last is None:
        return None
    word = next(word for word in words if weight(word) == last.mark)
    return word._replace(observed_at=last.at, confirmed_at=last.until)


def weight(section: StoredSection) -> bytes:
    """Of two lists said at one time the one that says something counts, then the greater."""
    return bytes([section.body not in _NOTHING]) + section.digest


@dataclass(frozen=True, slots=True)
class Last:
    """What was said last before a time."""

    mark: bytes
    at: datetime
    """When that is known of."""
    until: datetime
    """The same, or the time asked for, where the next that is known of says the same."""


def last_before(points: Sequence[tuple[datetime, bytes]], until: datetime) -> Last | None:
    """Of what was said at known times the last before a time.

    A word that was repeated is known at its first and last time, or at each of them, by the order
    in which it arrived: where nothing else was said between two, it was said all the while.
    """
    ordered = sorted(set(points))
    place = bisect_left(ordered, (until, b"")) - 1
    if place < 0:
        return None
    at, mark = ordered[place]
    after = ordered[place + 1] if place + 1 < len(ordered) else None
    going_on = after is not None and after[1] == mark
    return Last(mark, at, until if going_on else at)


def said_at(word: StoredSection) -> tuple[datetime, ...]:
    """When it is known to have been said: first and last."""
    return word.observed_at, max(word.observed_at, word.confirmed_at)
