"""Table `computer`: a machine's hardware and identity, as firmware and kernel tell it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from agent.facts import cpu, dmi, host, smbios, virtualization
from agent.facts.root import Root

_MEMORY = "/sys/devices/system/memory"

# ELF header, e_machine: the architecture of a system that is not running.
_ELF_MACHINES = {
    3: "i686", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "armv7l", 62: "x86_64",
    183: "aarch64", 243: "riscv64", 258: "loongarch64",
}  # fmt: skip
_PROGRAMS = ("/bin/sh", "/bin/ls", "/usr/bin/env", "/sbin/init")


@dataclass(frozen=True)
class Computer:
    """Fields as in the contract; None: not looked at, empty: looked at and none."""

    name: str | None
    fqdn: str | None
    vendor: str | None
    model: str | None
    system_serial: str | None
    board_serial: str | None
    chassis_serial: str | None
    bios_uuid: str | None
    machine_id: str | None
    asset_tag: str | None
    instance_id: str | None
    bios_version: str | None
    bios_date: str | None
    chassis_type: str | None
    memory_bytes: int | None
    cpu_model: str | None
    cpu_sockets: int | None
    cpu_cores: int | None
    cpu_threads: int | None
    architecture: str | None
    virtualization: str | None


def read(root: Root) -> Computer:
    """Reads firmware, processors, memory and names."""
    firmware = dmi.read(root)
    processors = cpu.read(root)
    called = root.once(host.read)
    return Computer(
        name=called.name,
        fqdn=called.fqdn,
        vendor=firmware.vendor,
        model=firmware.model or processors.board_model,
        system_serial=firmware.system_serial or processors.board_serial,
        board_serial=firmware.board_serial,
        chassis_serial=firmware.chassis_serial,
        bios_uuid=firmware.bios_uuid,
        machine_id=_machine_id(root),
        asset_tag=firmware.asset_tag,
        instance_id=_instance_id(root, firmware),
        bios_version=firmware.bios_version,
        bios_date=firmware.bios_date,
        chassis_type=firmware.chassis_type,
        memory_bytes=_memory_bytes(root),
        cpu_model=processors.model,
        cpu_sockets=processors.sockets,
        cpu_cores=processors.cores,
        cpu_threads=processors.threads,
        architecture=_architecture(root),
        virtualization=virtualization.read(root, firmware, processors),
    )


def _machine_id(root: Root) -> str | None:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        said = root.value(path)
        if said and re.fullmatch(r"[0-9a-f]{32}", said):
            return said
    return None


def _instance_id(root: Root, firmware: dmi.Firmware) -> str | None:
    # Amazon writes the id into the board's asset tag; cloud-init keeps it for all clouds.
    if (firmware.board_asset_tag or "").startswith("i-"):
        return firmware.board_asset_tag
    said = root.value("/var/lib/cloud/data/instance-id", quiet=True)
    return said if said and said not in ("nocloud", "iid-datasource-none") else None


def _memory_bytes(root: Root) -> int | None:
    """Installed modules; else what the kernel has online; else what it left to programs."""
    modules = root.once(smbios.memory_bytes)
    return modules or _online_memory_bytes(root) or _usable_memory_bytes(root)


def _online_memory_bytes(root: Root) -> int | None:
    # Hexadecimal without a prefix.
    size = root.value(f"{_MEMORY}/block_size_bytes")
    if not size or not re.fullmatch(r"[0-9a-f]{1,16}", size):
        return None
    blocks = [n for n in root.names(_MEMORY) if re.fullmatch(r"memory\d+", n)]
    online = sum(1 for name in blocks if root.value(f"{_MEMORY}/{name}/online") == "1")
    return online * int(size, 16) or None


def _usable_memory_bytes(root: Root) -> int | None:
    found = re.search(r"^MemTotal:\s+(\d{1,15}) kB", root.text("/proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _architecture(root: Root) -> str | None:
    said = root.value("/proc/sys/kernel/arch")
    if said:
        return said
    if root.is_live:
        return os.uname().machine
    for path in _PROGRAMS:
        header = (root.data(path, 20 << 20) or b"")[:20]
        if header[:4] == b"\x7fELF":
            is_big_endian = header[5:6] == b"\x02"
            number = int.from_bytes(header[18:20], "big" if is_big_endian else "little")
            return _ELF_MACHINES.get(number)
    return None
