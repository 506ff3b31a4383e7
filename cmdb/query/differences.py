"""What is different about an asset between two moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.query.assets import asset_name, asset_page
from cmdb.query.models import AssetPage
from cmdb.query.past import Reading
from cmdb.store.port import Installed, UnknownAsset


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
    notes: tuple[str, ...] = ()
    """What of the two moments is not whole."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset as it was at a moment; neither when it was not known."""

    page: AssetPage | None = None
    programs: tuple[Installed, ...] = ()


def compared(
    ref: str, first: AbstractContextManager[Reading], second: AbstractContextManager[Reading]
) -> AssetDifferences:
    """One asset at two moments, the second of which is asked for its id.

    Raises:
        UnknownAsset: It was known at neither.
    """
    # By id: its name may be what differs.
    meant, name = ref, ref
    shown: list[Shown] = []
    clocks: list[datetime] = []
    notes: list[str] = []
    missing: list[UnknownAsset] = []
    for opening in (second, first):
        with opening as then:
            clocks.append(then.clock)
            notes += then.note.notes if then.note else ()
            try:
                page = asset_page(then.record, meant, then.claims, then.clock, None)
            except UnknownAsset as error:
                missing.append(error)
                shown.append(Shown())
                continue
            row = then.record.view.find(meant)
            if meant == ref:
                meant, name = asset_name(row.id), row.name
            shown.append(Shown(page, tuple(then.record.view.installed(row.id))))
    if len(missing) == len(shown):
        raise missing[0]
    told = differences(shown[1], shown[0])
    return AssetDifferences(
        meant, name, clocks[1], clocks[0], told, tuple(dict.fromkeys(notes[::-1]))
    )


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
