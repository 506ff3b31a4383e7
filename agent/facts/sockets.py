"""The kernel's socket tables, and which process has which socket.

Read once for both tables that need them, so that they tell of one moment.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.facts import users
from agent.facts.root import Root, whole

_TABLE_BYTES = 64 << 20
_MOST_PROCESSES = 100_000
_MOST_PORT = 65535
TABLES = (("tcp", "/proc/net/tcp"), ("tcp", "/proc/net/tcp6"),
          ("udp", "/proc/net/udp"), ("udp", "/proc/net/udp6"))  # fmt: skip
ESTABLISHED, UNCONNECTED, LISTENING = 0x01, 0x07, 0x0A
_DEFAULT_EPHEMERAL = (32768, 60999)


@dataclass(frozen=True)
class Socket:
    """One row of a socket table. IPv4 in IPv6 form is written as IPv4."""

    protocol: str
    local_address: str
    local_port: int
    remote_address: str
    remote_port: int
    state: int
    uid: int
    inode: int


@dataclass(frozen=True)
class Process:
    """A process that holds sockets."""

    pid: int
    name: str
    executable: str | None
    user: str | None
    started_ticks: int
    shares_files: bool  # whether its paths mean what they mean to the agent


@dataclass(frozen=True)
class SocketTable:
    """All sockets of the agent's network namespace and their processes, at one moment."""

    sockets: tuple[Socket, ...]
    owners: dict[int, Process]  # by inode
    ephemeral_ports: tuple[int, int]
    hidden_processes: int
    own_inodes: frozenset[int] = field(default=frozenset())


def read(root: Root) -> SocketTable | None:
    """Sockets of TCP and UDP with their processes; None where there are no tables."""
    texts = [(protocol, root.text(path, _TABLE_BYTES)) for protocol, path in TABLES]
    if all(text is None for _, text in texts):
        return None
    sockets = [s for protocol, text in texts for s in parse_table(protocol, text or "")]
    owners, own, hidden = _owners(root, {s.inode for s in sockets if s.inode})
    return SocketTable(tuple(sockets), owners, _ephemeral_ports(root), hidden, own)


def parse_table(protocol: str, text: str) -> Iterator[Socket]:
    """Rows of /proc/net/tcp and its like; proc(5)."""
    for line in text.splitlines()[1:]:
        words = line.split()
        try:
            local, local_port = _end(words[1])
            remote, remote_port = _end(words[2])
            state, uid, inode = int(words[3], 16), int(words[7]), int(words[9])
        except (IndexError, ValueError):
            continue
        yield Socket(protocol, local, local_port, remote, remote_port, state, uid, inode)


def name_of_user(root: Root, uid: int) -> str:
    """The account's name; its number where it has none."""
    return root.once(users.names).get(uid, str(uid))


def _end(text: str) -> tuple[str, int]:
    """An address and a port: "0100007F:0050". Words of four bytes in the host's order."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[n : n + 4][::-1] for n in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    number = int(port, 16)
    if not 0 <= number <= _MOST_PORT:
        raise ValueError(f"{port} is no port")
    return str(address), number


def _ephemeral_ports(root: Root) -> tuple[int, int]:
    found = re.fullmatch(
        r"(\d{1,5})\s+(\d{1,5})", root.value("/proc/sys/net/ipv4/ip_local_port_range") or ""
    )
    return (int(found[1]), int(found[2])) if found else _DEFAULT_EPHEMERAL


def _owners(root: Root, wanted: set[int]) -> tuple[dict[int, Process], frozenset[int], int]:
    """The process of each socket, the agent's own sockets, and how many processes were closed."""
    holders: dict[int, list[Process]] = {}
    own: frozenset[int] = frozenset()
    hidden = 0
    own_pid = os.getpid() if root.is_live else None
    pids = [pid for name in root.names("/proc") if (pid := whole(name)) is not None]
    for pid in pids[:_MOST_PROCESSES]:
        held = _sockets_of(root, pid)
        if held is None:
            hidden += 1
            continue
        if pid == own_pid:
            own = frozenset(held)
        if held & wanted and (process := _process(root, pid)):
            for inode in held & wanted:
                holders.setdefault(inode, []).append(process)
    return {inode: _speaker(those) for inode, those in holders.items()}, own, hidden


def _speaker(processes: list[Process]) -> Process:
    """Of those that share a socket, the one to name: the oldest, but not the one that lent it.

    Workers inherit their master's socket; init holds the sockets of services it starts on demand.
    """
    return min(processes, key=lambda p: (p.pid == 1, p.started_ticks, p.pid))


def _sockets_of(root: Root, pid: int) -> set[int] | None:
    """Inodes of the process's sockets; None where one may not look."""
    folder = f"/proc/{pid}/fd"
    if root.is_denied(folder):
        return None
    found = set()
    for name in root.names(folder, quiet=True):
        target = root.link(f"{folder}/{name}") or ""
        inode = whole(target.removeprefix("socket:[").removesuffix("]"))
        if inode is not None and target.startswith("socket:["):
            found.add(inode)
    return found


def _process(root: Root, pid: int) -> Process | None:
    here = f"/proc/{pid}"
    name = root.value(f"{here}/comm")
    if name is None:
        return None  # It ended while we looked.
    uid = re.search(r"^Uid:\s+\d+\s+(\d{1,10})\s", root.text(f"{here}/status") or "", re.MULTILINE)
    # Fields are counted from behind the name, which may hold anything.
    after_name = (root.text(f"{here}/stat") or "").rpartition(")")[2].split()
    mounts, own = root.link(f"{here}/ns/mnt"), root.link("/proc/self/ns/mnt")
    executable = root.link(f"{here}/exe")
    return Process(
        pid=pid,
        name=name,
        executable=executable.removesuffix(" (deleted)") if executable else None,
        user=name_of_user(root, int(uid[1])) if uid else None,
        started_ticks=(whole(after_name[19]) or 0) if len(after_name) > 19 else 0,  # noqa: PLR2004
        shares_files=not root.is_live or mounts == own,
    )
