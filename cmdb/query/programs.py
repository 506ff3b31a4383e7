"""Which machines have a program, and in which versions: "P older than V".

Versions are compared in the order of their package system, by the keys of the releases. Programs
of one name from several package systems or publishers are one question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cmdb.query.assets import LIMIT_MOST, asset_name
from cmdb.store.errors import StoreError
from cmdb.store.port import AssetId, HoldersPage, Title, View
from cmdb.store.versions import sort_key

_ALIKE_SHOWN = 5


class UnknownProgram(StoreError):
    """No program of that name was ever seen; the message names some that are alike."""


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Which versions are asked for; without bounds all."""

    older_than: str | None = None
    newer_than: str | None = None
    version: str | None = None
    """This one, or what its package system takes for the same."""

    def holds(self, package_system: str, version: str) -> bool:
        """Whether a version lies in it."""
        key = _key(package_system, version)
        if self.older_than is not None and key >= _key(package_system, self.older_than):
            return False
        if self.newer_than is not None and key <= _key(package_system, self.newer_than):
            return False
        return self.version is None or key == _key(package_system, self.version)


@dataclass(frozen=True, slots=True)
class VersionCount:
    """One version, and how many machines have it."""

    package_system: str
    publisher: str
    version: str
    machines: int


@dataclass(frozen=True, slots=True)
class ProgramHolder:
    """A machine that has the program, with the versions that were asked for."""

    asset: str
    name: str
    cls: str
    state: str
    scope: str
    versions: tuple[str, ...]
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class ProgramHolders:
    """Machines that have a program, a page of them, and how many have which version."""

    name: str
    versions: tuple[VersionCount, ...]
    """By package system and publisher, newest first."""
    machines: tuple[ProgramHolder, ...]
    total: int
    cursor: str | None
    """Hand it in as `after` for the next page; None at the end."""
    as_of: datetime | None = None
    """The record's clock, against which ages count."""


def program_holders(
    view: View, name: str, wanted: VersionRange, after: str | None = None, limit: int = 50
) -> ProgramHolders:
    """Machines with a program of that name, without regard to case, in order of asset id.

    Raises:
        UnknownProgram: none of that name was ever seen.
    """
    titles = view.titles_named(name.strip())
    if not titles:
        raise UnknownProgram(_unknown(view, name))
    releases = {
        release.id: _Version(title, release.version)
        for title in titles
        for release in view.releases_of(title.id)
        if wanted.holds(title.package_system, release.version)
    }
    # Releases of one version for several architectures are one version.
    versions = sorted(set(releases.values()), key=lambda version: version.order)
    groups = {version: place for place, version in enumerate(versions)}
    page = view.holders_page(
        {number: groups[version] for number, version in releases.items()},
        AssetId(int(after)) if after and after.isdecimal() else None,
        max(1, min(limit, LIMIT_MOST)),
    )
    return ProgramHolders(
        name=titles[0].name,
        versions=_counted(versions, page.counts),
        machines=tuple(_machines(view, page, versions)),
        total=page.total,
        cursor=str(page.rows[-1][0]) if page.more else None,
    )


class _Version(NamedTuple):
    """A version of one title."""

    title: Title
    version: str

    @property
    def order(self) -> tuple[str, str, bytes, str]:
        """Sorts by package system and publisher, then from old to new."""
        system = self.title.package_system
        return system, self.title.publisher, _key(system, self.version), self.version


@lru_cache(maxsize=16_384)
def _key(package_system: str, version: str) -> bytes:
    return sort_key(package_system, version)


def _unknown(view: View, name: str) -> str:
    folded = name.strip().casefold()
    names = {title.name for title in view.titles()} if folded else set()
    alike = sorted(each for each in names if folded in each.casefold())
    shown = f"; there are {', '.join(alike[:_ALIKE_SHOWN])}" if alike else ""
    more = f" and {len(alike) - _ALIKE_SHOWN} more" if len(alike) > _ALIKE_SHOWN else ""
    return f"no program is called {name!r}{shown}{more}"


def _counted(versions: Sequence[_Version], counts: Mapping[int, int]) -> tuple[VersionCount, ...]:
    """By package system and publisher, newest first."""
    newest_first = sorted(counts, reverse=True)
    found = [(versions[place], counts[place]) for place in newest_first]
    return tuple(
        VersionCount(version.title.package_system, version.title.publisher, version.version, count)
        for version, count in sorted(found, key=lambda row: row[0].order[:2])
    )


def _machines(
    view: View, page: HoldersPage, versions: Sequence[_Version]
) -> Iterator[ProgramHolder]:
    lines = view.headlines(asset for asset, _ in page.rows)
    for asset, held in page.rows:
        row = lines.get(asset)
        if row is not None:
            yield ProgramHolder(
                asset_name(row.id), row.name, row.cls, row.state, row.scope,
                tuple(dict.fromkeys(versions[place].version for place in held)), row.last_seen,
            )  # fmt: skip
