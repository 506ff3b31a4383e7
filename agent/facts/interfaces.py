"""Table `network_interfaces`: adapters, what kind each is, and its addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from agent.facts import addresses
from agent.facts.addresses import Address
from agent.facts.root import Root

_NET = "/sys/class/net"

# Hardware types of if_arp.h.
_ETHER, _INFINIBAND, _PPP, _LOOPBACK, _NONE = 1, 32, 512, 772, 0xFFFE
_TUNNELS = frozenset({_PPP, 768, 769, 776, 778, 823, _NONE})
_TAP = 0x0002  # IFF_TAP of if_tun.h
_UP = 0x1
_MAC_SET_BY_HAND = 3

_GUEST_DRIVERS = frozenset(
    {"virtio_net", "vmxnet3", "hv_netvsc", "xen_netfront", "vif", "ena", "gve", "netvsc"}
)


class InterfaceKind(IntEnum):
    """What an adapter is; numbers as in the contract."""

    UNSPECIFIED = 0
    ETHERNET = 1
    WIFI = 2
    DOCK = 3
    VIRTUAL = 4
    BRIDGE = 5
    VPN = 6
    LOOPBACK = 7


@dataclass(frozen=True)
class NetworkInterface:
    """One adapter; fields as in the contract. A probe knows no name."""

    name: str | None
    mac: str | None
    kind: InterfaceKind
    addresses: tuple[Address, ...]
    empty_addresses: bool | None
    speed_bps: int | None
    mtu_bytes: int | None
    up: bool | None


@dataclass(frozen=True)
class NetworkInterfaces:
    """All adapters, by name."""

    interfaces: tuple[NetworkInterface, ...]


def read(root: Root) -> NetworkInterfaces | None:
    """All adapters of the network namespace the agent is in; None where none can be seen."""
    # Files among the folders, such as bonding_masters, are no adapters.
    names = [name for name in root.names(_NET) if root.exists(f"{_NET}/{name}/ifindex")]
    names = names or list(_names_in_proc(root))
    if not names:
        return None
    known = addresses.read(root, tuple(names))
    return NetworkInterfaces(tuple(_interface(root, name, known) for name in sorted(names)))


def _names_in_proc(root: Root) -> tuple[str, ...]:
    lines = (root.text("/proc/net/dev") or "").splitlines()[2:]
    return tuple(line.partition(":")[0].strip() for line in lines if ":" in line)


def _interface(
    root: Root, name: str, known: Mapping[str, tuple[Address, ...]] | None
) -> NetworkInterface:
    here = f"{_NET}/{name}"
    its = () if known is None else known.get(name, ())
    megabits = root.number(f"{here}/speed")
    return NetworkInterface(
        name=name,
        mac=_mac(root, name),
        kind=_kind(root, name),
        addresses=its,
        empty_addresses=True if known is not None and not its else None,
        # -1 where there is no carrier or no fixed speed.
        speed_bps=megabits * 1_000_000 if megabits and megabits > 0 else None,
        mtu_bytes=root.number(f"{here}/mtu"),
        up=_is_up(root, here),
    )


def _is_up(root: Root, here: str) -> bool | None:
    flags = root.number(f"{here}/flags")
    if flags is None:
        return None
    # Drivers without a notion of a link stay "unknown" while they work.
    return bool(flags & _UP) and root.value(f"{here}/operstate") in ("up", "unknown")


def _mac(root: Root, name: str) -> str | None:
    here = f"{_NET}/{name}"
    if root.number(f"{here}/type") not in (_ETHER, _INFINIBAND, _LOOPBACK):
        return "" if root.exists(f"{here}/type") else None  # A tunnel has its address there.
    permanent = root.value(f"{here}/bonding_slave/perm_hwaddr")
    if not permanent and root.is_live and _is_mac_set_by_hand(root, here):
        permanent = addresses.permanent_mac(name)
    mac = permanent or root.value(f"{here}/address")
    return "" if mac is not None and not mac.strip("0:") else mac


def _is_mac_set_by_hand(root: Root, here: str) -> bool:
    return root.number(f"{here}/addr_assign_type") == _MAC_SET_BY_HAND


def _kind(root: Root, name: str) -> InterfaceKind:
    here = f"{_NET}/{name}"
    hardware = root.number(f"{here}/type")
    if hardware == _LOOPBACK or name == "lo":
        return InterfaceKind.LOOPBACK
    if root.exists(f"{here}/wireless") or root.exists(f"{here}/phy80211"):
        return InterfaceKind.WIFI
    if root.exists(f"{here}/bridge") or root.exists(f"{here}/bonding"):
        return InterfaceKind.BRIDGE
    if _is_tunnel(root, here, hardware):
        return InterfaceKind.VPN
    if not root.exists(f"{here}/device"):
        return InterfaceKind.VIRTUAL if hardware is not None else InterfaceKind.UNSPECIFIED
    return _kind_of_device(root, here)


def _is_tunnel(root: Root, here: str, hardware: int | None) -> bool:
    if "DEVTYPE=wireguard" in (root.text(f"{here}/uevent") or ""):
        return True
    tun = root.number(f"{here}/tun_flags")
    # A tap is the cable of a virtual machine; a tun carries a tunnel.
    return not tun & _TAP if tun is not None else hardware in _TUNNELS


def _kind_of_device(root: Root, here: str) -> InterfaceKind:
    driver = root.resolved(f"{here}/device/driver").rpartition("/")[2]
    place = root.resolved(f"{here}/device")
    if driver in _GUEST_DRIVERS or "/virtio" in place or "/vmbus" in place or "/vif-" in place:
        return InterfaceKind.VIRTUAL
    return InterfaceKind.DOCK if "/usb" in place else InterfaceKind.ETHERNET
