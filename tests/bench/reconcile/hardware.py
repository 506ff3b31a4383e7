"""Makers, models, serial numbers, MACs: what machines of each kind say about themselves.

Drawn, not recorded. Knows nothing of faults, sources or time.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

_ALNUM = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_DIGITS = "0123456789"
GIB = 1 << 30


@dataclass(frozen=True)
class Model:
    """A model of a maker; in `serial` a # is a digit and a @ a digit or letter."""

    vendor: str
    model: str
    serial: str
    oui: str


@dataclass(frozen=True)
class Kind:
    """A kind of thing and its share of the estate."""

    name: str
    share: float
    cls: str
    short: str
    """In the names of machines."""
    models: tuple[Model, ...]
    presence: float
    """Chance to be on the network on a working day; 1 for what is always on."""
    every_days: int
    """Between full reports of its agent; 0 where none has an agent."""


_HP = Model("HP", "HP EliteBook 840 G8 Notebook PC", "5CG####@@@", "84:a9:3e")
_LENOVO = Model("LENOVO", "20XW005PGE", "PF@@@@@@", "f8:75:a4")
_DELL = Model("Dell Inc.", "Latitude 5420", "@@@@@@@", "a4:bb:6d")
_SURFACE = Model("Microsoft Corporation", "Surface Pro 8", "0########353", "58:82:a8")
KINDS = (
    Kind("laptop", 0.45, "Computer", "LT", (_HP, _LENOVO, _DELL, _SURFACE), 0.7, 3),
    Kind("desktop", 0.18, "Computer", "PC", (
        Model("HP", "HP ProDesk 400 G7 Small Form Factor PC", "MXL####@@@", "c8:d9:d2"),
        Model("Dell Inc.", "OptiPlex 7080", "@@@@@@@", "b0:7b:25"),
        Model("LENOVO", "11DT003VGE", "MJ@@@@@@", "98:fa:9b"),
    ), 0.93, 3),
    Kind("server", 0.07, "Computer", "srv", (
        Model("HPE", "ProLiant DL380 Gen10", "CZJ####@@@", "94:40:c9"),
        Model("Dell Inc.", "PowerEdge R750", "@@@@@@@", "b0:26:28"),
        Model("Supermicro", "SYS-1029P-WTR", "S########@@@@", "ac:1f:6b"),
    ), 1, 2),
    Kind("vm", 0.11, "VirtualMachine", "vm", (
        Model("VMware, Inc.", "VMware7,1", "VMware", "00:50:56"),
    ), 1, 3),
    Kind("cloud-vm", 0.04, "VirtualMachine", "aws", (
        Model("Amazon EC2", "c6i.xlarge", "ec2", "0a:58:a9"),
    ), 1, 3),
    Kind("printer", 0.05, "Printer", "prn", (
        Model("KYOCERA", "ECOSYS M3655idn", "R4J#######", "00:c0:ee"),
        Model("HP", "HP LaserJet M507", "PHB@@#####", "3c:2a:f4"),
        Model("Zebra Technologies", "ZT411", "52J########", "00:07:4d"),
    ), 1, 0),
    Kind("phone", 0.03, "Phone", "SEP", (
        Model("Cisco", "CP-8845", "FCH####@@@@", "64:16:7f"),
    ), 1, 0),
    Kind("mobile", 0.02, "Phone", "MOB", (
        Model("Apple", "iPhone13,2", "F17@@@@@@@@@", "5c:49:7d"),
        Model("samsung", "SM-G991B", "R5C@@@@@@@@", "8c:f5:a3"),
    ), 0.6, 0),
    Kind("switch", 0.04, "NetworkDevice", "sw", (
        Model("Cisco", "C9300-48P", "FOC####@@@@", "28:8a:1c"),
        Model("Juniper", "EX3400-48P", "NY#########", "44:aa:50"),
    ), 1, 0),
    Kind("storage", 0.01, "Storage", "sto", (
        Model("Synology", "DS1821+", "77##PDN######", "90:09:d0"),
    ), 1, 0),
)  # fmt: skip
KIND = {kind.name: kind for kind in KINDS}


class Draw:
    """Random identities, none of which comes twice."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._used: set[str] = set()

    def once(self, pattern: str) -> str:
        """A text of the pattern that was never drawn before."""
        while True:
            text = "".join(self._letter(sign) for sign in pattern)
            if text not in self._used:
                self._used.add(text)
                return text

    def mac(self, oui: str) -> str:
        """An address of a maker."""
        while True:
            text = f"{oui}:{self.rng.randrange(1 << 24):06x}"
            if text not in self._used:
                self._used.add(text)
                return f"{oui}:{text[-6:-4]}:{text[-4:-2]}:{text[-2:]}"

    def macs(self, oui: str, number: int) -> list[str]:
        """Addresses in a row, as on one board."""
        first = self.mac(oui)
        found = [first]
        while len(found) < number:
            value = (int(found[-1].replace(":", "")[6:], 16) + 1) % (1 << 24)
            self._used.add(f"{oui}:{value:06x}")
            digits = f"{value:06x}"
            found.append(f"{oui}:{digits[:2]}:{digits[2:4]}:{digits[4:]}")
        return found

    def uuid(self) -> str:
        """A random UUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def digest(self) -> str:
        """Thirty-two hexadecimal digits."""
        return f"{self.rng.getrandbits(128):032x}"

    def _letter(self, sign: str) -> str:
        if sign == "#":
            return self.rng.choice(_DIGITS)
        return self.rng.choice(_ALNUM) if sign == "@" else sign


def other_order(text: str) -> str:
    """A UUID with its first three fields in the other byte order."""
    return str(uuid.UUID(bytes=uuid.UUID(text).bytes_le))


def vmware_serial(text: str) -> str:
    """The serial number that VMware derives from a UUID."""
    digits = uuid.UUID(text).hex
    pairs = [digits[place : place + 2] for place in range(0, 32, 2)]
    return f"VMware-{' '.join(pairs[:8])}-{' '.join(pairs[8:])}"
