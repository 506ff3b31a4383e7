"""Times as people write them, for questions about the past."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from cmdb.model.instants import NoZone, read_day, read_instant

_EXAMPLE = "write 2026-03-01, 2026-03-01T14:30:00Z or '3 days ago'"
_AGO = re.compile(r"(\d{1,6}|an?)\s*([a-z]+)\s+ago", re.ASCII)
_UNITS = {
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1), "hour": timedelta(hours=1),
    "h": timedelta(hours=1), "day": timedelta(days=1), "d": timedelta(days=1),
    "week": timedelta(weeks=1), "month": timedelta(days=30), "year": timedelta(days=365),
}  # fmt: skip
"""Months and years are counted as 30 and 365 days."""
_WORDS = {"now": timedelta(0), "today": timedelta(0), "yesterday": timedelta(days=1)}
_LONGEST = 64


class BadMoment(ValueError):
    """A text is no time that can be asked about; the message gives an example."""


def instant(text: str, now: datetime) -> datetime:
    """The time that a text means, aware, in UTC.

    RFC 3339 with a zone. A date is the end of its day in UTC, or now for today: what was so on
    that day, all of it. Or a distance: `3 days ago`, `an hour ago`, `yesterday`.

    Raises:
        BadMoment: It is none, or lies in the future.
    """
    told = text.strip()[: _LONGEST + 1]
    found = _distance(told.lower(), now) or _written(told, now)
    if found is None or len(told) > _LONGEST:
        raise BadMoment(f"{told[:_LONGEST]!r} is no time: {_EXAMPLE}")
    if found > now:
        raise BadMoment(f"{told!r} lies in the future of {now:%Y-%m-%dT%H:%M:%SZ}: {_EXAMPLE}")
    return found


def beginning(text: str, now: datetime) -> datetime:
    """The same for a time from which on something holds: a date is the beginning of its day.

    Raises:
        BadMoment: It is none, or lies in the future.
    """
    found = instant(text, now)
    try:
        return datetime.combine(read_day(text.strip()), time(), UTC)
    except ValueError:
        return found


def span(first: str, second: str, now: datetime) -> tuple[datetime, datetime]:
    """Two times that are compared, the earlier first.

    Raises:
        BadMoment: One is none, lies in the future, or the first is the later one.
    """
    begins, ends = instant(first, now), instant(second, now)
    if ends < begins:
        told = f"{first.strip()!r} is later than {second.strip()!r}"
        raise BadMoment(f"{told}: name the earlier first")
    return begins, ends


def _distance(text: str, now: datetime) -> datetime | None:
    if text in _WORDS:
        return now - _WORDS[text]
    match = _AGO.fullmatch(text)
    unit = _UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")) if match else None
    if match is None or unit is None:
        return None
    count = int(match[1]) if match[1].isdecimal() else 1
    try:
        return now - count * unit
    except OverflowError:
        return None


def _written(text: str, now: datetime) -> datetime | None:
    try:
        day = read_day(text)
    except ValueError:
        return _exact(text)
    if day > now.date():
        return datetime.combine(day, time(), UTC)
    return min(now, datetime.combine(day, time.max, UTC))


def _exact(text: str) -> datetime | None:
    try:
        return read_instant(text)
    except NoZone as error:
        raise BadMoment(f"{error}, such as {text}Z") from error
    except ValueError:
        return None
