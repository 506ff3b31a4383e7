"""Sockets, their processes, and who talks to whom: captured and on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agent.facts import connections, listening
from agent.facts.connections import Connection
from agent.facts.listening import ListeningService
from agent.facts.root import Root

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when uid inode\n"


def row(local: str, remote: str, state: str, inode: int, uid: int = 0) -> str:
    return f"   0: {local} {remote} {state} 0:0 0:0 0 {uid} 0 {inode} 1 0 100 0\n"


ANY6, ANY4 = "0" * 32, "00000000"
V4_IN_V6 = "0000000000000000FFFF00000504000A"  # ::ffff:10.0.4.5


@pytest.fixture
def server(captured: Captured) -> Root:
    """sshd waits on both families with two workers; one client of it, one connection out."""
    captured.add(
        "/proc/net/tcp",
        HEAD
        + row("00000000:0016", "00000000:0000", "0A", 11)
        + row("1104000A:9C40", "0904000A:1538", "01", 14, 105)
        + row("1104000A:9C42", "0904000A:1538", "01", 15, 105)
        + row("1104000A:9C44", "0904000A:1538", "06", 0)
        + "broken\n"
        + row("XY:1", "00000000:0000", "0A", 1),
    )
    captured.add(
        "/proc/net/tcp6",
        HEAD
        + row(f"{ANY6}:0016", f"{ANY6}:0000", "0A", 12)
        + row("0000000000000000FFFF00001104000A:0016", f"{V4_IN_V6}:D431", "01", 13),
    )
    captured.add(
        "/proc/net/udp",
        HEAD
        + row("00000000:0044", "00000000:0000", "07", 16, 105)
        + row("00000000:C001", "00000000:0000", "07", 17)
        + row("00000000:CA6C", "00000000:0000", "07", 0),
    )
    captured.add("/etc/passwd", "root:x:0:0::/root:/bin/bash\napp:x:105:105::/:/bin/false\n")
    add_process(captured, "700 0 900 sshd", [11, 12], "/usr/sbin/sshd")
    add_process(captured, "650 0 950 sshd-worker", [11, 13], "/usr/sbin/sshd (deleted)")
    add_process(captured, "1 0 1 systemd", [11, 12], "/usr/lib/systemd/systemd")
    add_process(captured, "800 105 999 app) x", [14, 15, 16], "/opt/app/bin")
    captured.add(
        "/var/lib/dpkg/status", "Package: ssh\nVersion: 1:9\nStatus: install ok installed\n"
    )
    captured.add("/var/lib/dpkg/info/ssh.list", "/usr/sbin/sshd\n")
    return captured.root


def add_process(captured: Captured, head: str, inodes: list[int], executable: str) -> None:
    """`head` is the pid, the uid, the ticks at which it started, and the name."""
    pid, uid, started, name = head.split(" ", 3)
    here = f"/proc/{pid}"
    captured.add_all(
        here,
        {
            "comm": name + "\n",
            "status": f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n",
            "stat": f"{pid} ({name}) S " + "0 " * 18 + f"{started} 0\n",
        },
    )
    captured.link(f"{here}/exe", executable)
    for number, inode in enumerate(inodes):
        captured.link(f"{here}/fd/{number}", f"socket:[{inode}]")
    captured.link(f"{here}/fd/99", "/dev/null")


def test_services_of_a_captured_server(server: Root) -> None:
    found = listening.read(server)
    assert found is not None
    ssh = ListeningService("tcp", "0.0.0.0", 22, "sshd", "/usr/sbin/sshd", "ssh", "1:9", "root")
    assert found.services == (
        ssh,
        replace(ssh, address="::"),
        ListeningService("udp", "0.0.0.0", 68, "app) x", "/opt/app/bin", user="app"),
        # A known service among the clients' ports; the port 49153 beside it was lent to a client.
        ListeningService("udp", "0.0.0.0", 51820, user="root"),
    )


def test_connections_of_a_captured_server(server: Root) -> None:
    found = connections.read(server)
    assert found is not None
    assert found.connections == (
        Connection(
            protocol="tcp",
            outbound=True,
            server_address="10.0.4.9",
            server_port=5432,
            client_address="10.0.4.17",
            process="app) x",
            count=2,
        ),
        Connection(
            protocol="tcp",
            outbound=False,
            server_address="10.0.4.17",
            server_port=22,
            client_address="10.0.4.5",
            process="sshd-worker",
            count=1,
        ),
    )


def test_who_opened_it_when_nobody_waits_any_more(captured: Captured) -> None:
    captured.add(
        "/proc/net/tcp",
        HEAD
        + row("1104000A:1F90", "0504000A:D431", "01", 1)
        + row("1104000A:D432", "0504000A:D433", "01", 2),
    )
    captured.add("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    found = connections.read(captured.root)
    assert found is not None
    assert [(c.outbound, c.server_port) for c in found.connections] == [
        (True, 54323),
        (False, 8080),
    ]


def test_none_seen_is_not_none_there(captured: Captured) -> None:
    assert listening.read(captured.root) is None
    assert connections.read(captured.root) is None
    captured.add("/proc/net/tcp", HEAD)
    assert listening.read(captured.root) == listening.ListeningServices(())
    assert connections.read(captured.root) == connections.Connections(())


PEER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
v6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
print(server.getsockname()[1], v6.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_another_process_on_this_machine_and_not_our_own() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        subprocess.Popen(
            [sys.executable, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as peer,
    ):
        assert peer.stdin is not None
        assert peer.stdout is not None
        port, port6 = map(int, peer.stdout.readline().split())
        root = Root()
        waiting, talking = listening.read(root), connections.read(root)
        assert waiting is not None
        assert talking is not None
        services = {(s.address, s.port): s for s in waiting.services}
        rows = [c for c in talking.connections if c.server_port == port]
        own_port = own.getsockname()[1]
        peer.stdin.close()
    assert {("127.0.0.1", port), ("::1", port6)} <= set(services)
    assert ("127.0.0.1", own_port) not in services
    process = services["127.0.0.1", port].process
    assert process
    assert services["127.0.0.1", port].executable == os.path.realpath(sys.executable)
    assert [(c.outbound, c.client_address, c.process, c.count) for c in rows] == [
        (False, "127.0.0.1", process, 1),
        (True, "127.0.0.1", process, 1),
    ]
