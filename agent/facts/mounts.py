"""What is mounted where, by device."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.facts.root import Root, printable

_TABLES = ("/proc/self/mountinfo", "/proc/1/mountinfo")
_OLD_TABLES = ("/proc/mounts", "/etc/mtab")
_LIMIT_BYTES = 8 << 20
_MOST_POINTS = 100


@dataclass(frozen=True)
class Mounted:
    """One device's file system and where it is seen."""

    filesystem: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class _Mount:
    device: str  # "8:1", or "/dev/sda1" where the system does not give numbers
    source: str
    subtree: str
    point: str
    filesystem: str


def read(root: Root) -> Mapping[str, Mounted]:
    """By "major:minor" and by "/dev/..." of the source: a device is found under either."""
    mounts = _mounts(root)
    found: dict[str, list[_Mount]] = {}
    for mount in mounts:
        for device in {mount.device, mount.source}:
            found.setdefault(device, []).append(mount)
    swaps = {source: Mounted("swap", ("[SWAP]",)) for source in _swaps(root)}
    return {device: _mounted(those) for device, those in found.items()} | swaps


def _mounts(root: Root) -> list[_Mount]:
    for path in _TABLES:
        if text := root.text(path, _LIMIT_BYTES, quiet=True):
            return [mount for line in text.splitlines() if (mount := _from_mountinfo(line))]
    for path in _OLD_TABLES:
        if text := root.text(path, _LIMIT_BYTES):
            return [mount for line in text.splitlines() if (mount := _from_mounts(line))]
    return []


def _from_mountinfo(line: str) -> _Mount | None:
    before, dash, after = line.partition(" - ")
    fields, about = before.split(" "), after.split(" ")
    if not dash or len(fields) < 6 or len(about) < 2:  # noqa: PLR2004 - proc(5)
        return None
    return _Mount(fields[2], _plain(about[1]), fields[3], _plain(fields[4]), about[0])


def _from_mounts(line: str) -> _Mount | None:
    fields = line.split(" ")
    if len(fields) < 3:  # noqa: PLR2004 - fstab(5)
        return None
    source = _plain(fields[0])
    return _Mount(source, source, "/", _plain(fields[1]), fields[2])


def _mounted(mounts: list[_Mount]) -> Mounted:
    # A bind mount shows a part of a file system once more; containers make and drop many.
    whole = {m.point for m in mounts if m.subtree == "/" or m.filesystem == "btrfs"}
    points = sorted(whole) or [min(mounts, key=lambda m: (len(m.point), m.point)).point]
    return Mounted(mounts[0].filesystem, tuple(printable(p) for p in points[:_MOST_POINTS]))


def _swaps(root: Root) -> list[str]:
    lines = (root.text("/proc/swaps") or "").splitlines()[1:]
    return [_plain(words[0]) for line in lines if (words := line.split())]


def _plain(text: str) -> str:
    """Blanks and the like are written as octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
