"""Other machines: what `stocktake token` prints, what a scan finds, how observers agree."""

from __future__ import annotations

import configparser
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from tests.journeys.conftest import Agent, Server

AGENT_REFUSED = 3
# Without names: those would be asked of a name server.
TECHNIQUES = ("--technique", "tcp", "--technique", "banner", "--technique", "tls")
BANNER = b"SSH-2.0-OpenSSH_9.2p1 Journey\r\n"


# --- enrolling another machine


def test_the_printed_lines_install_and_enrol_another_machine(server: Server) -> None:
    said = server.ok("token", "--scope", "branch", "--note", "the lab's rack")
    lines = said.splitlines()
    assert any("loopback only" in line for line in lines)
    enrol = next(line for line in lines if "stocktake-agent enrol " in line)
    token = enrol.split()[-1]
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    body = said.split("<<'UNIT'\n", 1)[1].split("\nUNIT\n", 1)[0]
    unit.read_string(body)
    start = unit["Service"]["ExecStart"].split()
    assert start == ["/opt/stocktake/bin/stocktake-agent", "run"]
    home = unit["Service"]["Environment"].partition("=")[2]
    assert any(line == f"export STOCKTAKE_AGENT_HOME={home}" for line in lines)
    assert any("pip install ./stocktake-" in line for line in lines)
    # The token of the printed line lets in the agent of another home, once.
    agent = server.agent("branch-machine")
    assert "branch" in agent.ok("enrol", token)
    agent.ok("run", "--once")
    server.settled()
    assert [row["scope"] for row in server.assets("--scope", "branch", "--class", "Computer")]
    listed = {row["note"]: row for row in server.json("token", "list")["tokens"]}
    assert listed["the lab's rack"]["uses"] == 1
    assert token not in server.ok("token", "list")


def test_an_agent_that_is_asked_reports_at_once(server: Server, wait: Callable[..., Any]) -> None:
    agent = server.enrol("asked")
    name = agent.status()["observer_id"]
    agent.ok("run", "--once")
    before = server.settled()["journalled"]
    assert server.json("agents", "report", name)["agent"] == name
    with agent.running():
        wait(lambda: server.json("status")["journalled"] > before, "the report that was asked for")


# --- two observers of one machine


def test_two_observers_of_one_machine_make_one_asset(server: Server) -> None:
    agent = server.enrol("both", "--scope", "both")
    agent.ok("run", "--once")
    server.settled()
    (machine,) = server.assets("--scope", "both", "--class", "Computer")
    page = server.json("show", machine["asset"])
    known = {row["name"]: row["value"] for row in page["attributes"]}
    # Which of them a machine shows is its own affair: a container has a name and an address.
    values = {
        name: known[name]
        for name in ("bios_uuid", "system_serial", "machine_id", "name")
        if known.get(name)
    }
    interfaces = [
        {"name": row["name"], "mac": row.get("mac"), "addresses": row.get("addresses") or []}
        for section in page["sections"]
        for row in section["rows"]
        if section["kind"].lower() == "interfaces"
    ]
    source = {"kind": "import", "instance": "purchasing.csv"}
    row = {
        "type": "observation", "at": "2026-01-01T00:00:00Z", "source": source, "scope": "both",
        "native_key": "row-17", "full": True, "class": "Computer",
        "attributes": values | {"owner": "Facilities"},
        "interfaces": interfaces,
    }  # fmt: skip
    server.take_in(row)
    (joined,) = server.assets("--scope", "both", "--class", "Computer")
    assert joined["asset"] == machine["asset"]
    assert sorted(joined["source_kinds"]) == ["agent", "import"]
    found = server.json("explain", machine["asset"])
    assert {link["source_kind"] for link in found["links"]} == {"agent", "import"}
    owner = {row["name"]: row["value"] for row in found["attributes"]}["owner"]
    assert owner == "Facilities"


# --- scans


def test_a_scan_finds_what_answers_and_joins_it_to_this_machine(
    server: Server, tmp_path: Path
) -> None:
    agent = server.enrol("probe", "--scope", "scanned", "--scan", "127.0.0.0/30")
    agent.ok("run", "--once")
    with _speaking(tmp_path) as (banner, tls):
        ports = ("--ports", f"{banner},{tls}")
        said = agent.ok("scan", "127.0.0.0/30", *ports, *TECHNIQUES, "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["run"]["state"] for row in rows if "run" in row][-1].lower().endswith("complete")
    assert server.settled()["set_aside"] == 0
    found = server.assets("--scope", "scanned", "--source", "scan")
    (machine,) = [row for row in found if row["cls"] == "Computer"]
    assert {"agent", "scan"} <= set(machine["source_kinds"])
    texts = json.dumps([_services(server, row["asset"]) for row in found])
    assert "OpenSSH_9.2p1" in texts
    assert "journey.example" in texts
    records = [row for row in server.lines("export", "identity")
               if row["scope"] == "scanned" and row["source"]["kind"] == "scan"]  # fmt: skip
    assert {row["native_key"] for row in records} <= {"127.0.0.1", "127.0.0.2", "127.0.0.3",
                                                      "127.0.0.0"}  # fmt: skip
    assert "127.0.0.1" in {row["native_key"] for row in records}


def _services(server: Server, asset: str) -> Any:
    page = server.json("show", asset)
    others = [row["other"] for row in page["relations"] if row["other_cls"] == "Service"]
    return [server.json("show", other)["attributes"] for other in others]


def test_a_scan_beyond_what_was_allowed_is_refused(server: Server) -> None:
    agent = server.enrol("narrow", "--scan", "127.0.0.0/30")
    before = server.settled()["journalled"]
    done = agent.run("scan", "127.0.0.0/29", "--ports", "9")
    assert done.returncode == AGENT_REFUSED
    assert "127.0.0.0/29" in done.stderr
    assert "127.0.0.0/30" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert server.settled()["journalled"] == before


def test_an_agent_scans_once_an_administrator_allows_it(server: Server) -> None:
    agent = server.enrol("grown", "--scan", "127.0.0.0/32")
    assert agent.run("scan", "127.0.0.1/32", "--dry-run").returncode == AGENT_REFUSED
    server.json("agents", "allow", agent.status()["observer_id"], "127.0.0.0/30")
    agent.ok("scan", "127.0.0.1/32", "--dry-run")


def test_an_agent_without_the_right_to_scan_is_refused(server: Server) -> None:
    agent: Agent = server.enrol("plain")
    done = agent.run("scan", "127.0.0.1/32", "--ports", "9")
    assert done.returncode == AGENT_REFUSED
    assert len(done.stderr.splitlines()) == 1


@contextlib.contextmanager
def _speaking(folder: Path) -> Iterator[tuple[int, int]]:
    """Ports of a server that greets and of one with a certificate, on loopback."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def greet(connection: socket.socket) -> None:
        connection.sendall(BANNER)
        connection.recv(1)

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    with _service(greet) as banner, _service(shake_hands) as tls:
        yield banner, tls


@contextlib.contextmanager
def _service(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve_one, args=(connection, speak), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _serve_one(connection: socket.socket, speak: Callable[[socket.socket], None]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        speak(connection)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "journey.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = (
        builder.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture(autouse=True)
def _is_loopback(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
