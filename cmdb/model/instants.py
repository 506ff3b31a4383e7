"""Instants and days as texts, read the one way: RFC 3339 with a zone, in ASCII digits.

`fromisoformat` alone also takes digits of other scripts, weeks, times without a zone and forms
without separators, which one reader takes for another time than the next.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


class NoZone(ValueError):
    """A time without a zone: nobody knows which instant it is."""


def read_instant(text: str) -> datetime:
    """The instant, aware, in UTC; seconds may be left out.

    Raises:
        NoZone: It is a time without a zone.
        ValueError: It is none of RFC 3339.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no instant of RFC 3339")
    if match["zone"] is None:
        raise NoZone(f"{text!r} has no time zone; write Z for UTC")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside the years that are counted") from error


def read_day(text: str) -> date:
    """The day of a text YYYY-MM-DD.

    Raises:
        ValueError: It is none.
    """
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is no day YYYY-MM-DD")
    return date.fromisoformat(text)
