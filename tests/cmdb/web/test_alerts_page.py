"""The pages of alerts: what is open, who may say they have seen to it, where messages go."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from cmdb.alerts.apprise_send import known, send
from cmdb.alerts.center import AlertCenter
from cmdb.alerts.courier import Courier
from cmdb.alerts.rule import Finding, Rule, Severity
from cmdb.people import VIEWER, Directory
from cmdb.people.roles import LICENCE_MANAGER
from cmdb.store.sqlite.desk import SqliteDesk, open_desk
from cmdb.web.alerts import Alerts, panel, worst_first
from cmdb.web.console import install_console
from cmdb.web.shell import Services

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOSTILE = '<img src=x onerror="alert(1)">'
RULES = (
    Rule("licence.short", "Fewer rights than installations require", Severity.CRITICAL),
    Rule("licence.expiring", "Rights in use end soon", Severity.WARNING),
    Rule("other.thing", "Something without a page", Severity.NOTICE),
)
FOUND = (
    Finding("licence.expiring", "Soon/Over", "Soon/Over ends", "1 of 2 left"),
    Finding("licence.short", HOSTILE, f"{HOSTILE} is short of 3", "5 required, 2 owned"),
    Finding("other.thing", "x", "a notice", "nothing bad"),
)


@dataclass
class Site:
    """A running console over a desk of its own."""

    client: httpx.Client
    desk: SqliteDesk
    directory: Directory
    center: AlertCenter
    password: str

    def sign_in(self, name: str, password: str) -> httpx.Client:
        form = {"name": name, "password": password}
        assert self.client.post("/sign-in", data=form).status_code == 303
        return self.client

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get("/account").text)
        assert found
        return found[1]

    def post(self, path: str, **form: str) -> httpx.Response:
        return self.client.post(path, data={**form, "csrf": self.csrf()})


@pytest.fixture
def site(tmp_path: Path, empty_estate: Any, serving: Any) -> Iterator[Site]:
    with closing(open_desk(tmp_path / "desk.db")) as desk:
        directory = Directory(desk, lambda: NOW)
        password = directory.ensure_first()
        assert password
        center = AlertCenter(desk.alerts, RULES)
        pages = {"licence": "/positions/{}"}
        services = Services(
            desk=desk,
            directory=directory,
            reading=empty_estate.reading,
            clock=lambda: NOW,
            alerts=Alerts(center, Courier(desk.alerts, send).try_channel, known, pages),
            panels=(panel(center),),
        )
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        install_console(app, services)
        with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield Site(client, desk, directory, center, password)


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return site.sign_in("admin", site.password)


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    taken: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/hook/s3cret", taken
    server.shutdown()
    thread.join(10)
    server.server_close()


def _open(site: Site) -> None:
    site.center.evaluate(FOUND, {rule.name for rule in RULES}, NOW - timedelta(hours=3))


def test_without_alerts_the_page_says_what_would_open_one(admin: httpx.Client) -> None:
    page = admin.get("/alerts").text
    assert "Nothing is the matter" in page
    assert "Nobody is told yet" in page


def test_open_alerts_come_worst_first_and_text_stays_text(site: Site, admin: httpx.Client) -> None:
    _open(site)
    page = admin.get("/alerts").text
    places = [page.index(text) for text in ("is short of 3", "Soon/Over ends", "a notice")]
    assert places == sorted(places)
    assert "<img" not in page.replace('<img src="/static/mark.svg', "")
    assert "/positions/Soon%2FOver" in page, "leads to the subject, whatever its name"
    assert page.count("Look at it") == 2, "what has no page has no link"
    assert "3 h ago" in page


def test_what_was_seen_to_goes_behind_what_was_not(site: Site) -> None:
    _open(site)
    rows = {row.rule: row for row in site.center.alerts()}
    seen_to = replace(rows["licence.short"], acknowledged_at=NOW, acknowledged_by="kim")
    order = [row.rule for row in worst_first([seen_to, rows["other.thing"]])]
    assert order == ["other.thing", "licence.short"]


@pytest.mark.usefixtures("admin")
def test_acknowledging_is_noted_and_needs_the_role(site: Site) -> None:
    _open(site)
    number = next(row.id for row in site.center.alerts() if row.rule == "licence.short")
    viewer = site.directory.create("admin", "vera", (VIEWER,))
    manager = site.directory.create("admin", "lena", (LICENCE_MANAGER,))
    site.sign_in("vera", viewer)
    assert "Acknowledge" not in site.client.get("/alerts").text
    assert site.post(f"/alerts/{number}/acknowledge").status_code == 403
    assert site.center.alert(number).alert.acknowledged_at is None
    site.sign_in("lena", manager)
    assert site.client.post(f"/alerts/{number}/acknowledge").status_code == 403, "forged"
    answer = site.post(f"/alerts/{number}/acknowledge")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/alerts/{number}")
    page = site.client.get(f"/alerts/{number}").text
    assert "Seen to by <bdi>lena</bdi>" in page
    assert "Acknowledged</b> by <bdi>lena</bdi>" in page
    assert any(
        (row.entry.account, row.entry.action) == ("lena", "alerts.acknowledge")
        for row in site.desk.audited(20)
    )


def test_one_alert_shows_its_history_and_who_was_told(site: Site, admin: httpx.Client) -> None:
    site.center.add_channel("team", "json://hooks.example.com/s3cret", NOW - timedelta(days=1))
    _open(site)
    site.center.evaluate((), {"licence.short"}, NOW)
    number = next(row.id for row in site.center.alerts("resolved"))
    page = admin.get(f"/alerts/{number}").text
    assert "Fewer rights than installations require" in page
    assert page.index("Resolved</b>") < page.index("Opened</b>"), "the newest first"
    assert page.count("Waiting</span>") == 2
    assert "Over <span" in admin.get("/alerts").text


def test_an_alert_that_is_not_there_is_not_found(site: Site, admin: httpx.Client) -> None:
    answer = admin.get("/alerts/77")
    assert answer.status_code == 404
    assert "There is no alert 77." in answer.text
    assert site.post("/alerts/77/acknowledge").status_code == 404


@pytest.mark.usefixtures("admin")
def test_a_channel_is_added_tested_and_removed(
    site: Site, hook: tuple[str, list[dict[str, str]]]
) -> None:
    url, taken = hook
    added = site.post("/alert-channels", name="team", url=url)
    assert added.status_code == 200
    assert "s3cret" not in added.text
    assert "json://127.0.0.1" in added.text
    tested = site.post("/alert-channels/test", name="team")
    assert "A test message went to team." in tested.text
    assert [each["title"] for each in taken] == ["Test message"]
    assert site.post("/alert-channels/remove", name="team").status_code == 303
    assert site.center.channels() == ()
    actions = [row.entry.action for row in site.desk.audited(20)]
    assert actions[:3] == ["channels.remove", "channels.test", "channels.add"]
    assert all("s3cret" not in str(row.entry.detail) for row in site.desk.audited(20))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "writes or runs something"),
        ("json://169.254.169.254/latest", "link-local"),
        ("nonsense", "Not added"),
    ],
)
@pytest.mark.usefixtures("admin")
def test_an_address_that_may_not_be_sent_to_is_refused(site: Site, url: str, reason: str) -> None:
    answer = site.post("/alert-channels", name="team", url=url)
    assert answer.status_code == 422
    assert reason in answer.text
    assert site.center.channels() == ()


@pytest.mark.usefixtures("admin")
def test_a_test_that_does_not_arrive_says_so(site: Site) -> None:
    site.center.add_channel("team", "json://127.0.0.1:9/hook", NOW)
    answer = site.post("/alert-channels/test", name="team")
    assert answer.status_code == 422
    assert "did not get through" in answer.text
    assert site.post("/alert-channels/test", name="other").status_code == 404
    assert site.post("/alert-channels/remove", name="other").status_code == 404


@pytest.mark.usefixtures("admin")
def test_channels_are_for_administrators(site: Site) -> None:
    site.center.add_channel("team", "json://hooks.example.com/s3cret", NOW)
    password = site.directory.create("admin", "lena", (LICENCE_MANAGER,))
    site.sign_in("lena", password)
    assert "hooks.example.com" not in site.client.get("/alerts").text
    for path in ("/alert-channels", "/alert-channels/test", "/alert-channels/remove"):
        assert site.post(path, name="team", url="json://x").status_code == 403
    assert len(site.center.channels()) == 1


def test_nobody_gets_in_without_signing_in(site: Site) -> None:
    assert site.client.get("/alerts").headers["location"].startswith("/sign-in")
    assert site.client.post("/alerts/1/acknowledge").status_code == 401


def test_the_overview_has_the_worst(site: Site) -> None:
    shown = panel(site.center)
    assert shown.data(None) == {"first": [], "total": 0}  # type: ignore[arg-type]
    _open(site)
    held: Any = shown.data(None)  # type: ignore[arg-type]
    assert [row.rule for row in held["first"]] == [
        "licence.short",
        "licence.expiring",
        "other.thing",
    ]


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "-1", "one"])
def test_a_number_that_no_alert_can_have_is_not_found(admin: httpx.Client, number: str) -> None:
    answer = admin.get(f"/alerts/{number}")
    assert answer.status_code == 404
    assert "There is nothing under the number" in answer.text


def test_a_place_beyond_every_list_is_not_found(admin: httpx.Client) -> None:
    answer = admin.get(f"/audit?before={'9' * 20}")
    assert answer.status_code == 404
    assert "SQLite" not in answer.text
