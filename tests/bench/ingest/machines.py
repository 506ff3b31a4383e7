"""What one endpoint of the made-up estate says, from the seed and its number alone.

27 declared scalars and 13 of its own, 8 interfaces, 40 components (8 of them disks), 1,500
programs, 8 services, 60 connections with other endpoints of the estate. A machine is made when it
is needed and forgotten again: a hundred thousand of them take no memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from stocktake.v1 import observation_pb2 as pb
from tests.bench.ingest.titles import PACKAGE_SYSTEM, Titles

SCALARS, INTERFACES, COMPONENTS, SERVICES, CONNECTIONS = 40, 8, 40, 8, 60
_OWN_SCALARS, _DISKS = 13, 8
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_MODELS = (
    ("Dell Inc.", "Latitude 5440"), ("Dell Inc.", "PowerEdge R760"), ("HP", "EliteBook 840 G10"),
    ("LENOVO", "21HMCTO1WW"), ("Supermicro", "SYS-620P-TRT"), ("HPE", "ProLiant DL380 Gen11"),
)  # fmt: skip
_CPUS = ("Intel(R) Core(TM) i7-1365U", "AMD EPYC 9354 32-Core Processor", "Intel(R) Xeon(R) 6430")


class _Listener(NamedTuple):
    port: int
    process: str


_LISTENERS = tuple(
    _Listener(port, process)
    for port, process in (
        (22, "sshd"), (25, "master"), (53, "named"), (80, "nginx"), (111, "rpcbind"),
        (139, "smbd"), (389, "slapd"), (443, "haproxy"), (631, "cupsd"), (1433, "sqlservr"),
        (2049, "nfsd"), (3000, "grafana"), (3128, "squid"), (3306, "mysqld"), (5432, "postgres"),
        (5672, "beam.smp"), (6379, "redis-server"), (8080, "java"), (8086, "influxd"),
        (9090, "prometheus"), (9100, "node_exporter"), (9200, "elasticsearch"), (9443, "portainer"),
        (27017, "mongod"),
    )
)  # fmt: skip
_CLIENTS = ("chrome", "outlook", "backupd", "chronyd", "vpnclient", "updated")
_KINDS = (
    ("lo", pb.INTERFACE_KIND_LOOPBACK), ("eno1", pb.INTERFACE_KIND_ETHERNET),
    ("eno2", pb.INTERFACE_KIND_ETHERNET), ("eno3", pb.INTERFACE_KIND_ETHERNET),
    ("eno4", pb.INTERFACE_KIND_ETHERNET), ("wlp2s0", pb.INTERFACE_KIND_WIFI),
    ("br0", pb.INTERFACE_KIND_BRIDGE), ("tun0", pb.INTERFACE_KIND_VPN),
)  # fmt: skip


@dataclass
class Machine:
    """What varies from day to day, and what the rest is made from."""

    number: int
    programs: dict[int, int]
    services: list[int]
    generation: int = 0
    before: dict[int, int] | None = None
    """Its programs before the last change."""
    marked: bool = False
    """Whether the system's version tells the generation."""

    @property
    def name(self) -> str:
        """Its own name."""
        return name_of(self.number)


def name_of(number: int) -> str:
    """The name of an endpoint."""
    return f"host-{number:06}"


