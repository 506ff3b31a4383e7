"""Instants are RFC 3339 with a zone, in ASCII digits; nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cmdb.history import BadMoment, instant, span
from cmdb.model.instants import NoZone, read_day, read_instant

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01t10:00:00z",
        "2026-03-01 11:30:00.000+01:30",
        "2026-03-01T10:00Z",
    ],
)
def test_an_instant_is_read_in_utc(text: str) -> None:
    assert read_instant(text) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert instant(text, NOW) == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "20260301T100000Z",
        "2026-W09-7T10:00:00Z",
        "2026-03-01",
        "2026-03-01T10Z",
        "2026-03-01T10:00:00+01",
        "2026-02-30T10:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-03-01T10:00:00Z".translate(ARABIC),
        "",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_instant(text)
    assert not isinstance(refused.value, NoZone)


def test_a_time_without_a_zone_says_what_it_lacks() -> None:
    with pytest.raises(NoZone, match="no time zone; write Z for UTC"):
        read_instant("2026-03-01T10:00:00")
    with pytest.raises(BadMoment, match="no time zone; write Z for UTC, such as 2026-03-01T10:00Z"):
        instant("2026-03-01T10:00", NOW)


@pytest.mark.parametrize("text", ["2026-03-01", "3 days ago", "2026-03-01T10:00:00Z"])
def test_digits_of_other_scripts_are_none(text: str) -> None:
    assert instant(text, NOW) <= NOW
    with pytest.raises(BadMoment, match="is no time"):
        instant(text.translate(ARABIC), NOW)


@pytest.mark.parametrize(
    "text", ["20260301", "2026-W09-7", "2026-03-01 ", "2026-03-01".translate(ARABIC)]
)
def test_a_day_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match="is no day YYYY-MM-DD"):
        read_day(text)


def test_two_times_are_compared_the_earlier_first() -> None:
    assert span("2026-03-01", "now", NOW)[1] == NOW
    assert span("now", "now", NOW) == (NOW, NOW)
    with pytest.raises(BadMoment, match="'now' is later than '2026-03-01': name the earlier first"):
        span("now", "2026-03-01", NOW)
