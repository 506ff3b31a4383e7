"""The raw SMBIOS table: memory modules and power supplies, one by one.

Only root may read it. Table `components`. Format: DMTF DSP0134.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import NotCollected
from agent.facts.root import Root, printable

_PATH = "/sys/firmware/dmi/tables/DMI"
_LIMIT_BYTES = 1 << 20
_MEMORY_DEVICE, _POWER_SUPPLY, _END = 17, 39, 127


@dataclass(frozen=True)
class Component:
    """One part; fields as in the contract."""

    kind: str
    slot: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Components:
    """All parts, by kind and slot."""

    components: tuple[Component, ...]


@dataclass(frozen=True)
class Structure:
    """One structure of the table: its formatted area and its strings."""

    kind: int
    area: bytes
    strings: tuple[str, ...]

    def number(self, offset: int, size: int) -> int | None:
        """A little-endian number; None where this version of the structure is shorter."""
        part = self.area[offset : offset + size]
        return int.from_bytes(part, "little") if len(part) == size else None

    def string(self, offset: int) -> str | None:
        """The string whose number stands at `offset`; None for none."""
        index = self.number(offset, 1) or 0
        return self.strings[index - 1] if 0 < index <= len(self.strings) else None


def read(root: Root) -> Components | None:
    """Memory modules and power supplies; None where the machine has no such table.

    Raises:
        NotCollected: the table is there and may not be read.
    """
    if root.is_denied(_PATH):
        raise NotCollected(f"permission denied reading {_PATH}; run as root")
    table = root.data(_PATH, _LIMIT_BYTES)
    if not table:
        return None
    parts = [part for structure in structures(table) if (part := _component(structure))]
    return Components(tuple(sorted(parts, key=lambda p: (p.kind, p.slot or "", p.serial or ""))))


def memory_bytes(root: Root) -> int | None:
    """Sum of the installed modules; None where firmware may not be asked."""
    table = root.data(_PATH, _LIMIT_BYTES, quiet=True)
    if not table:
        return None
    sizes = [_memory_size_bytes(s) for s in structures(table) if s.kind == _MEMORY_DEVICE]
    return sum(size or 0 for size in sizes) or None


def structures(table: bytes) -> Iterator[Structure]:
    """Structures until the end mark or the first that makes no sense."""
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0 or kind == _END:  # noqa: PLR2004 - the header's own length
            return
        strings = table[at + length : end].split(b"\0") if end > at + length else []
        texts = tuple(printable(s.decode("utf-8", "replace")) for s in strings)
        yield Structure(kind, table[at : at + length], texts)
        at = end + 2


def _component(structure: Structure) -> Component | None:
    if structure.kind == _MEMORY_DEVICE:
        size_bytes = _memory_size_bytes(structure)
        if not size_bytes:
            return None  # An empty slot.
        return Component(
            kind="memory",
            slot=structure.string(0x10),
            vendor=structure.string(0x17),
            model=structure.string(0x1A),
            serial=structure.string(0x18),
            size_bytes=size_bytes,
        )
    if structure.kind == _POWER_SUPPLY:
        return Component(
            kind="psu",
            slot=structure.string(0x05),
            vendor=structure.string(0x07),
            model=structure.string(0x0A),
            serial=structure.string(0x08),
        )
    return None


def _memory_size_bytes(structure: Structure) -> int | None:
    size = structure.number(0x0C, 2)
    if not size or size == 0xFFFF:  # noqa: PLR2004 - "unknown"
        return None
    if size == 0x7FFF:  # noqa: PLR2004 - "see the extended size", in MiB
        return ((structure.number(0x1C, 4) or 0) & 0x7FFFFFFF) << 20
    return (size & 0x7FFF) << (10 if size & 0x8000 else 20)
