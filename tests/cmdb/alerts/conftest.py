"""Alerts on a real desk; a real mail server and a real webhook receiver that take them."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cmdb.store.sqlite.desk import MIGRATIONS
from cmdb.store.sqlite.desk_alerts import ALERT_SCHEMA, SqliteAlerts
from cmdb.store.sqlite.desk_file import DeskFile

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def later(self, **passed: float) -> datetime:
        self.now += timedelta(**passed)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alert_desk(tmp_path: Path) -> Iterator[SqliteAlerts]:
    steps = MIGRATIONS if ALERT_SCHEMA in MIGRATIONS else (*MIGRATIONS, ALERT_SCHEMA)
    file = DeskFile(tmp_path / "desk.db", steps)
    yield SqliteAlerts(file)
    file.close()


@dataclass
class Receiver:
    """What a webhook took; `status` is what it answers."""

    url: str = ""
    status: int = 200
    location: str = ""
    taken: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.paths.append(self.path)
            if receiver.status < 300:
                receiver.taken.append(json.loads(body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    receiver.url = f"json://127.0.0.1:{server.server_port}/hook/s3cret"
    yield receiver
    server.shutdown()
    thread.join(10)
    server.server_close()


@dataclass
class Mailbox:
    """What a mail server took."""

    url: str = ""
    taken: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain", "html"))
        self.taken.append((str(message["subject"]), body.get_content() if body else ""))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=0)
    # Port 0: the controller's own probe dials the port it was given, so it is told the real one.
    controller.port = _free_port()
    controller.start()
    box.url = (
        f"mailto://127.0.0.1:{controller.port}?from=stocktake@demo.example&to=ops@demo.example"
    )
    yield box
    controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
