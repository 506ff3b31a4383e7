"""The past in a real browser: chosen, stepped through, compared, left again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.journeys.conftest import Server

CHROMIUM = Path("/usr/bin/chromium")
OWNERS = ("ann", "bob", "cleo")
pytestmark = pytest.mark.browser


def line(day: int, owner: str) -> dict[str, Any]:
    at = f"2026-03-{day:02}T12:00:00Z"
    return {
        "type": "observation", "at": at, "observed_at": at, "scope": "hq", "native_key": "pc-1",
        "source": {"kind": "import", "instance": "list"}, "full": True, "class": "Computer",
        "attributes": {"name": "pc-1", "system_serial": "5CG-1", "owner": owner},
    }  # fmt: skip


@pytest.fixture
def page(server: Server, tmp_path: Path) -> Iterator[Page]:
    """A visitor of an estate that has a past."""
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is not there"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    for day, owner in zip((1, 5, 9), OWNERS, strict=True):
        # What one file tells is learned at once.
        file = tmp_path / "day.jsonl"
        file.write_text(json.dumps(line(day, owner)) + "\n", encoding="utf-8")
        server.json("import", "observations", file, "--replay")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=switches)
        made = browser.new_page(base_url=server.url)
        made.goto("/sign-in")
        made.get_by_label("Account").fill("admin")
        made.get_by_label("Password").fill(server.password)
        made.get_by_role("button", name="Sign in").click()
        expect(made.get_by_role("heading", name="Overview", level=1)).to_be_visible()
        yield made
        browser.close()


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()


def owner(page: Page) -> Locator:
    return page.get_by_role("row", name="Owner").get_by_role("cell").first


def banner(page: Page) -> Locator:
    return page.get_by_text("This is the past:")


def test_a_person_goes_back_and_comes_again(page: Page) -> None:
    page.goto("/assets/pc-1")
    expect(owner(page)).to_have_text("cleo")
    expect(banner(page)).to_have_count(0)
    page.get_by_label("As of", exact=True).fill("2026-03-06")
    page.get_by_role("button", name="Show").click()
    expect(owner(page)).to_have_text("bob")
    expect(banner(page)).to_be_visible()
    assert "as_of=2026-03-06" in page.url
    go(page, "Earlier change")
    expect(owner(page)).to_have_text("ann")
    expect(page.get_by_role("link", name="Earlier change")).to_have_count(0)
    go(page, "History")
    expect(page.locator("#changes li.change")).to_have_count(1)
    go(page, "Attributes")
    go(page, "Later change")
    expect(owner(page)).to_have_text("bob")
    go(page, "Compare")
    expect(page.get_by_role("row", name="Owner")).to_contain_text("bob")
    expect(page.get_by_role("row", name="Owner")).to_contain_text("cleo")
    page.go_back()
    go(page, "Back to now")
    expect(owner(page)).to_have_text("cleo")

    page.goto("/assets")
    page.get_by_label("As of", exact=True).fill("2026-03-02")
    expect(banner(page)).to_be_visible()
    assert "as_of=2026-03-02" in page.url
    exports = page.get_by_role("link", name="CSV")
    expect(exports).to_have_attribute("href", re.compile("as_of=2026-03-02"))
    go(page, "pc-1")
    expect(owner(page)).to_have_text("ann")
