"""Addresses by adapter: from the running kernel, or from what a captured system kept of it."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.facts.root import Root

_PROC_BYTES = 8 << 20
_SIOCETHTOOL, _ETHTOOL_GPERMADDR, _MAC_BYTES = 0x8946, 0x20, 6


@dataclass(frozen=True)
class Address:
    """One address; the prefix's length is None where it cannot be known."""

    address: str
    prefix_length: int | None


@dataclass(frozen=True)
class _Route:
    interface: str
    network: ipaddress.IPv4Network


def read(root: Root, interfaces: tuple[str, ...]) -> Mapping[str, tuple[Address, ...]] | None:
    """Addresses by adapter, IPv4 first, each in numeric order; None where none can be seen."""
    if not root.is_live and not root.exists("/proc/net/fib_trie"):
        if not root.exists("/proc/net/if_inet6"):
            return None
        root.complain("/proc/net/fib_trie is not there: IPv4 addresses were not looked at.")
    pairs = list(_ipv4_live() if root.is_live else _ipv4_captured(root, interfaces))
    pairs += parse_if_inet6(root.text("/proc/net/if_inet6", _PROC_BYTES) or "")
    found: dict[str, set[Address]] = {}
    for interface, address in pairs:
        found.setdefault(interface, set()).add(address)
    return {name: tuple(sorted(those, key=_order)) for name, those in found.items()}


def parse_if_inet6(text: str) -> Iterator[tuple[str, Address]]:
    """Rows of /proc/net/if_inet6: address, index, prefix length, scope, flags, adapter."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and re.fullmatch(r"[0-9a-f]{32}", words[0]):  # noqa: PLR2004
            address = ipaddress.IPv6Address(int(words[0], 16))
            length = int(words[2], 16) if re.fullmatch(r"[0-9a-f]{1,2}", words[2]) else None
            yield words[5], Address(str(address), length)


def local_ipv4(trie: str) -> tuple[ipaddress.IPv4Address, ...]:
    """The system's own addresses in /proc/net/fib_trie, whatever adapter they are on."""
    own, last = set(), None
    for line in trie.splitlines():
        leaf = re.search(r"\|-- (\d+\.\d+\.\d+\.\d+)$", line)
        if leaf:
            last = _ipv4(leaf[1])
        elif last is not None and "/32 host LOCAL" in line:
            own.add(last)
    return tuple(sorted(own))


def permanent_mac(interface: str) -> str | None:
    """The address burnt into a live adapter, by ethtool(7); None where the driver has none."""
    import fcntl
    import socket

    answer = bytearray(struct.pack("II", _ETHTOOL_GPERMADDR, _MAC_BYTES) + bytes(_MAC_BYTES))
    # The kernel fills the buffer at the address that the request carries.
    import ctypes

    buffer = (ctypes.c_char * len(answer)).from_buffer(answer)
    request = struct.pack("16sP", interface.encode()[:15], ctypes.addressof(buffer)) + bytes(16)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError:
        return None
    mac = bytes(buffer)[8:]
    return mac.hex(":") if any(mac) else None


def _ipv4_live() -> Iterator[tuple[str, Address]]:
    import socket

    import psutil

    for label, entries in psutil.net_if_addrs().items():
        # "eth0:web" is a label of one more address of eth0.
        interface = label.partition(":")[0]
        for entry in entries:
            if entry.family == socket.AF_INET:
                length = _prefix_length(entry.netmask)
                yield interface, Address(entry.address, length)


def _prefix_length(netmask: str | None) -> int | None:
    try:
        return ipaddress.IPv4Network((0, netmask)).prefixlen if netmask else None
    except ValueError:
        return None


def _ipv4_captured(root: Root, interfaces: tuple[str, ...]) -> Iterator[tuple[str, Address]]:
    routes = list(_direct_routes(root.text("/proc/net/route", _PROC_BYTES) or ""))
    routes += [_Route("lo", ipaddress.IPv4Network("127.0.0.0/8"))] * ("lo" in interfaces)
    for address in local_ipv4(root.text("/proc/net/fib_trie", _PROC_BYTES) or ""):
        fitting = [route for route in routes if address in route.network]
        if fitting:
            best = max(fitting, key=lambda route: route.network.prefixlen)
            yield best.interface, Address(str(address), best.network.prefixlen)
        else:
            root.complain(f"cannot tell which adapter has the address {address}: no route to it.")


def _direct_routes(text: str) -> Iterator[_Route]:
    """Networks on the wire in /proc/net/route: those that are reached without a gateway."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or words[2] != "00000000" or words[1] == "00000000":  # noqa: PLR2004
            continue
        try:
            network, mask = (bytes.fromhex(words[n])[::-1] for n in (1, 7))
            length = int.from_bytes(mask, "big").bit_count()
            yield _Route(words[0], ipaddress.IPv4Network((network, length), strict=False))
        except ValueError:
            continue


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _order(address: Address) -> tuple[int, int, int]:
    number = ipaddress.ip_address(address.address)
    return number.version, int(number), address.prefix_length or 0
