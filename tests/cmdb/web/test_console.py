"""The console over HTTP: who gets in, what pages say, and that hostile text stays text."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute

from cmdb.model.classes import CLASSES
from cmdb.model.observation import Json
from cmdb.people import VIEWER
from cmdb.web.evidence import evidence_lines
from cmdb.web.sign_in import _inside

WEB = Path(__file__).resolve().parents[3] / "cmdb" / "web"
PAGES = (
    "/",
    "/assets",
    "/assets?text=web&cls=Computer&state=present&source_kind=agent&scope=hq&order=-memory_bytes",
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
    "/assets/ci-4/why/name",
    "/assets/ci-4/programs?text=x",
    "/assets/ci-4/history",
    "/alerts",
    "/alerts/1",
    "/observers",
    "/account",
    "/accounts",
    "/audit",
)
OPEN = {"/sign-in", "/sign-out"}


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def values(self, tag: str, attribute: str) -> list[str]:
        return [held for name, has in self.tags if name == tag and (held := has.get(attribute))]


def csrf_of(client: httpx.Client) -> str:
    page = Page(client.get("/account").text)
    return next(has["value"] or "" for tag, has in page.tags if has.get("name") == "csrf")


def _paths(routes: list[BaseRoute]) -> list[tuple[str, str]]:
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _paths(inner.routes)
        for method in getattr(route, "methods", None) or ():
            found.append((method, str(getattr(route, "path", ""))))
    return found


def test_nobody_sees_a_page_before_signing_in(console: Any) -> None:
    paths = {(method, path) for method, path in _paths(console.app.routes) if path not in OPEN}
    assert len(paths) > 15
    with console.browser() as client:
        for method, path in sorted(paths):
            if path.startswith("/static") or method == "HEAD":
                continue
            asked = re.sub(r"{\w+}", "1", path)
            answer = client.request(method, asked)
            if method == "GET":
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/sign-in?next="), path
            else:
                assert answer.status_code == 401, path


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_keeps_hostile_text_as_text(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 200
    page = Page(answer.text)
    scripts = [has.get("src") for tag, has in page.tags if tag == "script"]
    assert len(scripts) == 3
    assert all(source and source.startswith("/static/") for source in scripts)
    assert "<script>alert" not in answer.text
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert "<h1>" in answer.text
    assert not re.search(r"\bNone\b|Undefined", page.words)


def test_a_hostile_name_is_shown_as_it_is(admin: httpx.Client) -> None:
    page = Page(admin.get("/assets/ci-4").text)
    assert '<script>alert("x")</script>\'"\u202egnp' in page.words
    assert page.values("bdi", "dir") == []


def test_headers_forbid_what_pages_do_not_need(admin: httpx.Client) -> None:
    for path in ("/", "/static/console.css", "/nowhere", "/sign-in"):
        headers = admin.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "uvicorn" not in headers.get("x-powered-by", "")


def test_the_session_cookie_is_strict_and_hidden_from_scripts(console: Any) -> None:
    with console.browser() as client:
        form = {"name": "admin", "password": console.password, "next": "/assets?text=a"}
        answer = client.post("/sign-in", data=form)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.headers["location"] == "/assets?text=a"
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie


@pytest.mark.parametrize(
    "target",
    ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb", "", "x"],
)
def test_signing_in_never_leads_elsewhere(target: str) -> None:
    assert _inside(target) == "/"
    assert _inside("/assets?text=a%20b") == "/assets?text=a%20b"


def test_wrong_passwords_are_said_and_throttled(console: Any) -> None:
    with console.browser() as client:
        form = {"name": "admin", "password": "wrong"}
        codes = [client.post("/sign-in", data=form).status_code for _ in range(5)]
        assert codes == [401, 401, 401, 401, 429]
        assert "not right" in client.post("/sign-in", data={**form, "name": "eve"}).text


def test_writes_need_the_token_of_the_session_and_our_own_pages(console: Any, admin: Any) -> None:
    form = {"name": "carol", "role": VIEWER}
    assert admin.post("/accounts", data=form).status_code == 403
    assert admin.post("/accounts", data={**form, "csrf": "x"}).status_code == 403
    good = {**form, "csrf": csrf_of(admin)}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.test"}):
        assert admin.post("/accounts", data=good, headers=headers).status_code == 403
    assert [row.name for row in console.directory.accounts()] == ["admin"]
    answer = admin.post("/accounts", data=good, headers={"origin": console.url})
    assert answer.status_code == 200
    assert [row.name for row in console.directory.accounts()] == ["admin", "carol"]


def test_a_viewer_sees_no_administration(console: Any, admin: Any) -> None:
    page = Page(
        admin.post("/accounts", data={"name": "v", "csrf": csrf_of(admin), "role": VIEWER}).text
    )
    password = re.findall(r"[a-z0-9]{5}(?:-[a-z0-9]{5}){3}", page.words)[0]
    with console.signed_in("v", password) as viewer:
        hrefs = Page(viewer.get("/").text).values("a", "href")
        assert "/assets" in hrefs
        assert not {"/accounts", "/audit"} & set(hrefs)
        for path in ("/accounts", "/audit"):
            assert viewer.get(path).status_code == 403
        form = {"csrf": csrf_of(viewer)}
        assert viewer.post("/observers/o-1/revoke", data=form).status_code == 403
    assert console.revoked == []


def test_signing_out_ends_it(console: Any, admin: Any) -> None:
    assert admin.post("/sign-out", data={"csrf": "wrong"}).status_code == 403
    secret = dict(admin.cookies)
    assert admin.post("/sign-out", data={"csrf": csrf_of(admin)}).status_code == 303
    with httpx.Client(base_url=console.url, cookies=secret) as thief:
        assert thief.get("/assets").status_code == 303


def test_a_token_is_shown_once(console: Any, admin: Any) -> None:
    form = {"label": "ci <b>", "role": VIEWER, "days": "30", "csrf": csrf_of(admin)}
    shown = Page(admin.post("/account/tokens", data=form).text).words
    secret = re.findall(r"stk_[\w-]{43}", shown)[0]
    assert console.directory.by_token(secret) is not None
    assert secret not in admin.get("/account").text
    number = console.directory.tokens()[0].id
    admin.post(f"/account/tokens/{number}/revoke", data={"csrf": form["csrf"]})
    assert console.directory.by_token(secret) is None


def test_search_filters_and_pages(admin: httpx.Client) -> None:
    first = Page(admin.get("/assets?cls=Computer").text)
    assert "45 assets" in first.words
    page = Page(admin.get("/assets").text)
    following = next(href for href in page.values("a", "href") if "after=" in href)
    rest = Page(admin.get(following).text)
    links = {href for href in page.values("a", "href") if re.fullmatch(r"/assets/ci-\d+", href)}
    more = {href for href in rest.values("a", "href") if re.fullmatch(r"/assets/ci-\d+", href)}
    assert (len(links), len(more), len(links & more)) == (50, 10, 0)
    assert "No asset matches" in admin.get("/assets?text=zzzz").text
    assert "cannot sort by" in admin.get("/assets?order=drop%20table").text
    assert admin.get("/assets?after=rubbish").status_code == 422


def test_exports_hold_all_and_compute_nothing(admin: httpx.Client) -> None:
    from openpyxl import load_workbook

    answer = admin.get("/assets.csv")
    assert "attachment" in answer.headers["content-disposition"]
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 61
    assert lines[0].startswith("asset,class,name,state")
    book = load_workbook(io.BytesIO(admin.get("/assets.xlsx?cls=Computer").content))
    assert book.worksheets[0].max_row == 46


def test_another_name_leads_to_the_asset(admin: httpx.Client) -> None:
    answer = admin.get("/assets/web-007")
    assert (answer.status_code, answer.headers["location"]) == (303, "/assets/ci-8")
    missing = admin.get("/assets/ci-9999")
    assert missing.status_code == 404
    assert "Not found" in missing.text


def test_observers_can_be_allowed_and_revoked(console: Any, admin: httpx.Client) -> None:
    csrf = csrf_of(admin)
    form = {"prefixes": "10.1.2.3/16, 2001:db8::/32", "csrf": csrf}
    assert admin.post("/observers/o-1/allow", data=form).status_code == 303
    assert console.allowed == {"o-1": ("10.1.0.0/16", "2001:db8::/32")}
    bad = admin.post("/observers/o-1/allow", data={"prefixes": "10.0.0.0/99", "csrf": csrf})
    assert bad.status_code == 422
    assert admin.post("/observers/o-1/revoke", data={"csrf": csrf}).status_code == 303
    assert console.revoked == [("o-1", "admin")]


def test_impact_is_a_list_with_paths_and_a_picture(admin: httpx.Client) -> None:
    html = admin.get("/assets/ci-4/impact").text
    page = Page(html)
    words = re.sub(r"\s+", " ", page.words)
    assert "4 down 0 degraded 0 at risk" in words
    assert "runs postgres:5432 → serves app seen 2 d ago" in words
    block = re.findall(
        r'<script type="application/json" id="graph">(.*?)</script>', html, re.DOTALL
    )
    assert len(block) == 1
    assert "<" not in block[0]
    graph = json.loads(block[0])
    assert graph["nodes"][0]["name"].startswith("<script>alert")
    assert graph["nodes"][0]["effect"] == "fails"
    ids = {node["id"] for node in graph["nodes"]}
    assert len(ids) == 5
    assert {end for edge in graph["edges"] for end in (edge["from"], edge["to"])} == ids
    both = Page(admin.get("/assets/ci-8/impact?also=web-008").text)
    assert "If web-007 and web-008 fail" in re.sub(r"\s+", " ", both.words)
    assert admin.get("/assets/ci-8/impact?also=nope").status_code == 404
    assert admin.get("/assets/web-007/impact").headers["location"] == "/assets/ci-8/impact"
    assert "/assets/ci-4/impact" in Page(admin.get("/assets/ci-4").text).values("a", "href")


def test_evidence_of_a_link_is_readable() -> None:
    evidence: Json = {
        "keys": [{"key": "mac", "value": "001122334455"}],
        "joined_by": [
            {"key": "system_serial", "value": "X1", "record": ["scan", "p", "hq", "n"], "why": ""}
        ],
        "ignored": [{"key": "name", "value": "pc", "record": [], "why": "two live reports"}],
    }
    lines = evidence_lines(evidence)
    assert [(line.verdict, line.key, line.other) for line in lines] == [
        ("counted", "system_serial", "scan p hq n"),
        ("not counted", "name", ""),
        ("known", "mac", ""),
    ]
    assert evidence_lines(None) == []
    assert evidence_lines("by hand")[0].value == "by hand"


def test_an_empty_home_says_how_to_begin(start: Any, empty_estate: Any) -> None:
    with start(empty_estate) as console, console.signed_in() as client:
        text = client.get("/").text
        assert "stocktake token" in text
        assert "stocktake demo load" in text
        assert "No assets yet" in client.get("/assets").text


def test_other_hosts_and_large_bodies_are_refused(console: Any) -> None:
    with console.browser() as client:
        assert client.get("/", headers={"host": "evil.test"}).status_code == 421
        assert client.get("/sign-in", headers={"host": "localhost:1"}).status_code == 200
        large = client.post("/sign-in", content=b"x" * (2 << 20))
        assert large.status_code == 413
        form = {"content-type": "application/x-www-form-urlencoded"}
        drip = client.post("/sign-in", content=(b"x" * 65536 for _ in range(40)), headers=form)
        assert drip.status_code == 413


def test_errors_tell_no_internals(start: Any, tmp_path: Path) -> None:
    class Broken:
        def reading(self) -> Any:
            raise RuntimeError(f"secret {tmp_path}")

    with start(Broken()) as console, console.signed_in() as client:
        answer = client.get("/")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert re.search(r"under [0-9a-f]{8}", answer.text)


def test_every_symbol_and_icon_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="(\w+)"', (WEB / "static" / "icons.svg").read_text()))
    used = {declared.symbol for declared in CLASSES}
    for template in (WEB / "templates").glob("*.html"):
        used |= set(re.findall(r'icon\("(\w+)"', template.read_text()))
    for module in WEB.glob("*.py"):
        used |= set(re.findall(r'Nav\("[^"]+", "[^"]+", "(\w+)"', module.read_text()))
    assert len(used) > 20
    assert used <= sprite
