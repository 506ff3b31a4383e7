"""An estate before anything happens to it: sites, and things with their identities.

A thing is hardware or a virtual machine. What it says, and what becomes of it, is elsewhere.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.bench.reconcile.hardware import GIB, KINDS, Draw, Kind, Model, vmware_serial

DAYS = 60
_PER_SITE, _FEWEST_SITES = 400, 6
_LEASES_FROM = 8192
_LEASE_DAYS = 3
_CLOUD = "cloud-vm"


@dataclass
class Site:
    """A scope with its addresses."""

    number: int
    scope: str
    code: str
    net: str
    """First two bytes; private nets come again at other sites."""
    routed: bool
    """Its probe looks through a router: it sees no MAC."""
    quiet_from: int = DAYS
    """From this day on its runs fail, break off or look elsewhere."""
    fixed: int = 10
    leases: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By the MAC, or what stands for it: address and day of the last use."""
    taken: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def fix(self) -> str:
        """An address that nobody else ever gets."""
        self.fixed += 1
        return self._address(self.fixed)

    def lease(self, holder: str, day: int, rng: random.Random) -> str:
        """The address of a holder today: the old one while the lease runs, else any free one."""
        address, used = self.leases.get(holder, ("", -DAYS))
        if day - used > _LEASE_DAYS:
            if address:
                self.taken.discard(address)
            address = self._free(rng)
        self.leases[holder] = (address, day)
        return address

    def expire(self, day: int) -> None:
        """Frees addresses of holders that stay away."""
        for holder in [h for h, (_, used) in self.leases.items() if day - used > _LEASE_DAYS]:
            self.taken.discard(self.leases.pop(holder)[0])

    def _free(self, rng: random.Random) -> str:
        span = max(64, 2 * _PER_SITE, 2 * len(self.leases))
        while True:
            address = self._address(_LEASES_FROM + rng.randrange(span))
            if address not in self.taken:
                self.taken.add(address)
                return address

    def _address(self, place: int) -> str:
        return f"{self.net}.{place >> 8}.{place & 255}"


@dataclass
class Adapter:
    """A network adapter."""

    name: str
    mac: str
    kind: str = "ethernet"
    addresses: tuple[str, ...] = ()
    """Those that never change, beside the one that the machine has today."""
    lends: bool = False
    """A dock: its lease goes with it to whoever has it."""


@dataclass
class Thing:
    """Hardware, a virtual machine or a container, as it is today."""

    number: int
    kind: Kind
    site: Site
    facts: dict[str, Any]
    adapters: list[Adapter]
    agent: str | None = None
    """Native key of its agent."""
    edr: str | None = None
    phase: int = 0
    fixed: str | None = None
    """Its address, where it has one for good."""
    row: str | None = None
    """Native key in the list."""
    listed: dict[str, Any] = field(default_factory=dict)
    """What the list says otherwise."""
    manager: tuple[str, str] | None = None
    """Instance and native key at its hypervisor's manager."""
    managed: dict[str, Any] = field(default_factory=dict)
    """What the manager says otherwise."""
    snmp: bool = False
    scanned: bool = True
    guesses: tuple[str, ...] = ()
    """Classes that scans take it for."""
    begins: int = 0
    ends: int = DAYS
    away: tuple[int, int] = (DAYS, DAYS)
    faults: list[str] = field(default_factory=list)
    twin_ok: bool = False
    states: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    expect: dict[str, Any] = field(default_factory=dict)
    keyed_by_adapter: bool = False
    """Its agent makes its native key from the adapter in use."""
    partial_from: int = DAYS
    """From this day on its agent looks at a few fields only."""
    late: bool = False
    """Its reports arrive late and out of order."""
    clock_behind_days: int = 0
    other_list: dict[str, Any] = field(default_factory=dict)
    """What a second list says of it."""
    second_row: dict[str, Any] = field(default_factory=dict)
    """What a second row of the list says of it."""
    parent: Thing | None = None
    off: bool = False
    """Switched off: known to its manager, without an address."""
    up: int = 0
    """Place of the adapter in use."""
    told: tuple[str, str] | None = None
    """Address and MAC that its agent last told."""

    @property
    def name(self) -> str:
        return f"t-{self.number:06d}"

    def lives(self, day: int) -> bool:
        """Whether it is there at all."""
        return self.begins <= day < self.ends and not self.away[0] <= day < self.away[1]


Action = Callable[[], None]


