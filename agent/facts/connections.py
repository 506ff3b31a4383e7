"""Table `connections`: who talks to whom, summed by peer and service.

The port that a client was lent for one connection says nothing and is not kept.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass

from agent.facts import listening, sockets
from agent.facts.root import Root
from agent.facts.sockets import ESTABLISHED, Socket, SocketTable

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


@dataclass(frozen=True)
class Connection:
    """Connections with one peer over one service; fields as in the contract."""

    protocol: str
    outbound: bool
    server_address: str
    server_port: int
    client_address: str
    process: str | None
    count: int


@dataclass(frozen=True)
class Connections:
    """All of them, by protocol, server, client and process."""

    connections: tuple[Connection, ...]


def read(root: Root) -> Connections | None:
    """Established TCP connections but the agent's own; None where there are no socket tables."""
    table = root.once(sockets.read)
    if table is None:
        return None
    ports = _listening_ports(table)
    counts = Counter(
        _summed(socket, table, is_inbound=_is_inbound(socket, table, ports))
        for socket in table.sockets
        if socket.protocol == "tcp"
        and socket.state == ESTABLISHED
        and socket.inode not in table.own_inodes
    )
    rows = [Connection(*key, count=count) for key, count in counts.items()]
    return Connections(tuple(sorted(rows, key=_order)))


_Key = tuple[str, bool, str, int, str, str | None]


def _listening_ports(table: SocketTable) -> dict[int, set[str]]:
    """Addresses that wait, by port."""
    ports: dict[int, set[str]] = {}
    for socket in table.sockets:
        if socket.protocol == "tcp" and listening.is_waiting(socket, table):
            ports.setdefault(socket.local_port, set()).add(socket.local_address)
    return ports


def _is_inbound(socket: Socket, table: SocketTable, ports: dict[int, set[str]]) -> bool:
    waiting = ports.get(socket.local_port, set())
    if waiting & (_ANY | {socket.local_address}):
        return True
    # Nobody waits there any more: the side with the lent port is the client.
    low, high = table.ephemeral_ports
    return not low <= socket.local_port <= high and low <= socket.remote_port <= high


def _summed(socket: Socket, table: SocketTable, *, is_inbound: bool) -> _Key:
    owner = table.owners.get(socket.inode)
    here = (socket.local_address, socket.local_port)
    there = (socket.remote_address, socket.remote_port)
    server, client = (here, there) if is_inbound else (there, here)
    process = owner.name if owner else None
    return socket.protocol, not is_inbound, *server, client[0], process


def _order(row: Connection) -> tuple[str, int, int, int, int, int, str, bool]:
    server = ipaddress.ip_address(row.server_address)
    client = ipaddress.ip_address(row.client_address)
    return (row.protocol, server.version, int(server), row.server_port,
            client.version, int(client), row.process or "", row.outbound)  # fmt: skip
