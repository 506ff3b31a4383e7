"""Table `programs`: Debian packages, straight from the dpkg database.

What counts as installed is what has its files on the machine: dpkg-query's states `i`
(installed), `W` and `t` (waiting for triggers), `F` and `U` (being set up).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from agent.errors import NotCollected
from agent.facts.root import Root, printable

DPKG = "/var/lib/dpkg"
_STATUS = f"{DPKG}/status"
_STATUS_BYTES = 64 << 20
_FIELDS = frozenset({"package", "status", "architecture", "version", "maintainer", "multi-arch"})
_PRESENT = frozenset(
    {"installed", "triggers-awaited", "triggers-pending", "half-configured", "unpacked"}
)


@dataclass(frozen=True)
class Program:
    """One installed program."""

    name: str
    version: str
    architecture: str
    publisher: str
    installed_on: date | None


@dataclass(frozen=True)
class Programs:
    """All programs of one package system, by name, architecture and version."""

    package_system: str
    programs: tuple[Program, ...]


def read(root: Root) -> Programs | None:
    """Installed packages; None where the system has no dpkg.

    Raises:
        NotCollected: the database is there and may not be read.
    """
    if root.is_denied(_STATUS):
        raise NotCollected(f"permission denied reading {_STATUS}; run as root")
    if not root.exists(_STATUS) and not root.exists(f"{_STATUS}.d"):
        return None
    packages = root.once(_paragraphs)
    programs = {_program(root, package) for package in packages.values() if _is_present(package)}
    return Programs(
        "deb", tuple(sorted(programs, key=lambda p: (p.name, p.architecture, p.version)))
    )


def _paragraphs(root: Root) -> dict[tuple[str, str], dict[str, str]]:
    """Packages by name and architecture; later words of dpkg replace earlier ones."""
    known: dict[tuple[str, str], dict[str, str]] = {}
    for text in _texts(root):
        for fields in parse_status(text):
            if fields.get("package") and fields.get("version"):
                known[fields["package"], fields.get("architecture", "")] = fields
    return known


def _texts(root: Root) -> Iterator[str]:
    yield root.text(_STATUS, _STATUS_BYTES) or ""
    # Images without a shell keep one file for each package, and no states.
    for name in root.names(f"{_STATUS}.d"):
        if not name.endswith(".md5sums"):
            yield root.text(f"{_STATUS}.d/{name}") or ""
    # What dpkg is doing now, or was when it was stopped; dpkg reads it over the status file.
    for name in root.names(f"{DPKG}/updates"):
        if name.isdigit():
            yield root.text(f"{DPKG}/updates/{name}") or ""


def parse_status(text: str) -> Iterator[dict[str, str]]:
    """Paragraphs of deb822 with the fields that matter here, names in lower case."""
    for paragraph in text.split("\n\n"):
        fields = {}
        for line in paragraph.split("\n"):
            if line[:1] in (" ", "\t", ""):
                continue
            name, _, value = line.partition(":")
            if (lowered := name.lower()) in _FIELDS:
                fields[lowered] = value.strip()
        if fields:
            yield fields


def _is_present(fields: dict[str, str]) -> bool:
    # "want flag state", such as "install ok installed" or "hold ok installed".
    return "status" not in fields or fields["status"].split(" ")[-1] in _PRESENT


def _program(root: Root, fields: dict[str, str]) -> Program:
    return Program(
        name=printable(fields["package"]),
        version=printable(fields["version"]),
        architecture=printable(fields.get("architecture", "")),
        publisher=_publisher(fields.get("maintainer", "")),
        installed_on=_installed_on(root, fields["package"], fields.get("architecture", "")),
    )


def _publisher(maintainer: str) -> str:
    """The maintainer's name without the mail address."""
    return printable(maintainer.partition("<")[0]).strip('" ')


def _installed_on(root: Root, package: str, architecture: str) -> date | None:
    for name in (package, f"{package}:{architecture}"):
        if "/" not in name and (when := root.modified_at(f"{DPKG}/info/{name}.list")):
            return when.date()
    return None
