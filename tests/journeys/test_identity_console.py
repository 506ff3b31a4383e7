"""Identity put right in the console: seen first, made by a second click, taken back."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Server

CHROMIUM = Path("/usr/bin/chromium")
FAULT = Path(__file__).parents[1] / "reconcile" / "faults" / "dr_replica.jsonl"
HOSTILE = '<script>alert("x")</script>'


def said(kind: str, instance: str, key: str, **attributes: object) -> dict[str, Any]:
    return {
        "type": "observation", "source": {"kind": kind, "instance": instance}, "scope": "hq",
        "native_key": key, "full": True, "class": "Computer", "attributes": attributes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def told(server: Server) -> Server:
    """A server with a question, two machines and one of a hostile name."""
    server.json("import", "observations", FAULT)
    server.take_in(
        said("agent", "a1", "a1", name="pc-1", system_serial="5CG1234XYZ", owner="ops"),
        said("agent", "a2", "a2", name="pc-2", system_serial="5CG1234ABC"),
        said("import", "list", "row-2", name="pc-2", system_serial="5CG1234ABC", owner="sales"),
        said("import", "list", HOSTILE, name=HOSTILE, owner="nobody"),
    )
    return server


@pytest.fixture
def client(told: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=told.url, timeout=30, follow_redirects=True) as made:
        form = {"name": "admin", "password": told.password}
        assert made.post("/sign-in", data=form).status_code == 200
        yield made


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_page_of_an_asset_that_is_excluded_whole_says_so(
    told: Server, client: httpx.Client
) -> None:
    hostile = told.json("assets", "--where", "owner=nobody")["assets"][0]["asset"]
    number = told.json("exclude", f"import/list/hq/{HOSTILE}")["number"]
    try:
        for path in ("", "/identity", "/why/owner", "/impact", "/history"):
            page = client.get(f"/assets/{hostile}{path}")
            assert page.status_code == 404
            said = html.unescape(page.text)
            assert f"all records of {hostile} are excluded by decision {number} (" in said, path
            assert f"'stocktake undo {number}' includes them again" in said
    finally:
        told.ok("undo", number)
    assert client.get(f"/assets/{hostile}").status_code == 200


def test_a_whole_source_is_excluded_seen_first_and_taken_back(
    told: Server, client: httpx.Client
) -> None:
    def owner() -> object:
        page = told.json("show", "pc-2")["attributes"]
        return {row["name"]: row["value"] for row in page}.get("owner")

    page = client.get("/decisions").text
    assert '<option value="import/list">' in page
    form = {"csrf": token(page), "act": "exclude-source", "other": "import/list", "note": "stale"}
    shown = client.post("/identity/ask", data=form).text
    assert re.search(r"<b>2 assets would change</b>:\s*1 changed, 1 dissolved", shown)
    assert "Exclude it</button>" in shown
    assert owner() == "sales", "nothing has changed yet"
    made = client.post("/identity/decide", data=form)
    assert made.url.path == "/decisions"
    assert owner() is None
    assert "Include again" in made.text
    assert '<option value="import/list">' not in made.text
    assert client.post("/identity/ask", data=form).status_code == 422, "it is excluded already"
    again = {**form, "act": "include-source"}
    assert "Include it</button>" in client.post("/identity/ask", data=again).text
    undo = {"csrf": form["csrf"], "act": "undo", "number": dict(made.url.params)["made"]}
    assert "Include again" not in client.post("/identity/decide", data=undo).text
    assert owner() == "sales"
    # Of the record that is chosen on the page of an asset.
    ref = told.json("show", "pc-2")["asset"]["asset"]
    chosen = {"csrf": form["csrf"], "act": "exclude-source", "asset": ref}
    shown = client.post("/identity/ask", data={**chosen, "record": ["import/list/hq/row-2"]}).text
    assert "import/list" in shown
    assert "assets would change" in shown
    unknown = client.post("/identity/ask", data={**form, "other": "import/nobody"})
    assert (unknown.status_code, "has said anything" in unknown.text) == (404, True)


def test_a_join_is_shown_then_made_then_taken_back(told: Server, client: httpx.Client) -> None:
    page = client.get("/assets/pc-1/identity").text
    one, two = (told.json("show", name)["asset"]["asset"] for name in ("pc-1", "pc-2"))
    form = {"csrf": token(page), "act": "join", "asset": one, "other": "pc-2", "note": "one box"}
    shown = client.post("/identity/ask", data=form).text
    assert f"{two} (pc-2) would join {one} (pc-1)" in shown
    assert told.json("show", two)["asset"]["asset"] == two, "nothing has changed yet"
    made = client.post("/identity/decide", data=form)
    assert made.url.path == "/decisions"
    assert "holds:" in made.text
    assert "one box" in made.text
    assert told.json("show", two)["asset"]["asset"] == one
    number = dict(made.url.params)["made"]
    decision = told.json("decisions")["decisions"][0]
    assert (decision["by"], str(decision["number"])) == ("admin", number)
    trail = client.get("/audit").text
    told_of = (
        f'decision</span> <bdi>{number}</bdi> <span class="muted">note</span> <bdi>one box</bdi>'
    )
    assert trail.count(told_of) == 1

    page = client.get(f"/assets/{one}/identity").text
    assert "agent/a2/hq/a2" in page
    split = {"csrf": form["csrf"], "act": "split", "asset": one, "record": ["agent/a1/hq/a1"]}
    assert "would leave" in client.post("/identity/ask", data=split).text
    undo = {"csrf": form["csrf"], "act": "undo", "number": number}
    assert "would leave" in client.post("/identity/ask", data=undo).text
    client.post("/identity/decide", data=undo)
    assert told.json("show", two)["asset"]["asset"] == two


def test_a_question_is_answered(told: Server, client: httpx.Client) -> None:
    (question,) = told.json("twins")["questions"]
    page = client.get("/questions").text
    assert f"question {question['number']}" in page
    assert "both report at the same time" in page
    form = {"csrf": token(page), "act": "different", "number": str(question["number"])}
    assert "They are different" in client.post("/identity/ask", data=form).text
    done = client.post("/identity/decide", data=form)
    assert "Nothing is asked" in client.get("/questions").text
    undo = form | {"act": "undo", "number": dict(done.url.params)["made"]}
    client.post("/identity/decide", data=undo)
    (again,) = told.json("twins")["questions"]
    assert again["number"] == question["number"]


def test_what_is_excluded_is_shown_with_the_decision(told: Server, client: httpx.Client) -> None:
    ref = told.json("show", "pc-2")["asset"]["asset"]
    form = {"csrf": token(client.get(f"/assets/{ref}/identity").text), "asset": ref}
    out = form | {"act": "exclude", "record": ["import/list/hq/row-2"]}
    number = dict(client.post("/identity/decide", data=out).url.params)["made"]
    why = f"excluded by decision {number} (admin, "
    assert why in client.get(f"/assets/{ref}/identity").text
    assert why in client.get(f"/assets/{ref}/why/owner").text
    client.post("/identity/decide", data=form | {"act": "undo", "number": number})
    assert why not in client.get(f"/assets/{ref}/identity").text


def test_what_makes_no_sense_is_refused_on_a_page(told: Server, client: httpx.Client) -> None:
    csrf = token(client.get("/assets/pc-1/identity").text)
    for form, status, words in (
        ({"act": "join", "asset": "pc-1", "other": "pc-1"}, 422, "one already"),
        ({"act": "join", "asset": "pc-1", "other": "nobody"}, 404, "nobody"),
        ({"act": "split", "asset": "pc-1"}, 422, "Name the records"),
        ({"act": "exclude", "asset": "pc-1"}, 422, "Choose one record"),
        ({"act": "undo", "number": "x"}, 422, "is no number"),
        ({"act": "burn"}, 422, "Nothing can be decided"),
    ):
        for path in ("/identity/ask", "/identity/decide"):
            found = client.post(path, data={"csrf": csrf} | form)
            assert (found.status_code, words in found.text) == (status, True), found.text
    assert client.post("/identity/decide", data={"act": "undo", "number": "1"}).status_code == 403
    told.ok("user", "add", "eve", "--role", "viewer")


def test_hostile_names_stay_text(client: httpx.Client) -> None:
    found = client.get("/assets", params={"text": "nobody"}).text
    ref = re.search(r'href="/assets/(ci-\d+)"', found)
    assert ref
    page = client.get(f"/assets/{ref[1]}/identity").text
    assert "alert(" in page
    assert HOSTILE not in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"not there: {CHROMIUM}")
        pytest.skip(f"not there: {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        switches = ["--no-sandbox", "--disable-gpu"]
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield launched
        launched.close()


class Visit:
    """A signed-in page, and all that the browser complained about."""

    def __init__(self, browser: Any, server: Server, width: int, scheme: str) -> None:
        self.server, self.name = server, f"{width}-{scheme}"
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page.on("console", lambda told: self.complaints.append(told.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{server.url}/sign-in")
        self.page.get_by_label("Account").fill("admin")
        self.page.get_by_label("Password").fill(server.password)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("heading", name="Overview", level=1).wait_for()

    def seen(self, what: str) -> None:
        """What is shown fits; SCREENSHOTS names a folder for pictures of it."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{what} is {wide} px too wide for {self.name}"
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=f"{folder}/{what}-{self.name}.png", full_page=True)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_and_work_by_keyboard(
    told: Server, browser: Any, width: int, scheme: str
) -> None:
    visit = Visit(browser, told, width, scheme)
    page = visit.page
    for what, path in (
        ("questions", "/questions"),
        ("decisions", "/decisions"),
        ("identity", "/assets/pc-2/identity"),
    ):
        page.goto(f"{told.url}{path}")
        visit.seen(what)
    page.get_by_label("Choose record 1").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Split them off").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Split off records?").wait_for()
    visit.seen("confirm")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "Split", "Enter makes it, a link leaves it"
    page.get_by_role("link", name="Leave it").click()
    page.get_by_role("heading", name="Identity of pc-2", level=1).wait_for()
    page.close()
    assert visit.complaints == []


def test_a_comparison_names_what_was_joined_as_it_was(told: Server, client: httpx.Client) -> None:
    told.take_in(
        said("agent", "j1", "j1", name="north-1", owner="ops"),
        said("import", "yard", "j2", name="south-2"),
    )
    gone = told.json("show", "south-2")["asset"]["asset"]
    begin = told.json("assets")["as_of"]
    told.ok("join", "north-1", "south-2")
    for found in (
        told.json("diff", "--estate", begin),
        client.get("/api/v1/diff", params={"first": begin}).json(),
    ):
        assert [(row["asset"], row["name"]) for row in found["joined"]] == [(gone, "south-2")]
    page = client.get("/compare", params={"first": begin}).text
    (link,) = re.findall(rf'href="(/assets/{gone}[^"]*)"[^>]*>.*?<bdi>south-2</bdi>', page)
    assert "<bdi>south-2</bdi>" in client.get(html.unescape(link)).text
