"""The console in a real browser: it works, says nothing in the console, and fits a phone."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import playwright
import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from cmdb.web.shell import missing_assets

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PAGES = (
    "/",
    "/assets",
    *(
        f"/assets/ci-{asset}?tab={tab}"
        for asset in (4, 8)
        for tab in (
            "attributes",
            "relations",
            "services",
            "programs",
            "hardware",
            "sources",
            "history",
        )
    ),
    "/assets/ci-4/impact",
    "/assets/ci-8?as_of=2026-11-22",
    "/assets/ci-8?as_of=2026-11-22T12:00:00Z&known_at=2026-11-22T13:00:00Z&tab=programs",
    "/assets/ci-4/impact?as_of=2026-11-22",
    "/assets?as_of=2026-11-22",
    "/assets/ci-8/compare?first=2026-11-22",
    "/compare?first=2026-11-22",
    "/compare?first=2026-11-20",
    "/alerts",
    "/alerts/1",
    "/observers",
    "/account",
    "/accounts",
    "/audit",
)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    lacking = [] if CHROMIUM.exists() else [str(CHROMIUM)]
    lacking += [*missing_assets(), *_driver_lacks()]
    if lacking:
        reason = f"not there: {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES.split())
        yield launched
        launched.close()


def _driver_lacks() -> list[str]:
    """What keeps the browser's driver from starting, such as libatomic1 of Debian."""
    node = Path(playwright.__file__).parent / "driver" / "node"
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return [done.stderr.strip()] if done.returncode else []


class Visit:
    """A page and all that the browser complained about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)
        page.on("dialog", self._dialog)

    def _failed(self, request: Request) -> None:
        # Going to another page abandons what the last one still wanted.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def sign_in(self, password: str) -> None:
        self.page.goto(f"{self.url}/sign-in")
        self.page.get_by_label("Account").fill("admin")
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    def overflow(self) -> int:
        found: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return found


@pytest.fixture
def visit(browser: Browser, console: Any) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    made = Visit(context.new_page(), console.url)
    made.sign_in(console.password)
    yield made
    context.close()
    assert made.complaints == []


def test_search_open_and_explain(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("/")
    page.keyboard.type("web-007")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="web-007").click()
    expect(page.get_by_role("heading", name="web-007", level=1)).to_be_visible()
    page.get_by_role("link", name="Why Memory").click()
    expect(page.locator(".claims li").first).to_contain_text("32")
    assert page.url.endswith("/assets/ci-8")


def test_the_list_follows_what_is_typed(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/assets")
    page.get_by_label("Search", exact=True).fill("web-01")
    expect(page.locator("#results .count")).to_contain_text("10 assets")
    page.get_by_label("Class").select_option("VirtualMachine")
    expect(page.locator("#results .count")).not_to_contain_text("10 assets")
    assert "text=web-01" in page.url
    page.get_by_label("Search", exact=True).fill('<script>alert("x")')
    expect(page.locator("#results")).to_contain_text("No asset matches")


def test_programs_and_history_load_more(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/assets/ci-8?tab=programs")
    page.get_by_label("Search its programs").fill("ssl")
    expect(page.locator("#programs .count")).to_contain_text("60 programs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1920])
def test_every_page_fits_and_is_quiet(
    browser: Browser, console: Any, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 780}, color_scheme=scheme)
    made = Visit(context.new_page(), console.url)
    made.sign_in(console.password)
    for path in PAGES:
        made.page.goto(f"{console.url}{path}")
        assert made.overflow() <= 0, f"{path} is {made.overflow()} px too wide for {width}"
    context.close()
    assert made.complaints == []


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_impact_is_drawn_and_can_be_kept(visit: Visit, kind: str, begins: bytes) -> None:
    page = visit.page
    page.goto(f"{visit.url}/assets/ci-4/impact")
    page.locator("#picture[data-drawn='5']").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=kind.upper()).click()
    assert waiting.value.suggested_filename == f"impact-ci-4.{kind}"
    kept = Path(waiting.value.path()).read_bytes()
    assert kept.startswith(begins)
    assert b"<script" not in kept


def test_colours_follow_the_system_and_the_switch(visit: Visit) -> None:
    page = visit.page
    shade = "getComputedStyle(document.body.parentElement).backgroundColor"
    light = page.evaluate(shade)
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate(shade)
    assert light != dark
    page.goto(f"{visit.url}/assets")
    assert page.evaluate(shade) == dark
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(shade) == light


def test_text_can_be_read_in_both_colours(visit: Visit) -> None:
    page = visit.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in (
            "/",
            "/assets",
            "/assets/ci-8",
            "/assets/ci-8?as_of=2026-11-22",
            "/assets/ci-8/compare?first=2026-11-22",
            "/compare?first=2026-11-22",
            "/assets/ci-4/impact",
            "/alerts",
            "/account",
        ):
            page.goto(f"{visit.url}{path}")
            poor = page.evaluate(CONTRAST)
            assert poor["checked"] > 20
            assert poor["poor"] == [], f"{path} in {scheme}"


def test_the_keyboard_reaches_the_content_first(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/assets")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="CSV")).to_be_focused()


def test_the_menu_folds_on_a_phone(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto(f"{visit.url}/")
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Assets")
    expect(link).to_be_hidden()
    page.locator(".menu-button").click()
    link.click()
    expect(page.get_by_role("heading", name="Assets", level=1)).to_be_visible()


CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => {
      const s = c / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = rgba(getComputedStyle(node).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  let checked = 0;
  for (const node of document.querySelectorAll('main *, .side *')) {
    const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
    if (!own || !node.checkVisibility()) continue;
    const [one, two] = [light(rgba(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    checked += 1;
    if (ratio < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)} ${ratio.toFixed(2)}`);
  }
  return {checked, poor};
}"""
