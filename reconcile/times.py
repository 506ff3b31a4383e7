"""Of which time of a record a person's decision speaks; without one it speaks of the whole record.

Under one native key a machine may be replaced by another, so that one record was about several
things, one after the other. A decision then names it "as it was at" a moment, or a span of its
time. Knows neither decisions nor what records told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmdb.model.instants import read_instant
from cmdb.model.observation import RecordKey
from reconcile.instants import from_micros, to_micros

if TYPE_CHECKING:
    from cmdb.store.port import LinkRow

WHOLE = "-"
"""Written in place of a time: the whole record."""
_OPEN = ".."


@dataclass(frozen=True, slots=True)
class At:
    """A record as it was at a moment: what it told last by then, or else first after it."""

    at: int

    def __str__(self) -> str:
        """As decisions write it: an instant."""
        return _written(self.at)

    def told(self) -> str:
        """In words."""
        return f"as it was on {_day(self.at)}"

    def holds(self, first: int, last: int) -> bool:
        """Whether it lies between these."""
        return first <= self.at <= last

    def meets(self, link: LinkRow, *, first: bool) -> bool:
        """Whether it falls into a stretch; what lies before all of them falls into the first."""
        begun = first or to_micros(link.since) <= self.at
        return begun and (link.until is None or self.at < to_micros(link.until))


@dataclass(frozen=True, slots=True)
class Span:
    """A span of a record's time, with its beginning and without its end; None: it is open."""

    since: int | None
    until: int | None

    def __str__(self) -> str:
        """As decisions write it: an interval of ISO 8601."""
        ends = (_OPEN if end is None else _written(end) for end in (self.since, self.until))
        return "/".join(ends)

    def told(self) -> str:
        """In words."""
        since = "" if self.since is None else f"from {_day(self.since)}"
        until = "" if self.until is None else f"until {_day(self.until)}"
        return " ".join(filter(None, ("as it was", since, until)))

    def holds(self, first: int, last: int) -> bool:
        """Whether any of the time from first to last lies in it."""
        ends = self.until is None or first < self.until
        return ends and (self.since is None or last >= self.since)

    def meets(self, link: LinkRow, *, first: bool) -> bool:
        """Whether any of a stretch lies in it."""
        since, until = to_micros(link.since), link.until
        ends = self.until is None or first or since < self.until
        return ends and (self.since is None or until is None or to_micros(until) > self.since)


Time = At | Span | None
"""None: the whole record."""


@dataclass(frozen=True, slots=True)
class Named:
    """A record, and of which time of it a decision speaks."""

    key: RecordKey
    time: Time = None


def write(named: Sequence[Named]) -> str:
    """The times of records in their order; nothing where all are meant as a whole."""
    if all(each.time is None for each in named):
        return ""
    return " ".join(WHOLE if each.time is None else str(each.time) for each in named)


def read(text: str) -> tuple[Time, ...]:
    """The times that write() wrote.

    Raises:
        ValueError: One is none.
    """
    return tuple(map(_read, text.split(" ")))


def instants(times: Iterable[Time]) -> Iterable[int]:
    """The ends of spans."""
    for time in times:
        if isinstance(time, Span):
            yield from (end for end in (time.since, time.until) if end is not None)


def stretch_at(links: Sequence[LinkRow], at: int) -> LinkRow | None:
    """The stretch of a record into which a moment falls."""
    begun = [link for link in links if to_micros(link.since) <= at]
    return begun[-1] if begun else next(iter(links), None)


def _read(text: str) -> Time:
    if text == WHOLE:
        return None
    since, mark, until = text.partition("/")
    if not mark:
        return At(_micros(text))
    ends = tuple(None if end == _OPEN else _micros(end) for end in (since, until))
    if ends == (None, None):
        raise ValueError(f"{text!r} is open at both ends; write {WHOLE} for the whole record")
    if ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return Span(*ends)


def _micros(text: str) -> int:
    return to_micros(read_instant(text))


def _written(at: int) -> str:
    return from_micros(at).isoformat().replace("+00:00", "Z")


def _day(at: int) -> str:
    return f"{from_micros(at):%Y-%m-%d %H:%M} UTC"
