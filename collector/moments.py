"""The past as operations ask for it: two parameters, and a record that answers as of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from cmdb.history import instant
from cmdb.query.past import PastNote, past_note
from cmdb.store.port import AssetId, Headline, Record
from collector.operation import Context
from reconcile.explain import attributes

if TYPE_CHECKING:
    from cmdb.query.estate_diff import Formerly
    from cmdb.query.models import AttributeView, Standing
    from reconcile.past_record import PastRecord

_Answer = TypeVar("_Answer")


class Asked(Protocol):
    """Parameters that may name a moment."""

    @property
    def as_of(self) -> str | None:
        """What was so then."""
        ...

    @property
    def known_at(self) -> str | None:
        """What was known then."""
        ...


@dataclass(frozen=True)
class Then:
    """What an operation reads."""

    record: Record
    clock: datetime
    note: PastNote | None
    past: PastRecord | None = None

    def claims(self, asset: AssetId) -> Sequence[AttributeView]:
        """Winning claims of an asset, as the asset page wants them."""
        if self.past is None:
            return attributes(self.record, asset, self.clock)
        from reconcile.past_answers import attributes_then

        return attributes_then(self.past, asset)

    def standing(self, asset: AssetId) -> Standing | None:
        """Why an asset is not present."""
        from reconcile.standing import standing, standing_then

        if self.past is None:
            return standing(self.record, asset, self.clock)
        return standing_then(self.past, asset)

    def headlines(self, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
        """What others show of these assets, as far as they were there."""
        if self.past is None:
            return self.record.view.headlines(assets)
        from reconcile.past_answers import headlines_then

        return headlines_then(self.past, assets)

    def told(self, answer: _Answer) -> _Answer:
        """The answer, saying of which moment it is."""
        if self.past is None or self.note is None:
            return answer
        from reconcile.past_answers import named

        note = self.note
        more = self.past.view.more_relations
        if more:
            note = note.also(f"{more} more assets have relations to it that are not listed")
        if self.past.past.rules_note:
            note = note.also(self.past.past.rules_note)
        renamed: Any = named(answer, self.past.view.former_names())
        return cast("_Answer", replace(renamed, past=note))


@contextmanager
def at_moment(context: Context, asked: Asked) -> Iterator[Then]:
    """The record as of the moment that the parameters name, or as it is.

    Raises:
        BadMoment: One of them is no time.
    """
    if not asked.as_of and not asked.known_at:
        yield Then(context.record, context.now, None)
        return
    with open_past(context.record, asked.as_of or "", asked.known_at or "", context.now) as then:
        yield then


@contextmanager
def open_past(record: Record, as_of: str, known_at: str, now: datetime) -> Iterator[Then]:
    """The record as of a moment; an empty text names none.

    Raises:
        BadMoment: One of them is no time.
    """
    from reconcile.past_record import as_record, opened

    so_at = instant(as_of, now) if as_of else None
    believed_at = instant(known_at, now) if known_at else None
    with opened(record, so_at, believed_at, now) as past:
        clock = past.past.clock
        note = past_note(past.past.moment, record.history.marks(), clock)
        yield Then(as_record(past), clock, note, past)


def believed(record: Record, now: datetime) -> Formerly:
    """What was believed of assets at a time, for who lists those that are none any more."""

    def formerly(at: datetime, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
        with open_past(record, "", at.isoformat(), now) as then:
            return then.headlines(assets)

    return formerly
