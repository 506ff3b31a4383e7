"""Table `disks`: block devices, whole and in parts, as lsblk shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.facts import mounts
from agent.facts.mounts import Mounted
from agent.facts.root import Root, printable

_BLOCK = "/sys/block"
_SECTOR_BYTES = 512  # The kernel's unit here, whatever the disk's own.
_RAM_DISK_MAJOR = "1"
_MOST_DEVICES = 10_000

# Kinds of the device mapper, by the first word of the device's UUID.
_MAPPED = (("CRYPT-", "crypt"), ("LVM-", "lvm"), ("mpath-", "mpath"), ("part", "part"))


@dataclass(frozen=True)
class Disk:
    """One block device; fields as in the contract."""

    name: str
    kind: str
    parent: str | None
    size_bytes: int | None
    vendor: str | None
    model: str | None
    serial: str | None
    rotational: bool | None
    filesystem: str | None
    mount_points: tuple[str, ...]


@dataclass(frozen=True)
class Disks:
    """All block devices, by name."""

    disks: tuple[Disk, ...]


@dataclass(frozen=True)
class _Device:
    name: str
    folder: str
    disk: str | None  # the whole disk's name, for a partition
    number: str  # "major:minor"
    udev: Mapping[str, str]


def read(root: Root) -> Disks | None:
    """All devices but RAM disks and loops without a file; None where none can be seen."""
    if not root.exists(_BLOCK):
        return None
    mounted = mounts.read(root)
    disks = (_disk(root, device, mounted) for device in _devices(root) if _is_shown(root, device))
    return Disks(tuple(sorted(disks, key=lambda disk: disk.name)))


def _devices(root: Root) -> Iterator[_Device]:
    for name in root.names(_BLOCK)[:_MOST_DEVICES]:
        folder = f"{_BLOCK}/{name}"
        yield _device(root, name, folder, None)
        for part in root.names(folder):
            if part.startswith(name) and root.exists(f"{folder}/{part}/partition"):
                yield _device(root, part, f"{folder}/{part}", name)


def _device(root: Root, name: str, folder: str, disk: str | None) -> _Device:
    number = root.value(f"{folder}/dev") or ""
    # "cciss!c0d0" is /dev/cciss/c0d0.
    return _Device(name.replace("!", "/"), folder, disk, number, _udev(root, number))


def _udev(root: Root, number: str) -> Mapping[str, str]:
    """Properties that the device daemon found: lines "E:NAME=VALUE"."""
    if not re.fullmatch(r"\d+:\d+", number):
        return {}
    lines = (root.text(f"/run/udev/data/b{number}") or "").splitlines()
    pairs = (line[2:].partition("=") for line in lines if line.startswith("E:"))
    return {name: printable(value) for name, _, value in pairs}


def _is_shown(root: Root, device: _Device) -> bool:
    if device.number.partition(":")[0] == _RAM_DISK_MAJOR:
        return False
    is_loop = device.disk is None and re.fullmatch(r"loop\d+", device.name)
    has_file = root.exists(f"{device.folder}/loop/backing_file") or _size_bytes(root, device)
    return bool(not is_loop or has_file)


def _size_bytes(root: Root, device: _Device) -> int | None:
    sectors = root.number(f"{device.folder}/size")
    return None if sectors is None else sectors * _SECTOR_BYTES


def _disk(root: Root, device: _Device, mounted: Mapping[str, Mounted]) -> Disk:
    mapped = root.value(f"{device.folder}/dm/name")
    names = (device.number, f"/dev/{device.name}", f"/dev/mapper/{mapped}")
    here = next((mounted[name] for name in names if name in mounted), None)
    is_whole = device.disk is None
    rotational = root.number(f"{device.folder}/queue/rotational") if is_whole else None
    return Disk(
        name=device.name,
        kind=_kind(root, device),
        parent=_parent(root, device),
        size_bytes=_size_bytes(root, device),
        vendor=_vendor(root, device) if is_whole else None,
        model=_model(root, device) if is_whole else None,
        serial=_serial(root, device) if is_whole else None,
        rotational=None if rotational is None else bool(rotational),
        filesystem=here.filesystem if here else device.udev.get("ID_FS_TYPE"),
        mount_points=here.points if here else (),
    )


def _kind(root: Root, device: _Device) -> str:
    if device.disk is not None:
        return "part"
    uuid = root.value(f"{device.folder}/dm/uuid")
    if uuid is not None:
        return next((kind for word, kind in _MAPPED if uuid.startswith(word)), "dm")
    if root.exists(f"{device.folder}/md"):
        return "raid"
    if device.name.startswith("loop"):
        return "loop"
    # SCSI device type 5: CD and DVD drives.
    return "rom" if root.value(f"{device.folder}/device/type") == "5" else "disk"


def _parent(root: Root, device: _Device) -> str | None:
    # What lies on several devices (a mirror) names the first; each of them is in the table.
    beneath = root.names(f"{device.folder}/slaves")
    return device.disk or (beneath[0] if beneath else None)


def _vendor(root: Root, device: _Device) -> str | None:
    said = root.value(f"{device.folder}/device/vendor")
    # Virtual disks show the number of a PCI vendor there, which is nobody's name.
    return None if said and said.startswith("0x") else said


def _model(root: Root, device: _Device) -> str | None:
    for name in ("model", "name"):
        if said := root.value(f"{device.folder}/device/{name}"):
            return said
    return device.udev.get("ID_MODEL")


def _serial(root: Root, device: _Device) -> str | None:
    if known := device.udev.get("ID_SERIAL_SHORT"):
        return known
    for name in ("serial", "device/serial"):
        if said := root.value(f"{device.folder}/{name}"):
            return said
    # SCSI vital product data, page 0x80: four bytes of header, then the text.
    page = root.data(f"{device.folder}/device/vpd_pg80", 4096)
    return printable(page[4:].decode("ascii", "replace")) or None if page else None
