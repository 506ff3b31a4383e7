"""Hardware addresses that the kernel has learned of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping

from agent.facts.root import Root

_ARP = "/proc/net/arp"
_LIMIT_BYTES = 8 << 20
_COMPLETE = 0x2  # ATF_COM of if_arp.h


def read(root: Root) -> Mapping[str, str]:
    """MAC addresses by IPv4 address, those that were answered for."""
    return parse_arp(root.text(_ARP, _LIMIT_BYTES) or "")


def parse_arp(text: str) -> Mapping[str, str]:
    """Rows of /proc/net/arp: address, hardware type, flags, MAC, mask, adapter."""
    found = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 6:  # noqa: PLR2004 - proc(5)
            continue
        address, _, flags, mac = words[:4]
        try:
            is_complete = int(flags, 16) & _COMPLETE
        except ValueError:
            continue
        if is_complete and mac.strip("0:"):
            found[address] = mac.lower()
    return found
