"""The sample estate: what a small company might run, made up, the same for the same seed.

Forty machines, three business services with redundant tiers, switches and entitlements. Every
name begins with "demo". Plain declarations: how they travel is demo_items.py's business.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

SCOPE = "demo"
KEYS = "demo/"
"""Begins every native key."""
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that waits, on all addresses."""

    port: int
    process: str
    package: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A process that talks to a port of other machines."""

    process: str
    to: tuple[str, ...]
    port: int
    count: int


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program."""

    name: str
    version: str
    publisher: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine or a switch."""

    name: str
    cls: str
    address: str
    serial: str
    bios_uuid: str
    mac: str
    vendor: str
    model: str
    os_name: str
    os_version: str
    memory_bytes: int
    cores: int
    description: str
    owner: str
    environment: str = "production"
    chassis: str = "Rack Mount Chassis"
    connected_to: tuple[str, ...] = ()
    hosted_on: str = ""
    listening: tuple[Listening, ...] = ()
    talks: tuple[Talk, ...] = ()
    package_system: str = "deb"
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Machines that stand in for each other."""

    name: str
    description: str
    owner: str
    min_up: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BusinessService:
    """What the company offers or needs."""

    name: str
    description: str
    owner: str
    criticality: str
    depends_on: tuple[str, ...]
    """Groups and machines; a service of a machine behind a number sign: demo-db-01#tcp/5432."""


@dataclass(frozen=True, slots=True)
class Right:
    """An entitlement."""

    name: str
    product: str
    publisher: str
    quantity: int
    contract: str
    start: date
    end: date | None
    cost: float


