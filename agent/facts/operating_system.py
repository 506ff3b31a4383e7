"""Table `operating_system`: the system that runs on the machine."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.facts.root import Root, printable

_ZONES = "/zoneinfo/"


@dataclass(frozen=True)
class OperatingSystem:
    """Fields as in the contract."""

    os_name: str | None
    os_version: str | None
    kernel_version: str | None
    booted_at: datetime | None
    installed_at: datetime | None
    timezone: str | None


def read(root: Root) -> OperatingSystem:
    """Reads os-release, the kernel's release, and clocks."""
    release = parse_os_release(
        root.text("/etc/os-release") or root.text("/usr/lib/os-release") or ""
    )
    return OperatingSystem(
        os_name=release.get("NAME"),
        os_version=_version(root, release),
        kernel_version=_kernel(root),
        booted_at=_booted_at(root),
        installed_at=_installed_at(root),
        timezone=_timezone(root),
    )


def parse_os_release(text: str) -> dict[str, str]:
    """Assignments of os-release(5); lines that are none are passed over."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            continue
        try:
            words = shlex.split(value)
        except ValueError:  # A quote that is never closed.
            words = [value.strip("'\"")]
        values[name] = printable(" ".join(words))
    return values


def _version(root: Root, release: dict[str, str]) -> str | None:
    version = release.get("VERSION") or release.get("VERSION_ID") or release.get("BUILD_ID")
    # CentOS 7 writes its minor release only into a file of its own.
    if release.get("ID") != "centos":
        return version
    found = re.search(r"\d+(\.\d+)+", root.value("/etc/centos-release") or "")
    exact = found[0] if found else ""
    major, _, rest = (version or "").partition(" ")
    if exact and version and re.match(re.escape(major) + r"\.", exact):
        return f"{exact} {rest}".strip()
    return version


def _kernel(root: Root) -> str | None:
    said = root.value("/proc/sys/kernel/osrelease")
    return said or (os.uname().release if root.is_live else None)


def _booted_at(root: Root) -> datetime | None:
    """To the minute: a small step of the clock moves the kernel's own figure."""
    found = re.search(r"^btime (\d{1,11})$", root.text("/proc/stat", 16 << 20) or "", re.MULTILINE)
    if found is None:
        return None
    try:
        seconds = datetime.fromtimestamp(int(found[1]), UTC)
    except (ValueError, OverflowError):
        return None
    return (seconds + timedelta(seconds=30)).replace(second=0)


def _installed_at(root: Root) -> datetime | None:
    # Written by installers once, and by nothing later.
    for path in ("/var/log/installer/syslog", "/var/log/installer", "/root/anaconda-ks.cfg"):
        if root.exists(path) and (when := root.modified_at(path)):
            return when.replace(microsecond=0)
    return None


def _timezone(root: Root) -> str | None:
    target = root.link("/etc/localtime") or ""
    if _ZONES in target:
        return target.partition(_ZONES)[2]
    return root.value("/etc/timezone") or None