@dataclass
class Estate:
    """All things, and what will happen to them."""

    draw: Draw
    sites: list[Site]
    things: list[Thing] = field(default_factory=list)
    plan: dict[int, list[Action]] = field(default_factory=lambda: defaultdict(list))
    """By day, before anybody speaks."""
    shared: dict[int, list[tuple[Site, str, str | None, str | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By day: site, address, MAC and name that a scan sees and that are no one thing's."""
    words: dict[int, list[tuple[dict[str, Any], str | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By day: what people say, and of which thing."""

    @property
    def rng(self) -> random.Random:
        return self.draw.rng

    def add(self, kind: Kind, site: Site) -> Thing:
        """A new thing with an identity of its own."""
        thing = _thing(self.draw, len(self.things), kind, site)
        self.things.append(thing)
        return thing


def populate(endpoints: int, rng: random.Random) -> Estate:
    """An ordinary estate."""
    number = max(_FEWEST_SITES, endpoints // _PER_SITE)
    sites = [
        Site(n, f"site-{n:03d}", f"S{n:03d}", _net(n), routed=n % 4 == 1) for n in range(number)
    ]
    for site in sites:
        if site.number % 9 == 5:
            site.quiet_from = DAYS - 12
    estate = Estate(Draw(rng), sites)
    # Nothing but its MAC ties a phone's row to what a scan sees of it.
    local = [site for site in sites if not site.routed]
    for kind in KINDS:
        for _ in range(max(4, round(endpoints * kind.share))):
            estate.add(kind, rng.choice(local if kind.cls == "Phone" else sites))
    return estate


def _net(number: int) -> str:
    return "192.168" if number % 7 == 3 else f"10.{number % 250}"


def _thing(draw: Draw, number: int, kind: Kind, site: Site) -> Thing:
    model = draw.rng.choice(kind.models)
    site.counts[kind.short] += 1
    name = f"{site.code}-{kind.short}-{site.counts[kind.short]:04d}"
    if kind.name in ("server", "vm", "switch", "storage", "printer"):
        name = name.lower()
    facts: dict[str, Any] = {"name": name, "vendor": model.vendor, "model": model.model}
    thing = Thing(number, kind, site, facts, _adapters(draw, kind, model), phase=number % 7)
    thing.scanned = kind.name != _CLOUD
    _identify(draw, thing, model)
    if kind.presence == 1 and kind.name != _CLOUD:
        thing.fixed = site.fix()
    always = site.routed or kind.name == "laptop"
    if kind.every_days and (always or draw.rng.random() < 0.94):
        thing.agent = draw.once("ag########@@")
        thing.edr = f"edr-{draw.uuid()}" if draw.rng.random() < 0.05 else None
    thing.snmp = kind.name in ("printer", "switch", "storage")
    if kind.name not in ("vm", _CLOUD, "mobile") and draw.rng.random() < 0.85:
        thing.row = f"CI{number:07d}"
        thing.listed = {"owner": f"u{number:06d}", "location": f"{site.code}-{number % 9}"}
        thing.facts["asset_tag"] = f"A{number:07d}"
    if kind.name == "server" and thing.agent and site.quiet_from == DAYS:
        thing.states = ("present",)
    return thing


def _adapters(draw: Draw, kind: Kind, model: Model) -> list[Adapter]:
    if kind.name == "laptop":
        wifi = draw.mac(draw.rng.choice(("7c:50:79", "28:16:a8")))
        return [Adapter("Ethernet", draw.mac(model.oui)), Adapter("Wi-Fi", wifi, "wifi")]
    if kind.name == "server":
        return [Adapter(f"NIC{place}", mac) for place, mac in enumerate(draw.macs(model.oui, 4), 1)]
    if kind.name == "switch":
        names = ("Vlan1", "Gi1/0/1", "Gi1/0/2", "Gi1/0/3")
        macs = draw.macs(model.oui, 4)
        return [Adapter(name, mac) for name, mac in zip(names, macs, strict=True)]
    if kind.cls == "VirtualMachine":
        return [Adapter("ens192", draw.mac(model.oui), "virtual")]
    return [Adapter("wlan0" if kind.name == "mobile" else "eth0", draw.mac(model.oui))]


def _identify(draw: Draw, thing: Thing, model: Model) -> None:
    facts, kind = thing.facts, thing.kind
    if kind.every_days:
        facts["bios_uuid"] = draw.uuid()
        facts["memory_bytes"] = draw.rng.choice((8, 16, 32)) * GIB
        facts["os_name"] = "Debian GNU/Linux" if kind.presence == 1 else "Microsoft Windows 11"
        facts["os_version"] = "12.7" if kind.presence == 1 else "10.0.22631"
        if facts["os_version"] == "12.7":
            facts["machine_id"] = draw.digest()
    if kind.name == "vm":
        facts["system_serial"] = vmware_serial(facts["bios_uuid"])
        instance = f"vcenter-{thing.site.scope}"
        thing.manager = (instance, f"vm-{thing.number}")
    elif kind.name == _CLOUD:
        facts["bios_uuid"] = f"ec2{draw.uuid()[3:]}"
        facts["system_serial"] = facts["bios_uuid"]
        facts["instance_id"] = f"i-0{draw.digest()[:16]}"
        thing.manager = (f"aws-{thing.site.scope}", facts["instance_id"])
    else:
        facts["system_serial"] = draw.once(model.serial)
