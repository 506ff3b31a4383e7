"""What an answer about the past says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from cmdb.query.encode import instant
from cmdb.store.history import Marks, Moment
from cmdb.store.port import AssetId, Headline, Record

if TYPE_CHECKING:
    from cmdb.query.models import AttributeView, Standing

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class PastNote:
    """Of which moment an answer is."""

    as_of: datetime | None
    """What was so then; None: what was believed at `known_at` of that time."""
    known_at: datetime | None
    """By what was known then; None: by all that is known."""
    said: str
    """The same in words."""
    notes: tuple[str, ...] = ()
    """What of that past is not whole."""

    def also(self, note: str) -> PastNote:
        """With one more note."""
        return replace(self, notes=(*self.notes, note))


class Reading(Protocol):
    """The record as of a moment, or as it is, with what is needed to answer from it."""

    @property
    def record(self) -> Record:
        """It answers as of the moment."""
        ...

    @property
    def clock(self) -> datetime:
        """The time that answers are about."""
        ...

    @property
    def note(self) -> PastNote | None:
        """What answers say of the moment; None: it is the present."""
        ...

    def claims(self, asset: AssetId) -> Sequence[AttributeView]:
        """Winning claims of an asset."""
        ...

    def standing(self, asset: AssetId) -> Standing | None:
        """Why an asset is not present."""
        ...

    def headlines(self, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
        """What others show of these assets, as far as they were there."""
        ...

    def told(self, answer: _Answer) -> _Answer:
        """An answer with the names of the moment, saying of which it is."""
        ...


def past_note(moment: Moment, marks: Marks, clock: datetime) -> PastNote:
    """The note of an answer.

    Args:
        moment: What was asked for.
        marks: What is left of the past.
        clock: The time that the answer is about.
    """
    if moment.as_of is None:
        said = f"as it was believed at {instant(clock)}"
    elif moment.known_at is None:
        said = f"as of {instant(moment.as_of)}, by what is known now"
    else:
        said = f"as of {instant(moment.as_of)}, known at {instant(moment.known_at)}"
    return PastNote(moment.as_of, moment.known_at, said, _cut(marks, clock))


def _cut(marks: Marks, clock: datetime) -> tuple[str, ...]:
    notes = []
    if marks.words_from is not None and clock < marks.words_from:
        notes.append(
            f"this part of the past was compacted: before {instant(marks.words_from)} one word a"
            " month is kept of what each source said, so that values in between may be older ones"
        )
    if marks.feed_from is not None and clock < marks.feed_from:
        notes.append(f"the change feed begins at {instant(marks.feed_from)}")
    if marks.runs_from is not None and clock < marks.runs_from:
        notes.append(f"runs before {instant(marks.runs_from)} are gone")
    return tuple(notes)
