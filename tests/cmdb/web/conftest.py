"""The console on a port, over the small estate."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from cmdb.alerts.apprise_send import known, send
from cmdb.alerts.center import AlertCenter
from cmdb.alerts.courier import Courier
from cmdb.alerts.rule import Finding, Rule, Severity
from cmdb.people import Directory
from cmdb.query.observers import ObserverView
from cmdb.query.overview import SourceView
from cmdb.store.sqlite.desk import SqliteDesk, open_desk
from cmdb.web.alerts import Alerts, panel
from cmdb.web.console import install_console
from cmdb.web.guard import Guard, GuardRules
from cmdb.web.shell import Observers, Services
from collector.api_claims import reasons
from collector.moments import open_past
from reconcile.explain import attributes
from reconcile.standing import standing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Console:
    """A running console."""

    url: str
    directory: Directory
    desk: SqliteDesk
    password: str
    revoked: list[tuple[str, str]]
    allowed: dict[str, tuple[str, ...]]
    app: FastAPI

    def browser(self) -> httpx.Client:
        """Somebody who has not signed in."""
        return httpx.Client(base_url=self.url, timeout=20)

    @contextmanager
    def signed_in(self, name: str = "admin", password: str = "") -> Iterator[httpx.Client]:
        with self.browser() as client:
            form = {"name": name, "password": password or self.password}
            assert client.post("/sign-in", data=form).status_code == 303
            yield client


Starter = Callable[..., AbstractContextManager[Console]]


@pytest.fixture
def start(tmp_path: Path) -> Starter:
    """Starts a console over an estate."""

    @contextmanager
    def started(estate: Any) -> Iterator[Console]:
        with closing(open_desk(tmp_path / "desk.db")) as desk:
            directory = Directory(desk, lambda: NOW)
            password = directory.ensure_first()
            assert password
            app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
            console = Console("", directory, desk, password, [], {}, app)
            install_console(app, _services(console, estate))
            with _serving(Guard(app, GuardRules())) as port:
                console.url = f"http://127.0.0.1:{port}"
                yield console

    return started


@pytest.fixture
def console(start: Starter, estate: Any) -> Iterator[Console]:
    with start(estate) as running:
        yield running


@pytest.fixture
def admin(console: Console) -> Iterator[httpx.Client]:
    with console.signed_in() as client:
        yield client


def _services(console: Console, estate: Any) -> Services:
    source = SourceView("agent", "agent-<b>1</b>", "hq", NOW - timedelta(hours=1))
    observer = ObserverView(
        "o-1",
        "probe <i>",
        ("scan",),
        "hq",
        "0.1.0",
        NOW,
        NOW,
        timedelta(seconds=90),
        3,
        ("cannot read <dmi>",),
        (),
    )
    rule = Rule("some.rule", "Something holds", Severity.CRITICAL)
    center = AlertCenter(console.desk.alerts, (rule,))
    found = Finding(rule.name, "<b>x</b>", "<b>x</b> is the matter", "<i>why</i>")
    center.evaluate([found], {rule.name}, NOW - timedelta(hours=1))
    center.add_channel("<u>team</u>", "json://hooks.example.com/secret", NOW)
    return Services(
        desk=console.desk,
        directory=console.directory,
        reading=estate.reading,
        clock=lambda: NOW,
        claims=attributes,
        standing=standing,
        reasons=reasons,
        past=open_past,
        sources=lambda _: [source],
        alerts=Alerts(center, Courier(console.desk.alerts, send).try_channel, known),
        panels=(panel(center),),
        observers=Observers(
            every=lambda: [observer],
            revoke=lambda one, by: console.revoked.append((one, by)),
            allow=lambda one, prefixes, _: console.allowed.update({one: prefixes}),
        ),
    )


@pytest.fixture
def serving() -> Callable[[Any], AbstractContextManager[int]]:
    """Puts an application on a port of the loopback."""
    return _serving


@contextmanager
def _serving(app: Any) -> Iterator[int]:
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    up = threading.Event()
    startup = server.startup

    async def announced(sockets: Any = None) -> None:
        await startup(sockets)
        up.set()

    server.startup = announced  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert up.wait(20)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
