"""Processors: how many sockets, cores and threads, and what model.

Counts come from the kernel's topology where it is shown, as lscpu counts; else from
/proc/cpuinfo, whose form differs by architecture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.facts.root import Root, printable, whole

_CPUS = "/sys/devices/system/cpu"
_CPUINFO_BYTES = 16 << 20

# The key that names the model: x86, new ARM; Alpha, MIPS; PowerPC; IA-64; old ARM.
_MODEL_KEYS = ("model name", "cpu model", "cpu", "family", "processor")

# ARM: implementer and part, where the kernel gives no name. From lscpu-arm.c of util-linux.
_ARM_PARTS = {
    ("0x41", "0xd03"): "Cortex-A53", ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55", ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72", ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0a"): "Cortex-A75", ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1", ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd41"): "Cortex-A78", ("0x41", "0xd44"): "Cortex-X1",
    ("0x41", "0xd49"): "Neoverse-N2", ("0x41", "0xd4f"): "Neoverse-V2",
    ("0x41", "0xc07"): "Cortex-A7", ("0x41", "0xc09"): "Cortex-A9",
    ("0x41", "0xc0f"): "Cortex-A15", ("0xc0", "0xac3"): "Ampere-1",
    ("0x48", "0xd01"): "TaiShan-v110",
}  # fmt: skip


@dataclass(frozen=True)
class Processors:
    """What computes; None where it cannot be told."""

    model: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    # Kept for those who ask /proc/cpuinfo about more than the processor.
    is_guest: bool = False
    board_model: str | None = None
    board_serial: str | None = None


@dataclass(frozen=True)
class _Counts:
    sockets: int | None
    cores: int | None
    threads: int | None


def read(root: Root) -> Processors:
    """Reads /proc/cpuinfo and the kernel's topology."""
    blocks = parse_cpuinfo(root.text("/proc/cpuinfo", _CPUINFO_BYTES) or "")
    counts = _by_topology(root) or _by_cpuinfo(blocks)
    everything: dict[str, str] = {}
    for block in blocks:
        everything |= {key: value for key, value in block.items() if key not in everything}
    return Processors(
        model=_model(everything),
        sockets=counts.sockets,
        cores=counts.cores,
        threads=counts.threads,
        is_guest="hypervisor" in everything.get("flags", "").split(),
        board_model=everything.get("hardware") or everything.get("machine"),
        board_serial=everything.get("serial") or everything.get("system serial number"),
    )


def parse_cpuinfo(text: str) -> tuple[dict[str, str], ...]:
    """Blocks of /proc/cpuinfo, keys in lower case; blank lines part them."""
    blocks = []
    for paragraph in re.split(r"\n\s*\n", text):
        block: dict[str, str] = {}
        for line in paragraph.splitlines():
            key, colon, value = line.partition(":")
            if colon:
                block.setdefault(key.strip().lower(), " ".join(printable(value).split()))
        if block:
            blocks.append(block)
    return tuple(blocks)


def _model(block: dict[str, str]) -> str | None:
    for key in _MODEL_KEYS:
        value = block.get(key)
        # "processor : 0" is a number on most systems and the model on old ARM.
        if value and not value.isdigit():
            return value
    return _ARM_PARTS.get((block.get("cpu implementer", ""), block.get("cpu part", "")))


def _by_topology(root: Root) -> _Counts | None:
    packages, cores, threads = set(), set(), 0
    for name in root.names(_CPUS):
        if not re.fullmatch(r"cpu\d+", name):
            continue
        topology = f"{_CPUS}/{name}/topology"
        siblings = _first(root, f"{topology}/core_cpus_list", f"{topology}/thread_siblings_list")
        package = _first(root, f"{topology}/package_cpus_list", f"{topology}/core_siblings_list")
        if siblings is None or package is None:
            continue  # A processor that is switched off shows no topology.
        threads += 1
        cores.add(siblings)
        packages.add(package)
    return _Counts(len(packages), len(cores), threads) if threads else None


def _first(root: Root, *paths: str) -> str | None:
    return next((value for path in paths if (value := root.value(path))), None)


def _by_cpuinfo(blocks: tuple[dict[str, str], ...]) -> _Counts:
    active = next((n for b in blocks if (n := whole(b.get("cpus active", "")))), None)
    if active is not None:  # Alpha: one block for all.
        return _Counts(active, active, active)
    processors = [b for b in blocks if b.get("processor", "").isdigit()]
    if not processors:
        single = any("processor" in b for b in blocks)
        return _Counts(1, 1, 1) if single else _Counts(None, None, None)
    count = len(processors)
    if all("physical id" in b for b in processors):
        sockets = {b["physical id"] for b in processors}
        cores = {(b["physical id"], b.get("core id", "")) for b in processors}
        return _Counts(len(sockets), len(cores), count)
    # Kernels leave the ids out where a socket holds one thread; ARM has no sockets to tell.
    is_arm = any("cpu implementer" in b for b in blocks)
    return _Counts(1 if is_arm else count, count, count)