@dataclass(frozen=True, slots=True)
class Estate:
    """All of it."""

    machines: tuple[Machine, ...]
    groups: tuple[Group, ...]
    services: tuple[BusinessService, ...]
    rights: tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Machines of one purpose."""

    stem: str
    count: int
    subnet: int
    description: str
    owner: str
    cls: str = "Computer"
    listening: tuple[Listening, ...] = ()
    packages: tuple[str, ...] = ()


_SSH = Listening(22, "sshd", "openssh-server")
_KINDS = (
    _Kind("web", 6, 10, "Web server", "Web operations", "VirtualMachine",
          (_SSH, Listening(443, "nginx", "nginx")), ("nginx", "certbot")),
    _Kind("app", 6, 20, "Application server", "Web operations", "VirtualMachine",
          (_SSH, Listening(8080, "java", "openjdk-17-jre-headless")), ("openjdk-17-jre-headless",)),
    _Kind("db", 4, 30, "Database server", "Database operations", "Computer",
          (_SSH, Listening(5432, "postgres", "postgresql-15")), ("postgresql-15",)),
    _Kind("host", 2, 40, "Virtualisation host", "Infrastructure", "Computer",
          (_SSH, Listening(16509, "libvirtd", "libvirt-daemon")), ("libvirt-daemon", "qemu-kvm")),
    _Kind("mail", 2, 50, "Mail server", "Office IT", "Computer",
          (_SSH, Listening(25, "master", "postfix"), Listening(993, "dovecot", "dovecot-imapd")),
          ("postfix", "dovecot-imapd")),
    _Kind("file", 2, 50, "File server", "Office IT", "Computer",
          (_SSH, Listening(445, "smbd", "samba")), ("samba",)),
    _Kind("dir", 2, 50, "Directory server", "Office IT", "Computer",
          (_SSH, Listening(636, "slapd", "slapd")), ("slapd",)),
    _Kind("backup", 1, 50, "Backup server", "Infrastructure", "Computer",
          (_SSH, Listening(9102, "bacula-fd", "bacula-fd")), ("bacula-fd", "bacula-sd")),
    _Kind("laptop", 15, 60, "Laptop", "Office IT"),
)  # fmt: skip
_FIRST_HOST = {"web": 11, "app": 11, "db": 11, "host": 11, "mail": 11, "file": 21, "dir": 31,
               "backup": 41, "laptop": 101}  # fmt: skip

_BASE = (
    ("base-files", "12.4+deb12u11"), ("bash", "5.2.15-2+b7"), ("coreutils", "9.1-1"),
    ("curl", "7.88.1-10+deb12u12"), ("libc6", "2.36-9+deb12u10"), ("libssl3", "3.0.16-1~deb12u1"),
    ("openssh-server", "1:9.2p1-2+deb12u6"), ("python3", "3.11.2-1+b1"),
    ("systemd", "252.38-1~deb12u1"), ("tzdata", "2025b-0+deb12u1"), ("vim", "2:9.0.1378-2"),
    ("zlib1g", "1:1.2.13.dfsg-1"),
)  # fmt: skip
_VERSIONS = {
    "nginx": "1.22.1-9+deb12u2", "certbot": "2.1.0-4", "openjdk-17-jre-headless":
    "17.0.15+6-1~deb12u1", "postgresql-15": "15.13-0+deb12u1", "libvirt-daemon": "9.0.0-4+deb12u2",
    "qemu-kvm": "1:7.2+dfsg-7+deb12u15", "postfix": "3.7.11-0+deb12u1", "dovecot-imapd":
    "1:2.3.19.1+dfsg1-2.1+deb12u1", "samba": "2:4.17.12+dfsg-0+deb12u1", "slapd":
    "2.5.13+dfsg-5", "bacula-fd": "9.6.7-7", "bacula-sd": "9.6.7-7",
}  # fmt: skip
_OFFICE = Program(
    "Microsoft Office LTSC Professional Plus 2021 - en-us",
    "16.0.14332.20771",
    "Microsoft Corporation",
)
_FREE = (
    Program("7-Zip 24.08 (x64)", "24.08", "Igor Pavlov"),
    Program("Mozilla Firefox (x64 en-US)", "142.0", "Mozilla"),
    Program("Slack", "4.43.51", "Slack Technologies Inc."),
    Program("VLC media player", "3.0.21", "VideoLAN"),
)
_VISIO = Program(
    "Microsoft Visio LTSC Professional 2021 - en-us", "16.0.14332.20771", "Microsoft Corporation"
)
_ACROBAT = Program("Adobe Acrobat Pro 2020", "20.005.30636", "Adobe")
_VISIO_ON, _ACROBAT_ON = 8, 6
"""Laptops that have it, from the first."""


def estate(now: datetime, seed: int = 1) -> Estate:
    """The sample estate, as of now."""
    rng = random.Random(seed)  # noqa: S311 - made-up serial numbers, no secrets
    machines = tuple(_machines(rng)) + tuple(_switches(rng))
    return Estate(machines, _GROUPS, _SERVICES, _rights(now.date()))


def _machines(rng: random.Random) -> Iterator[Machine]:
    for kind in _KINDS:
        for number in range(1, kind.count + 1):
            yield _machine(rng, kind, number)


def _machine(rng: random.Random, kind: _Kind, number: int) -> Machine:
    laptop, virtual = kind.stem == "laptop", kind.cls == "VirtualMachine"
    vendor, model = _hardware(kind.stem, virtual=virtual)
    return Machine(
        name=f"demo-{kind.stem}-{number:02d}",
        cls=kind.cls,
        address=_address(kind.stem, number),
        serial=_serial(rng),
        bios_uuid=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        mac=_mac(kind.subnet, _FIRST_HOST[kind.stem] + number),
        vendor=vendor,
        model=model,
        os_name="Microsoft Windows 11 Pro" if laptop else "Debian GNU/Linux",
        os_version="10.0.26100" if laptop else "12 (bookworm)",
        memory_bytes=(16 if laptop or virtual else 128) * _GIB,
        cores=8 if laptop else 4 if virtual else 32,
        description=kind.description,
        owner=kind.owner,
        environment="test" if (kind.stem, number) == ("web", 6) else "production",
        chassis="Notebook" if laptop else "Other" if virtual else "Rack Mount Chassis",
        connected_to=() if virtual else (_switch_of(kind.stem, number),),
        hosted_on=f"demo-host-{2 - number % 2:02d}" if virtual else "",
        listening=kind.listening,
        talks=tuple(_talks(kind.stem, number)),
        package_system="windows-uninstall" if laptop else "deb",
        programs=_laptop_programs(number) if laptop else _packages(kind.packages),
    )


def _hardware(stem: str, *, virtual: bool) -> tuple[str, str]:
    if virtual:
        return "QEMU", "Standard PC (Q35 + ICH9, 2009)"
    return ("LENOVO", "ThinkPad T14 Gen 4") if stem == "laptop" else ("Dell Inc.", "PowerEdge R660")


def _switch_of(stem: str, number: int) -> str:
    """Servers hang on a pair of switches, laptops on one of their floor."""
    if stem == "laptop":
        return f"demo-floor-sw-{1 + number % 2:02d}"
    return "demo access pair"


def _talks(stem: str, number: int) -> Iterator[Talk]:
    tier = "shop" if number <= 3 else "portal"  # noqa: PLR2004 - three of six are the shop's
    if stem == "web" and number <= 5:  # noqa: PLR2004 - the sixth is for tests
        yield Talk("nginx", _TIERS[tier]["app"], 8080, 24)
    elif stem == "app":
        yield Talk("java", _TIERS[tier]["db"], 5432, 16)
        yield Talk("java", _named("dir", 1, 2), 636, 2)
    elif stem == "db" and number % 2 == 0:
        yield Talk("postgres", (f"demo-db-{number - 1:02d}",), 5432, 1)
    elif stem == "laptop":
        yield Talk("OUTLOOK.EXE", _named("mail", 1, 2), 993, 2)
        yield Talk("explorer.exe", _named("file", 1, 2), 445, 1)


def _laptop_programs(number: int) -> tuple[Program, ...]:
    found = [_OFFICE, *_FREE]
    if number <= _VISIO_ON:
        found.append(_VISIO)
    if number <= _ACROBAT_ON:
        found.append(_ACROBAT)
    return tuple(found)


def _packages(names: tuple[str, ...]) -> tuple[Program, ...]:
    own = [(name, _VERSIONS[name]) for name in names]
    return tuple(Program(name, version, "Debian") for name, version in (*_BASE, *own))


def _switches(rng: random.Random) -> Iterator[Machine]:
    for name, host, uplink, description in (
        ("demo-core-sw-01", 1, (), "Core switch"),
        ("demo-core-sw-02", 2, (), "Core switch"),
        ("demo-access-sw-01", 3, ("demo core pair",), "Access switch of the server room"),
        ("demo-access-sw-02", 4, ("demo core pair",), "Access switch of the server room"),
        ("demo-floor-sw-01", 5, ("demo core pair",), "Access switch of the first floor"),
        ("demo-floor-sw-02", 6, ("demo core pair",), "Access switch of the second floor"),
    ):
        yield Machine(
            name, "NetworkDevice", f"10.90.1.{host}", _serial(rng),
            str(uuid.UUID(int=rng.getrandbits(128), version=4)), _mac(1, host), "Cisco",
            "Catalyst 9300-48T", "Cisco IOS XE", "17.9.5", 8 * _GIB, 4, description,
            "Infrastructure", connected_to=uplink, package_system="",
        )  # fmt: skip


def _rights(today: date) -> tuple[Right, ...]:
    year = timedelta(days=365)
    return (
        Right("DEMO-2024-11 Office", "Microsoft Office", "Microsoft", 20, "DEMO-2024-11",
              today - 2 * year, None, 8_400.0),
        Right("DEMO-2025-03 Visio", "Microsoft Visio", "Microsoft", 5, "DEMO-2025-03",
              today - year, today + 2 * year, 1_450.0),
        Right("DEMO-2023-07 Acrobat", "Adobe Acrobat", "Adobe", 10, "DEMO-2023-07",
              today - 2 * year, today - timedelta(days=40), 2_990.0),
    )  # fmt: skip


def _address(stem: str, number: int) -> str:
    subnet = next(kind.subnet for kind in _KINDS if kind.stem == stem)
    return f"10.90.{subnet}.{_FIRST_HOST[stem] + number - 1}"


def address_of(name: str) -> str:
    """The address of a machine, by its name."""
    stem, number = name.removeprefix("demo-").rsplit("-", 1)
    return _address(stem, int(number))


def _named(stem: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"demo-{stem}-{number:02d}" for number in range(first, last + 1))


def _serial(rng: random.Random) -> str:
    return "DEMO" + "".join(rng.choices("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", k=8))


def _mac(subnet: int, host: int) -> str:
    """Of the block of the authority that hands out blocks: no adapter on sale has it."""
    return f"00:00:5e:90:{subnet:02x}:{host:02x}"


_TIERS = {
    "shop": {"app": _named("app", 1, 3), "db": _named("db", 1, 2)},
    "portal": {"app": _named("app", 4, 6), "db": _named("db", 3, 4)},
}
_GROUPS = (
    Group("demo core pair", "The two core switches", "Infrastructure", "1",
          ("demo-core-sw-01", "demo-core-sw-02")),
    Group("demo access pair", "Access switches of the server room", "Infrastructure", "1",
          ("demo-access-sw-01", "demo-access-sw-02")),
    Group("demo shop web tier", "Web servers of the shop", "Web operations", "2",
          _named("web", 1, 3)),
    Group("demo shop app tier", "Application servers of the shop", "Web operations", "50%",
          _named("app", 1, 3)),
    Group("demo shop database", "Databases of the shop", "Database operations", "1",
          _named("db", 1, 2)),
    Group("demo portal web tier", "Web servers of the portal", "Web operations", "1",
          _named("web", 4, 5)),
    Group("demo portal app tier", "Application servers of the portal", "Web operations", "1",
          _named("app", 4, 6)),
    Group("demo portal database", "Databases of the portal", "Database operations", "1",
          _named("db", 3, 4)),
    Group("demo mail pair", "Mail servers", "Office IT", "1", _named("mail", 1, 2)),
    Group("demo file pair", "File servers", "Office IT", "1", _named("file", 1, 2)),
    Group("demo directory pair", "Directory servers", "Office IT", "1",
          _named("dir", 1, 2)),
)  # fmt: skip
_SERVICES = (
    BusinessService("Demo web shop", "Where customers buy", "Sales", "high",
                    ("demo shop web tier", "demo shop app tier", "demo shop database")),
    BusinessService("Demo customer portal", "Where customers see orders", "Customer care", "medium",
                    ("demo portal web tier", "demo portal app tier", "demo portal database")),
    BusinessService("Demo office services", "Mail, files and sign-in", "Office IT", "high",
                    ("demo mail pair", "demo file pair", "demo directory pair",
                     "demo-backup-01#tcp/9102")),
)  # fmt: skip