class Estate:
    """All endpoints of a seed."""

    def __init__(self, seed: int, size: int) -> None:
        """`size` bounds with whom they speak."""
        self.titles = Titles(seed)
        self._seed = seed
        self._servers = max(1, size // 20)

    def machine(self, number: int, generation: int = 0, *, marked: bool = False) -> Machine:
        """An endpoint after so many small changes."""
        rng = self._rng(2, number)
        programs = self.titles.pick(rng)
        services = rng.permutation(len(_LISTENERS))[:SERVICES].tolist()
        machine = Machine(number, programs, services, marked=marked)
        for _ in range(generation):
            self.change(machine)
        return machine

    def change(self, machine: Machine) -> None:
        """A day's small change: three programs, one service."""
        machine.generation += 1
        rng = self._rng(3, machine.number, machine.generation)
        machine.before = dict(machine.programs)
        self.titles.change(machine.programs, rng)
        others = [each for each in range(len(_LISTENERS)) if each not in machine.services]
        machine.services[int(rng.integers(SERVICES))] = others[int(rng.integers(len(others)))]

    def fill(self, machine: Machine, section: pb.Section, name: str) -> None:
        """Writes one section of a machine."""
        _FILL[name](self, machine, getattr(section, name))

    def _rng(self, *what: int) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64([self._seed, *what]))

    def _computer(self, machine: Machine, body: pb.Computer) -> None:
        number, mark = machine.number, _mark(self._seed, machine.number)
        vendor, model = _MODELS[number % len(_MODELS)]
        cores = 4 << number % 4
        body.name, body.fqdn = machine.name, f"{machine.name}.bench.example"
        body.vendor, body.model = vendor, model
        body.system_serial, body.board_serial = f"S{mark[:9].upper()}", f"B{mark[9:19].upper()}"
        body.chassis_serial, body.asset_tag = f"C{mark[2:12].upper()}", f"A{number:07}"
        body.bios_uuid = "-".join((mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32]))
        body.machine_id, body.instance_id = mark[32:64], f"i-{mark[40:57]}"
        body.bios_version, body.bios_date = f"1.{number % 30}.0", f"0{1 + number % 9}/14/2025"
        body.chassis_type, body.memory_bytes = "Rack Mount Chassis", (8 << number % 5) << 30
        body.cpu_model, body.cpu_sockets = _CPUS[number % len(_CPUS)], 1 + number % 2
        body.cpu_cores, body.cpu_threads = cores, cores * 2
        body.architecture, body.virtualization = "x86_64", ""

    def _system(self, machine: Machine, body: pb.OperatingSystem) -> None:
        number = machine.number
        body.os_name = "Debian GNU/Linux"
        body.os_version = f"12.{machine.generation}" if machine.marked else f"12.{number % 12}"
        body.kernel_version, body.timezone = f"6.1.0-{number % 40}-amd64", "Europe/Berlin"
        body.booted_at.FromDatetime(_BEGAN + timedelta(minutes=number % 100_000))
        body.installed_at.FromDatetime(_BEGAN - timedelta(minutes=number % 300_000))

    def _attributes(self, machine: Machine, body: pb.Attributes) -> None:
        for place in range(_OWN_SCALARS):
            value = body.values[f"x_bench_{place}"]
            if place % 2:
                value.number = machine.number * 31 + place
            else:
                value.text = f"site {(machine.number + place) % 97} row {machine.number % 13}"

    def _interfaces(self, machine: Machine, body: pb.NetworkInterfaces) -> None:
        for place, (name, kind) in enumerate(_KINDS):
            row = body.interfaces.add(name=name, kind=kind, mtu_bytes=1500, up=place < 3)
            if kind != pb.INTERFACE_KIND_LOOPBACK:
                row.mac = _mac(machine.number, place)
                row.speed_bps = 10**9
            address = _addresses(machine.number).get(place)
            if address:
                row.addresses.add(address=address, prefix_length=16)
            else:
                row.empty_addresses = True

    def _disks(self, machine: Machine, body: pb.Disks) -> None:
        for place in range(_DISKS):
            body.disks.add(
                name=f"sd{chr(97 + place)}", kind="disk", size_bytes=960_197_124_096,
                vendor="SAMSUNG", model="MZ7L3960HCJR-00A07", rotational=False,
                serial=f"S6E{machine.number:07}{place:02}", filesystem="xfs",
                mount_points=[f"/srv/{place}"],
            )  # fmt: skip

    def _components(self, machine: Machine, body: pb.Components) -> None:
        for place in range(COMPONENTS - _DISKS):
            kind, model = ("memory", "M393A8G40BB4-CWE") if place < 24 else ("card", "MCX623106AN")
            body.components.add(
                kind=kind, slot=f"{kind.upper()}_{place}", vendor="Samsung", model=model,
                serial=f"{machine.number * 64 + place:09X}", size_bytes=32 << 30,
            )  # fmt: skip

    def _programs(self, machine: Machine, body: pb.Programs) -> None:
        columns = self.titles.columns(machine.programs)
        body.package_system, body.count = PACKAGE_SYSTEM, columns.count
        body.hashes, body.entries = columns.hashes, columns.entries

    def _listening(self, machine: Machine, body: pb.ListeningServices) -> None:
        for service in sorted(machine.services):
            port, process = _LISTENERS[service]
            body.services.add(
                protocol="tcp", address="0.0.0.0", port=port, process=process,
                executable=f"/usr/sbin/{process}", package=process, user="root",
                package_version=f"{service}.{machine.number % 5}-1",
            )  # fmt: skip

    def _connections(self, machine: Machine, body: pb.Connections) -> None:
        """Most go to few servers; a fifth come in."""
        rng = self._rng(4, machine.number)
        own = address_of(machine.number)
        draws = rng.random((CONNECTIONS, 3)).tolist()
        for place, (peer, service, process) in enumerate(draws):
            port = _LISTENERS[int(service * len(_LISTENERS))].port
            if place % 5:
                body.connections.add(
                    protocol="tcp", outbound=True, client_address=own, server_port=port,
                    server_address=address_of(int(self._servers * peer**3)),
                    process=_CLIENTS[int(process * len(_CLIENTS))], count=1 + place % 7,
                )  # fmt: skip
                continue
            port, name = _LISTENERS[machine.services[place % SERVICES]]
            body.connections.add(
                protocol="tcp", outbound=False, server_address=own, server_port=port,
                client_address=address_of(int(self._servers * 20 * peer)), process=name, count=1,
            )  # fmt: skip


def address_of(number: int) -> str:
    """The address by which others reach an endpoint."""
    return f"10.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def _addresses(number: int) -> dict[int, str]:
    """By the place of the adapter."""
    second = f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    return {0: "127.0.0.1", 1: address_of(number), 2: second}


def _mac(number: int, place: int) -> str:
    digits = f"{number * 8 + place:06x}"
    return f"3c:ec:ef:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def _mark(seed: int, number: int) -> str:
    """64 hexadecimal digits that no other machine has."""
    return hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()


_FILL: dict[str, Callable[[Estate, Machine, Any], None]] = {
    "computer": Estate._computer,
    "operating_system": Estate._system,
    "attributes": Estate._attributes,
    "network_interfaces": Estate._interfaces,
    "disks": Estate._disks,
    "components": Estate._components,
    "programs": Estate._programs,
    "listening_services": Estate._listening,
    "connections": Estate._connections,
}
SECTIONS = tuple(_FILL)
CHANGED = ("programs", "listening_services")
"""Sections that a day's small change touches."""
