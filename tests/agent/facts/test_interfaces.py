"""Adapters of a captured system: kinds, hardware addresses, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.facts import interfaces
from agent.facts.addresses import Address, parse_if_inet6
from agent.facts.interfaces import InterfaceKind, NetworkInterface

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.4.0/24 2 0 1
        |-- 10.0.4.0
           /24 link UNICAST
        |-- 10.0.4.17
           /32 host LOCAL
        |-- 10.0.4.255
           /32 link BROADCAST
Local:
     +-- 10.0.4.0/24 2 0 1
        |-- 10.0.4.17
           /32 host LOCAL
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 192.168.9.0/24 2 0 2
        |-- 192.168.9.5
           /32 host LOCAL
"""
ROUTE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t0104000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t0004000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
IF_INET6 = (
    "00000000000000000000000000000001 01 80 10 80       lo\n"
    "fe800000000000000223 bad\n"
    "20010db8000000000000000000000017 02 40 00 00     eth0\n"
)


def add_adapter(captured: Captured, name: str, place: str, **files: str) -> str:
    folder = f"/sys/devices/{place}/net/{name}"
    captured.add_all(folder, {"ifindex": "1", "type": "1", **files})
    captured.link(f"/sys/class/net/{name}", f"../../devices/{place}/net/{name}")
    return folder


def test_a_captured_server(captured: Captured) -> None:
    folder = add_adapter(
        captured, "eth0", "pci0000:00/0000:00:1f.6",
        address="00:50:56:8b:70:b7\n", mtu="1500\n", flags="0x1003\n", operstate="up\n",
        speed="1000\n",
    )  # fmt: skip
    captured.link(f"{folder}/device", "../..")
    captured.link("/sys/devices/pci0000:00/0000:00:1f.6/driver", "../../../bus/pci/drivers/e1000e")
    captured.add("/sys/bus/pci/drivers/e1000e/bind", "")
    add_adapter(
        captured, "lo", "virtual",
        type="772", address="00:00:00:00:00:00\n", mtu="65536", flags="0x9", operstate="unknown",
    )  # fmt: skip
    captured.add("/sys/class/net/bonding_masters", "\n")
    captured.add("/proc/net/fib_trie", FIB_TRIE)
    captured.add("/proc/net/route", ROUTE)
    captured.add("/proc/net/if_inet6", IF_INET6)
    root = captured.root
    found = interfaces.read(root)
    assert found is not None
    assert found.interfaces == (
        NetworkInterface(
            name="eth0",
            mac="00:50:56:8b:70:b7",
            kind=InterfaceKind.ETHERNET,
            addresses=(Address("10.0.4.17", 24), Address("2001:db8::17", 64)),
            empty_addresses=None,
            speed_bps=1_000_000_000,
            mtu_bytes=1500,
            up=True,
        ),
        NetworkInterface(
            name="lo",
            mac="",
            kind=InterfaceKind.LOOPBACK,
            addresses=(Address("127.0.0.1", 8), Address("::1", 128)),
            empty_addresses=None,
            speed_bps=None,
            mtu_bytes=65536,
            up=True,
        ),
    )
    assert root.complaints == (
        "cannot tell which adapter has the address 192.168.9.5: no route to it.",
    )


def adapters(captured: Captured) -> tuple[NetworkInterface, ...]:
    found = interfaces.read(captured.root)
    assert found is not None
    return found.interfaces


@pytest.mark.parametrize(
    ("place", "files", "expected"),
    [
        ("pci0000:00/0000:00:14.0/usb2/2-1", {}, InterfaceKind.DOCK),
        ("pci0000:00/0000:00:02.0/virtio1", {}, InterfaceKind.VIRTUAL),
        ("vif-0", {}, InterfaceKind.VIRTUAL),
        ("pci0000:00/0000:00:1c.0", {"phy80211/index": "0"}, InterfaceKind.WIFI),
        ("pci0000:00/0000:00:1c.0", {"wireless/status": "0"}, InterfaceKind.WIFI),
    ],
)
def test_kinds_of_devices(
    captured: Captured, place: str, files: dict[str, str], expected: InterfaceKind
) -> None:
    folder = add_adapter(captured, "net0", place, **files)
    captured.link(f"{folder}/device", "../..")
    (found,) = adapters(captured)
    assert found.kind == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, InterfaceKind.VIRTUAL),
        ({"bridge/bridge_id": "x"}, InterfaceKind.BRIDGE),
        ({"bonding/mode": "x"}, InterfaceKind.BRIDGE),
        ({"tun_flags": "0x1001", "type": "65534"}, InterfaceKind.VPN),
        ({"tun_flags": "0x1002"}, InterfaceKind.VIRTUAL),
        ({"uevent": "DEVTYPE=wireguard\n", "type": "65534"}, InterfaceKind.VPN),
        ({"type": "512"}, InterfaceKind.VPN),
    ],
)
def test_kinds_without_a_device(
    captured: Captured, files: dict[str, str], expected: InterfaceKind
) -> None:
    add_adapter(captured, "net0", "virtual", **files)
    (found,) = adapters(captured)
    assert found.kind == expected


def test_none_seen_is_not_none_there(captured: Captured) -> None:
    assert interfaces.read(captured.root) is None
    add_adapter(captured, "eth0", "virtual")
    (unknown,) = adapters(captured)
    assert (unknown.addresses, unknown.empty_addresses) == ((), None)
    captured.add("/proc/net/fib_trie", "Main:\n")
    (without,) = adapters(captured)
    assert (without.addresses, without.empty_addresses) == ((), True)


def test_a_captured_system_never_shows_the_running_one(captured: Captured) -> None:
    add_adapter(captured, "lo", "virtual", type="772")
    (found,) = adapters(captured)
    assert found.addresses == ()


def test_broken_rows_are_passed_over() -> None:
    assert list(parse_if_inet6(IF_INET6)) == [
        ("lo", Address("::1", 128)),
        ("eth0", Address("2001:db8::17", 64)),
    ]
