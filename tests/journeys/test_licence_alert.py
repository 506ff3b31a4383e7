"""A licence falls short: one message by mail and by webhook, and one when it no longer does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

Start = Callable[..., Any]
Wait = Callable[..., Any]


@contextmanager
def webhook() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A receiver of webhooks on a free port, and what it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], got
        server.shutdown()


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """A mail server on a free port, and the mails it took."""
    mails: list[str] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
            mails.append(envelope.content.decode("utf-8", "replace"))
            return "250 taken"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, mails
    finally:
        controller.stop()


def machine(number: int) -> dict[str, Any]:
    return {
        "type": "observation",
        "at": "2026-11-01T08:00:00Z",
        "source": {"kind": "import", "instance": "list"},
        "scope": "hq",
        "native_key": f"pc-{number}",
        "full": True,
        "class": "Computer",
        "attributes": {"name": f"hq-pc-{number}"},
        "programs": [
            {"name": "Microsoft Visio Professional 2021 - en-us", "version": "16.0",
             "package_system": "msi", "publisher": "Microsoft Corporation"}
        ],
    }  # fmt: skip


def csv(folder: Path, quantity: int) -> Path:
    path = folder / "owned.csv"
    path.write_text(
        "product,publisher,metric,quantity,contract\n"
        f"Microsoft Visio,Microsoft,device,{quantity},PO-1\n",
        encoding="utf-8",
    )
    return path


def open_titles(server: Any) -> list[str]:
    return [row["title"] for row in server.json("alerts")["alerts"]]


def test_told_once_when_short_and_once_when_covered(
    tmp_path: Path, start: Start, wait: Wait
) -> None:
    with start(tmp_path) as server, webhook() as (port, hooks), mailbox() as (mail_port, mails):
        server.ok("alerts", "add-channel", "hook", f"json://127.0.0.1:{port}/alerts")
        mail = f"mailto://127.0.0.1:{mail_port}/?from=stocktake@example.com&to=ops@example.com"
        server.ok("alerts", "add-channel", "mail", mail)
        server.ok("import", "entitlements", csv(tmp_path, 1))
        server.take_in(machine(1), machine(2))

        position = server.json("position", "Microsoft Visio")
        assert (position["required"], position["owned"], position["state"]) == (2, 1, "short")
        assert [each["asset_name"] for each in position["required_by"]] == ["hq-pc-1", "hq-pc-2"]
        assert "hq-pc-2" in server.ok("position", "Microsoft Visio")
        assert open_titles(server) == ["Microsoft Visio is short of 1"]
        wait(lambda: len(hooks) == 1 and len(mails) == 1, "one message on each channel")
        assert "short of 1" in json.dumps(hooks[0])
        assert "Microsoft Visio" in mails[0]

        server.take_in({**machine(1), "attributes": {"name": "hq-pc-1", "owner": "design"}})
        server.ok("import", "entitlements", csv(tmp_path, 2))
        assert open_titles(server) == []
        wait(lambda: len(hooks) == 2 and len(mails) == 2, "one message more when it is resolved")
        assert server.json("position", "Microsoft Visio")["state"] == "ok"
        states = [row["state"] for row in server.json("alerts", "--all")["alerts"]]
        assert states == ["resolved"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("product,quantity\nMicrosoft Visio,many\n", "line 2"),
        ("product,quantity\nMicrosoft Visio,5\nMicrosoft Visio,-1\n", "line 3"),
        ("nothing,known\n1,2\n", "line 1"),
        (b"product,quantity\nMicrosoft Visio,5\nCaf\xe9,1\n", "line 3 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_in_order_is_told_by_its_line(
    tmp_path: Path, home: Any, text: str | bytes, sentence: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = home.run("import", "entitlements", path)
    assert done.returncode == 3
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_position_lists_only_products_that_need_or_have_rights(home: Any) -> None:
    home.take_in(machine(1))
    rows = home.json("position")["positions"]
    assert [(row["product"], row["state"]) for row in rows] == [("Microsoft Visio", "unlicensed")]
