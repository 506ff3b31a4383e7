"""The past in the console: kept in the address, told in a banner, compared and exported."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

THEN = "2026-11-22"
"""After all machines were seen, before the memory of web-007 (ci-8) changed."""
CHANGED = "2026-11-23T11:00:00Z"


def text_of(client: httpx.Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]


def test_the_present_shows_no_banner_and_offers_a_date(admin: httpx.Client) -> None:
    for path in ("/assets", "/assets/ci-8", "/assets/ci-4/impact"):
        page = text_of(admin, path)
        assert "This is the past" not in page
        assert '<input type="date" name="as_of" value=""' in page
        assert '<input type="date" name="known_at" value=""' in page


@pytest.mark.parametrize("tab", ["attributes", "relations", "services", "history", "sources"])
def test_an_asset_is_shown_as_it_was(admin: httpx.Client, tab: str) -> None:
    page = text_of(admin, f"/assets/ci-8?as_of={THEN}&tab={tab}")
    assert "16\N{NO-BREAK SPACE}GiB" in page
    assert "32\N{NO-BREAK SPACE}GiB" not in page
    assert "as of 2026-11-22 23:59:59 UTC, by what is known now" in page
    assert f'name="as_of" value="{THEN}"' in page
    assert f"/assets/ci-8?tab={tab}" in links(page), "the way back to now"
    # Wherever one goes from here, the moment stays, but for what has none.
    others = [link for link in links(page) if re.match(r"/assets/ci-\d+(\?|$|/impact|/prog)", link)]
    assert len(others) > 5
    assert [link for link in others if "as_of" not in link] == [f"/assets/ci-8?tab={tab}"]


def test_another_name_leads_to_the_asset_of_the_same_moment(admin: httpx.Client) -> None:
    answer = admin.get(f"/assets/web-007?as_of={THEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/assets/ci-8?as_of={THEN}")


def test_the_field_of_a_form_is_in_utc(admin: httpx.Client) -> None:
    page = text_of(admin, f"/assets/ci-8?as_of={CHANGED}")
    assert '<input type="hidden" name="zone" value="Z">' in page
    sent = text_of(admin, "/assets/ci-8?as_of=2026-11-23T11:00:00&zone=Z")
    assert "as of 2026-11-23 11:00:00 UTC" in sent
    assert any(f"as_of={CHANGED.replace(':', '%3A')}" in link for link in links(sent))
    assert "/assets/ci-8" in links(sent), "the way back to now"
    both = text_of(admin, "/assets/ci-8/compare?first=2026-11-22T10:00:00&second=now&zone=Z")
    assert 'name="first" value="2026-11-22T10:00:00"' in both
    assert '<input type="hidden" name="zone" value="Z">' in both


def test_steps_lead_from_change_to_change(admin: httpx.Client) -> None:
    def step(page: str, rel: str) -> str:
        found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
        return html.unescape(found[1]) if found else ""

    now = text_of(admin, "/assets/ci-8")
    assert step(now, "next") == ""
    earlier = step(now, "prev")
    assert "as_of=2026-11-21T12%3A00%3A00" in earlier
    before = text_of(admin, earlier)
    assert "16\N{NO-BREAK SPACE}GiB" in before
    assert 'type="datetime-local" name="as_of" value="2026-11-21T12:00:00"' in before
    assert step(before, "prev") == ""
    after = text_of(admin, step(before, "next"))
    assert "32\N{NO-BREAK SPACE}GiB" in after
    assert step(after, "next") == ""
    believed = text_of(admin, f"/assets/ci-8?known_at={THEN}")
    assert "as it was believed at 2026-11-22 23:59:59 UTC" in believed
    assert "known_at=2026-11-23T11" in step(believed, "next")


@pytest.mark.parametrize(
    ("asked", "kind", "value"),
    [
        ("3 hours ago", "datetime-local", "2026-11-23T09:00:00"),
        ("yesterday", "datetime-local", "2026-11-22T12:00:00"),
        ("now", "datetime-local", "2026-11-23T12:00:00"),
        ("2026-11-22 10:15:00Z", "datetime-local", "2026-11-22T10:15:00"),
        ("2026-11-22T10:15:00.25Z", "datetime-local", "2026-11-22T10:15:01"),
        (THEN, "date", THEN),
    ],
)
def test_the_field_means_the_moment_that_is_shown(
    admin: httpx.Client, asked: str, kind: str, value: str
) -> None:
    first = text_of(admin, f"/assets?as_of={asked}")
    assert f'type="{kind}" name="as_of" value="{value}"' in first
    told = re.search(r"This is the past:</b> ([^<]*)", first)
    zone = "&zone=Z" if 'name="zone" value="Z"' in first else ""
    sent = text_of(admin, f"/assets?as_of={value}{zone}")
    again = re.search(r"This is the past:</b> ([^<]*)", sent)
    assert told
    assert again
    if "." not in asked:
        assert told[1] == again[1]


def test_both_axes_are_kept(admin: httpx.Client) -> None:
    page = text_of(admin, f"/assets/ci-8?as_of={CHANGED}&known_at={THEN}&tab=programs")
    assert "as of 2026-11-23 11:00:00 UTC, known at 2026-11-22 23:59:59 UTC" in page
    assert '<details class="known" open>' in page
    assert f'name="known_at" value="{THEN}"' in page
    more = [link for link in links(page) if "/programs?" in link]
    assert more
    assert all("known_at" in link and "after=100" in link for link in more)
    assert "240 programs" in text_of(admin, more[0])


def test_the_list_and_its_exports_are_of_the_moment(admin: httpx.Client) -> None:
    page = text_of(admin, f"/assets?text=web-007&as_of={THEN}")
    assert "16\N{NO-BREAK SPACE}GiB" in page
    assert "This is the past" in page
    assert f"/assets/ci-8?as_of={THEN}" in links(page)
    exports = [link for link in links(page) if link.startswith("/assets.")]
    assert len(exports) == 2
    assert all(f"as_of={THEN}" in link for link in exports)
    rows = list(csv.DictReader(io.StringIO(admin.get(exports[0]).text.lstrip("\ufeff"))))
    machine = next(row for row in rows if row["asset"] == "ci-8")
    assert machine["memory_bytes"] == str(16 << 30)
    assert "0 assets" in text_of(admin, "/assets?as_of=2026-11-01")


def test_impact_is_of_the_moment(admin: httpx.Client) -> None:
    page = text_of(admin, f"/assets/ci-4/impact?as_of={THEN}")
    assert "This is the past" in page
    assert "web-004" in page
    assert f'data-query="?as_of={THEN}"' in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/assets/ci-8?as_of=soon", 422, "is no time"),
        ("/assets/ci-8?known_at=2999-01-01", 422, "lies in the future"),
        (f"/assets?as_of={'1' * 500}", 422, "is no time"),
        ("/assets/ci-8?as_of=2026-11-01", 404, "Nothing was known under that name"),
        ("/assets/ci-8/compare?first=soon", 422, "is no time"),
        ("/compare?first=2026-11-22&second=2026-11-20", 422, "is later than"),
        ("/assets/ci-8/compare?first=2026-11-22&second=2026-11-20", 422, "is later than"),
        ("/assets/ci-8/compare.csv?first=2026-11-22&second=2026-11-20", 422, "is later than"),
        ("/assets/ci-8?as_of=2026-11-22T10:00:00", 422, "has no time zone; write Z for UTC"),
        ("/compare?first=2026-11-21T10:00:00", 422, "has no time zone; write Z for UTC"),
        ("/assets/ci-8?as_of=٢٠٢٦-١١-٢٢", 422, "is no time"),  # noqa: RUF001 - Arabic digits
        ("/compare.pdf", 404, "there are csv and xlsx"),
        ("/assets/nobody/compare", 404, "nobody"),
        ("/assets/ci-8/compare.pdf?first=2026-11-22", 404, "there are csv and xlsx"),
    ],
)
def test_what_cannot_be_shown_says_why(
    admin: httpx.Client, path: str, status: int, words: str
) -> None:
    answer = admin.get(path)
    assert (answer.status_code, words in html.unescape(answer.text)) == (status, True)
    if "as_of" in path or "known_at" in path:
        assert "Back to now" in answer.text


def test_one_asset_is_compared_and_exported(admin: httpx.Client) -> None:
    page = text_of(admin, f"/assets/ci-8/compare?first={THEN}")
    assert page.count("<tr>") == 2
    assert "16\N{NO-BREAK SPACE}GiB" in page
    assert "32\N{NO-BREAK SPACE}GiB" in page
    table = admin.get(f"/assets/ci-8/compare.csv?first={THEN}").text.lstrip("\ufeff")
    rows = [["ci-8", "web-007", "attribute", "memory_bytes", str(16 << 30), str(32 << 30)]]
    assert list(csv.reader(io.StringIO(table)))[1:] == rows
    whole = text_of(admin, "/assets/ci-8/compare?first=2026-11-01&part=program")
    assert "240" in whole
    assert "not there" in whole
    assert "Nothing is different" in text_of(admin, f"/assets/ci-8/compare?first={CHANGED}")
    moved = admin.get(f"/assets/web-007/compare?first={THEN}")
    assert moved.headers["location"] == f"/assets/ci-8/compare?first={THEN}"


def test_the_estate_is_compared_filtered_and_exported(admin: httpx.Client) -> None:
    page = text_of(admin, f"/compare?first={THEN}")
    assert f"/assets/ci-8/compare?first={THEN}" in links(page)
    assert any("what=memory_bytes" in link and "cls=NetworkDevice" in link for link in links(page))
    none = text_of(admin, f"/compare?first={THEN}&what=memory_bytes&cls=Computer")
    assert "Nothing of this kind" in none
    every = admin.get("/compare.csv?first=2026-11-01").text.lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(every)))
    assert {row["difference"] for row in rows} == {"created"}
    assert len([row for row in rows if row["class"] != "Service"]) == 60
    some = f"/compare.xlsx?first={THEN}&what=memory_bytes"
    sheet: Any = load_workbook(io.BytesIO(admin.get(some).content)).active
    assert [cell.value for cell in sheet[2]] == [
        "ci-8", "NetworkDevice", "web-007", "changed", "memory_bytes", None,
    ]  # fmt: skip


def test_hostile_names_stay_text(admin: httpx.Client) -> None:
    hostile = 'as_of="><script>alert(1)</script>'
    for path in (f"/assets/ci-8?{hostile}", f"/assets/ci-8/compare?first={THEN}&part=<b>x</b>",
                 f"/compare?first={THEN}&what=<b>x</b>"):  # fmt: skip
        assert "<script>alert" not in admin.get(path).text
        assert "<b>x</b>" not in admin.get(path).text
    assert "<script>alert" not in text_of(admin, f"/assets?as_of={THEN}")
    assert "<script>alert" not in text_of(admin, "/compare?first=2026-11-01")
