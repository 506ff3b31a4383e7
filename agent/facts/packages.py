"""Which package brought a file, by the dpkg database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.facts import programs
from agent.facts.programs import DPKG
from agent.facts.root import Root

_LIST_BYTES = 32 << 20
# Folders that were one once and are links to /usr now: dpkg knows files under either name.
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True)
class Package:
    """The package that a file is of."""

    name: str
    version: str | None


@dataclass(frozen=True)
class _Diversion:
    original: str
    diverted: str
    by: str  # a package, or ":" for the administrator


def owners(root: Root, paths: Iterable[str]) -> Mapping[str, Package]:
    """The package of each path; paths that no package brought are not in it."""
    diversions = root.once(_diversions)
    wanted = {path: _sought(path, diversions) for path in paths if path.startswith("/")}
    needles = {name.encode("utf-8", "surrogateescape") for name, _, _ in wanted.values()}
    every = needles | {alias for needle in needles for alias in _aliases(needle)}
    holders = _holders(root, every) if every else {}
    found = {}
    for path, (name, only, never) in wanted.items():
        needle = name.encode("utf-8", "surrogateescape")
        packages = [p for n in (needle, *_aliases(needle)) for p in holders.get(n, ())]
        fitting = [p for p in packages if (not only or p.name == only) and p.name != never]
        if fitting:
            found[path] = fitting[0]
    return found


def _sought(path: str, diversions: tuple[_Diversion, ...]) -> tuple[str, str, str]:
    """The name a package lists the file under, the only package that can, the one that cannot."""
    here = _unmerged(path)
    for diversion in diversions:
        if here == _unmerged(diversion.diverted):
            return diversion.original, "", diversion.by
        if here == _unmerged(diversion.original):
            return path, diversion.by, ""
    return path, "", ""


def _unmerged(path: str) -> str:
    """One name for both names of a file in a merged folder."""
    inside = path.removeprefix("/usr")
    return inside if inside.startswith(tuple(f"/{folder}/" for folder in _MERGED)) else path


def _aliases(path: bytes) -> tuple[bytes, ...]:
    for folder in _MERGED:
        name = folder.encode()
        if path.startswith(b"/usr/" + name + b"/"):
            return (path[len(b"/usr") :],)
        if path.startswith(b"/" + name + b"/"):
            return (b"/usr" + path,)
    return ()


def _holders(root: Root, needles: set[bytes]) -> dict[bytes, tuple[Package, ...]]:
    """Packages that list one of the files, each file's in the order of their names."""
    versions = _versions(root)
    found: dict[bytes, list[Package]] = {}
    for name in root.names(f"{DPKG}/info"):
        if not name.endswith(".list"):
            continue
        content = b"\n" + (root.data(f"{DPKG}/info/{name}", _LIST_BYTES) or b"") + b"\n"
        package, _, architecture = name.removesuffix(".list").partition(":")
        for needle in needles:
            if b"\n" + needle + b"\n" in content:
                version = versions.get((package, architecture)) or versions.get((package, ""))
                found.setdefault(needle, []).append(Package(package, version))
    return {needle: tuple(those) for needle, those in found.items()}


def _versions(root: Root) -> dict[tuple[str, str], str]:
    installed = root.once(programs.read)
    versions: dict[tuple[str, str], str] = {}
    for program in installed.programs if installed else ():
        versions[program.name, program.architecture] = program.version
        versions.setdefault((program.name, ""), program.version)
    return versions


def _diversions(root: Root) -> tuple[_Diversion, ...]:
    lines = (root.text(f"{DPKG}/diversions", _LIST_BYTES) or "").splitlines()
    triples = zip(lines[0::3], lines[1::3], lines[2::3], strict=False)
    return tuple(_Diversion(*triple) for triple in triples)
