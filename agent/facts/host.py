"""Names by which a system calls itself, without asking the network."""

from __future__ import annotations

from dataclasses import dataclass

from agent.facts.root import Root, printable


@dataclass(frozen=True)
class HostName:
    """The machine's name without a domain, and with one where it is written down."""

    name: str | None
    fqdn: str | None


def read(root: Root) -> HostName:
    """The running kernel's name; else the configured one."""
    said = root.value("/proc/sys/kernel/hostname") or _first_line(root.text("/etc/hostname"))
    if not said:
        return HostName(None, None)
    name = said.partition(".")[0]
    fqdn = said if "." in said else _from_hosts(root.text("/etc/hosts") or "", name)
    return HostName(name, fqdn)


def _first_line(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines()]
    return printable(next((line for line in lines if line and not line.startswith("#")), ""))


def _from_hosts(text: str, name: str) -> str | None:
    for line in text.splitlines():
        names = line.partition("#")[0].split()[1:]
        if name not in names:
            continue
        for candidate in names:
            if candidate.startswith(name + ".") and "localdomain" not in candidate:
                return printable(candidate)
    return None
