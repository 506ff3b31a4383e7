"""Table `listening_services`: sockets that wait for connections, with process and package."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.facts import packages, sockets
from agent.facts.packages import Package
from agent.facts.root import Root
from agent.facts.sockets import LISTENING, UNCONNECTED, Process, Socket, SocketTable

# Services of UDP whose ports lie where clients' ports are given out.
_UDP_SERVICES_AMONG_CLIENTS = frozenset({33434, 41641, 51820, 51821})
_MOST_NAMED = 5


@dataclass(frozen=True)
class ListeningService:
    """One waiting socket; fields as in the contract."""

    protocol: str
    address: str
    port: int
    process: str | None = None
    executable: str | None = None
    package: str | None = None
    package_version: str | None = None
    user: str | None = None
    banner: str | None = None
    tls_certificate_sha256: str | None = None
    tls_subject: str | None = None
    tls_not_after: datetime | None = None


@dataclass(frozen=True)
class ListeningServices:
    """All of them, by protocol, port and address."""

    services: tuple[ListeningService, ...]


def read(root: Root) -> ListeningServices | None:
    """Listening TCP sockets and open UDP ports; None where there are no socket tables."""
    table = root.once(sockets.read)
    if table is None:
        return None
    waiting = [socket for socket in table.sockets if is_waiting(socket, table)]
    brought = packages.owners(root, _executables(waiting, table))
    _complain_of_unseen(root, waiting, table)
    services = {_service(root, socket, table, brought) for socket in waiting}
    return ListeningServices(tuple(sorted(services, key=_order)))


def is_waiting(socket: Socket, table: SocketTable) -> bool:
    """Whether it is a service. A UDP port lent to a client for an answer is none."""
    if socket.inode in table.own_inodes:
        return False
    if socket.protocol == "tcp":
        return socket.state == LISTENING
    low, high = table.ephemeral_ports
    is_lent = low <= socket.local_port <= high
    return (
        socket.state == UNCONNECTED
        and socket.remote_port == 0
        and (not is_lent or socket.local_port in _UDP_SERVICES_AMONG_CLIENTS)
    )


def _executables(waiting: list[Socket], table: SocketTable) -> set[str]:
    processes = [p for s in waiting if (p := table.owners.get(s.inode))]
    return {p.executable for p in processes if p.executable and p.shares_files}


def _service(
    root: Root, socket: Socket, table: SocketTable, brought: Mapping[str, Package]
) -> ListeningService:
    process = table.owners.get(socket.inode)
    package = _package(process, brought)
    return ListeningService(
        protocol=socket.protocol,
        address=socket.local_address,
        port=socket.local_port,
        process=process.name if process else None,
        executable=process.executable if process else None,
        package=package.name if package else None,
        package_version=package.version if package else None,
        user=(process.user if process else None) or sockets.name_of_user(root, socket.uid),
    )


def _package(process: Process | None, brought: Mapping[str, Package]) -> Package | None:
    if process is None or process.executable is None or not process.shares_files:
        return None
    return brought.get(process.executable)


def _complain_of_unseen(root: Root, waiting: list[Socket], table: SocketTable) -> None:
    unseen = sorted(
        f"{s.protocol} {s.local_address} port {s.local_port}"
        for s in waiting
        if s.inode and s.inode not in table.owners
    )
    if not unseen or not root.is_live:
        return
    named = ", ".join(unseen[:_MOST_NAMED]) + (", ..." if len(unseen) > _MOST_NAMED else "")
    remedy = "; run as root" if table.hidden_processes else ""
    ports = (
        "the process of 1 open port"
        if len(unseen) == 1
        else (f"the processes of {len(unseen)} open ports")
    )
    root.complain(f"could not see {ports} ({named}){remedy}")


def _order(service: ListeningService) -> tuple[str, int, int, int, str]:
    address = ipaddress.ip_address(service.address)
    return service.protocol, service.port, address.version, int(address), service.process or ""
