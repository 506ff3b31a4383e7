"""Names and addresses by which others reach this machine."""

from __future__ import annotations

import ipaddress
import socket

ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound
_MOST = 8


def reachable_names(host: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """What to put into tokens and certificates.

    Args:
        host: Address that the server listens on.
        names: Names that the administrator gave; they are taken as they are.
    """
    if names:
        return names
    if host not in ALL_ADDRESSES:
        return (host,)
    return (*_addresses(), socket.gethostname())[:_MOST]


def _addresses() -> list[str]:
    import psutil

    found = []
    for rows in psutil.net_if_addrs().values():
        for row in rows:
            if row.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(row.address.partition("%")[0])
                if not (address.is_loopback or address.is_link_local):
                    found.append(str(address))
    # IPv4 first: it is what most machines of a site have.
    return sorted(found, key=lambda text: (":" in text, text))
