"""Services of a machine, programs that use others' services, and the arrows between them.

Sockets tell both. A listening socket is a Service inside its machine. A process with a connection
of its own making depends on the service at the other end; if it listens as well, the arrow starts
at its service, else at an Application.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime

from cmdb.model.observation import Json, SectionKind
from cmdb.store.port import Edge, Part
from reconcile.account import Account, Row, is_loopback, normal_address

_MOST_PARTS = 2_000
"""Of one machine; a hostile report cannot fill the estate with services."""

_SERVICE_ATTRIBUTES = (
    "protocol", "port", "address", "process", "executable", "package", "package_version", "user",
    "banner", "tls_subject", "tls_certificate_sha256", "tls_not_after",
)  # fmt: skip

_WELL_KNOWN = {
    22: "ssh", 25: "smtp", 53: "dns", 80: "http", 110: "pop3", 111: "rpcbind", 123: "ntp",
    143: "imap", 161: "snmp", 389: "ldap", 443: "https", 445: "smb", 587: "submission",
    631: "ipp", 636: "ldaps", 993: "imaps", 995: "pop3s", 1433: "mssql", 1521: "oracle",
    2049: "nfs", 3306: "mysql", 3389: "rdp", 5432: "postgresql", 5672: "amqp", 6379: "redis",
    8080: "http-alt", 8440: "stocktake", 8441: "stocktake", 8442: "stocktake",
    9092: "kafka", 9100: "jetdirect", 9200: "elasticsearch", 11211: "memcached", 27017: "mongodb",
}  # fmt: skip


def parts_of(accounts: Sequence[Account]) -> tuple[Part, ...]:
    """Services and applications of one machine, from all its records, most trusted first."""
    parts: dict[str, dict[str, Json]] = {}
    for account in accounts:
        for row in account.services:
            local = _service_local(row)
            if local:
                known = parts.setdefault(local, {})
                for name, value in _service(row).items():
                    known.setdefault(name, value)
    found = [Part(local, "Service", _named(values)) for local, values in sorted(parts.items())]
    listening = {str(values.get("process")) for values in parts.values()}
    found += [
        Part(f"app/{process}", "Application", {"name": process, "process": process})
        for process in sorted(_clients(accounts) - listening)
    ]
    return tuple(found[:_MOST_PARTS])


def same_sources(
    accounts: Sequence[Account], before: Sequence[Part], after: Sequence[Part]
) -> bool:
    """Whether the arrows of these connections start and end where they did."""
    ordered = sorted(before, key=lambda part: (part.cls != "Service", part.local))
    was, now = _by_process(ordered), _by_process(after)
    moved = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    called = set()
    for account in accounts:
        for row in account.connections:
            if row.get("outbound"):
                if str(row.get("process") or "") in moved:
                    return False
                called.add(str(row.get("server_address") or ""))
    return not any(_server(address)[1] for address in called)


def _by_process(parts: Sequence[Part]) -> dict[str, str]:
    """The part that stands for each process: the first."""
    return {
        str(part.attributes["process"]): part.local
        for part in reversed(parts)
        if part.attributes.get("process")
    }


def edges_of(accounts: Sequence[Account], parts: Sequence[Part]) -> tuple[Edge, ...]:
    """Every part runs on its machine; who connects depends on who listens."""
    locals_ = {part.local for part in parts}
    by_process = _by_process(parts)
    edges = [Edge(local, "runs_on", None) for local in sorted(locals_)]
    for account in accounts:
        seen = account.at.get(SectionKind.CONNECTIONS, account.said_at)
        for row in account.connections:
            if row.get("outbound"):
                edge = _edge(row, by_process, locals_, seen)
                if edge:
                    edges.append(edge)
    return tuple(edges[: 2 * _MOST_PARTS])


def _edge(row: Row, by_process: dict[str, str], locals_: set[str], seen: datetime) -> Edge | None:
    port, process = row.get("server_port"), str(row.get("process") or "")
    source = by_process.get(process)
    if source is None or not isinstance(port, int):
        return None
    address, loopback = _server(str(row.get("server_address") or ""))
    if address is None or not process:
        return None
    protocol = str(row.get("protocol") or "tcp")
    detail: Json = {"process": process, "connections": row.get("count") or 1}
    if not loopback:
        socket = (address, protocol, port)
        return Edge(source, "depends_on", None, socket, None, detail, seen)
    local = f"{protocol}/{port}"
    if local not in locals_ or local == source:
        return None
    return Edge(source, "depends_on", None, None, local, detail, seen)


@functools.lru_cache(maxsize=65_536)
def _server(written: str) -> tuple[str | None, bool]:
    """An address in normal form, and whether it is the machine's own: few servers, many clients."""
    address = normal_address(written)
    return address, address is not None and is_loopback(address)


def _service_local(row: Row) -> str | None:
    port = row.get("port")
    return f"{row.get('protocol') or 'tcp'}/{port}" if isinstance(port, int) else None


def _service(row: Row) -> dict[str, Json]:
    return {
        name: row[name] for name in _SERVICE_ATTRIBUTES if row.get(name) not in (None, "", [], {})
    }


def _named(values: dict[str, Json]) -> dict[str, Json]:
    port = values.get("port")
    fallback = _WELL_KNOWN.get(port, str(values.get("protocol"))) if isinstance(port, int) else ""
    return {"name": f"{values.get('process') or fallback}:{port}", **values}


def _clients(accounts: Sequence[Account]) -> set[str]:
    return {
        str(row["process"])
        for account in accounts
        for row in account.connections
        if row.get("outbound") and row.get("process")
    }
