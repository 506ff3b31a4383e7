"""What is different about an asset between two moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.query.models import AssetPage
from cmdb.store.port import Installed


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same."""

    part: str
    """asset, attribute, program, relation or source."""
    name: str
    before: Json
    """None: it was not there."""
    after: Json


@dataclass(frozen=True, slots=True)
class AssetDifferences:
    """All that differs, by part and name."""

    asset: str
    name: str
    first: datetime
    second: datetime
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset as it was at a moment; neither when it was not known."""

    page: AssetPage | None = None
    programs: tuple[Installed, ...] = ()


def differences(before: Shown, after: Shown) -> tuple[Difference, ...]:
    """What differs between two moments."""
    old, new = _told(before), _told(after)
    return tuple(
        Difference(part, name, old.get((part, name)), new.get((part, name)))
        for part, name in sorted({*old, *new})
        if old.get((part, name)) != new.get((part, name))
    )


def _told(shown: Shown) -> Mapping[tuple[str, str], Json]:
    page = shown.page
    if page is None:
        return {}
    found: dict[tuple[str, str], Json] = {
        ("asset", "class"): page.asset.cls,
        ("asset", "state"): page.asset.state,
        ("asset", "scope"): page.asset.scope,
    }
    found.update({("attribute", row.name): row.value for row in page.attributes})
    found.update(_versions(shown.programs))
    for relation in page.relations:
        via = f" ({relation.via})" if relation.via else ""
        found["relation", f"{relation.verb} {relation.other_name}{via}"] = True
    for record in page.records:
        key = f"{record.source_kind}/{record.source_instance}/{record.scope}/{record.native_key}"
        found["source", key] = True
    return found


def _versions(programs: Iterable[Installed]) -> dict[tuple[str, str], Json]:
    versions: dict[tuple[str, str], list[str]] = {}
    for program in programs:
        versions.setdefault(("program", program.name), []).append(program.version)
    return {place: ", ".join(sorted(set(held))) or "?" for place, held in versions.items()}
