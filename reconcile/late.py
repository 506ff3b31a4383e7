"""What ended a word that came late: the next thing that its record said, or left out, of it.

Without that the word would stand until the next time that is known of its section, and which that
is depends on the order in which words arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cmdb.model.observation import SectionKind
from cmdb.store.last_words import said_at
from cmdb.store.port import StoredSection
from reconcile.instants import from_micros, to_micros
from reconcile.sayings import Sayings
from reconcile.sections import OVERLAID, has_whole, merge, read_values, withdrawn


def following(
    kind: SectionKind,
    late: StoredSection,
    current: StoredSection,
    past: Sequence[StoredSection],
    sayings: Sayings,
) -> StoredSection | None:
    """What was said next of a section, where none of its words will go on telling it.

    Args:
        kind: Which section.
        late: A word that came late.
        current: What the record says now.
        past: All others of the section.
        sayings: When its record spoke of what.
    """
    at, words = late.observed_at, (current, *past)
    known = min((time for time in _times(kind, words) if time > at), default=None)
    for saying in sayings.after(kind, to_micros(at)):
        then = from_micros(saying.at)
        if known is not None and then >= known:
            break
        again = next((word for word in words if _covers(kind, word, then)), None)
        if again is not None:
            return _again(again, then, late)
        if saying.left >> kind.number & 1:
            return ended(kind, then)
    if known == current.confirmed_at and _covers(kind, current, at):
        # The last time at which it was said is kept until it is said once more.
        return _again(current, known, late)
    return None


def _again(word: StoredSection, at: datetime, late: StoredSection) -> StoredSection | None:
    """A word as it was said at a time; None where the late one says the same."""
    return None if word.digest == late.digest else word._replace(observed_at=at, confirmed_at=at)


def ended(kind: SectionKind, at: datetime) -> StoredSection:
    """What a whole report says of a section that it leaves out: nothing."""
    section, body = withdrawn(kind)
    return merge(kind, None, section, body, at).section


def _times(kind: SectionKind, words: Iterable[StoredSection]) -> Iterable[datetime]:
    """When a section is known to have been said whole."""
    for word in words:
        if kind not in OVERLAID:
            yield from said_at(word)
            continue
        told = read_values(word.body)
        if has_whole(told, word.confirmed_at):
            yield from (word.confirmed_at,) if told.overlaid else said_at(word)


def _covers(kind: SectionKind, word: StoredSection, at: datetime) -> bool:
    """Whether it was said before and after a time, and at it."""
    if not word.observed_at <= at <= word.confirmed_at:
        return False
    return kind not in OVERLAID or not read_values(word.body).overlaid
