"""Lists of assets, and one asset with all that is known about it.

Which claim won is the reconciler's to say: a function is handed in, since it stands above.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import Json, SectionKind
from cmdb.query.components import each_once
from cmdb.query.models import (
    AssetLine,
    AssetList,
    AssetPage,
    AttributeView,
    ChangeView,
    History,
    ProgramList,
    ProgramView,
    RecordView,
    SectionView,
    Standing,
)
from cmdb.query.relations import SHOWN_MOST, relations_of
from cmdb.store.last_words import sections_in
from cmdb.store.port import (
    AssetId,
    AssetRow,
    Change,
    Headline,
    LinkRow,
    Record,
    RecordId,
    RecordRow,
    Search,
    UnknownAsset,
    View,
)
from cmdb.store.speaking import speaking

Claims = Callable[[AssetId], Sequence[AttributeView]]
"""The attributes of an asset, with the claim that won each."""

Standings = Callable[[AssetId], Standing | None]
"""Why an asset is not present."""

LIMIT_MOST = 500
_LISTED = (
    SectionKind.INTERFACES,
    SectionKind.DISKS,
    SectionKind.COMPONENTS,
    SectionKind.USERS,
    SectionKind.CONNECTIONS,
    SectionKind.LICENCE_EVIDENCE,
)
_ROWS_MOST = 1000
_HISTORY_HEAD = 20
_PRESENT = "present"


def asset_name(asset: AssetId) -> str:
    """The id as people see it: ci-12."""
    return f"ci-{asset}"


def list_assets(view: View, search: Search) -> AssetList:
    """One page of assets; a limit beyond 500 is 500."""
    page = view.search(replace(search, limit=max(1, min(search.limit, LIMIT_MOST))))
    return AssetList(tuple(map(_line, page.rows)), page.total, page.cursor)


def asset_page(
    record: Record,
    ref: str,
    claims: Claims,
    at: datetime,
    relations_most: int | None = SHOWN_MOST,
    standing: Standings = lambda _: None,
) -> AssetPage:
    """One asset, by id (ci-12), name or fully qualified name; `at` is the record's clock.

    Of relations at most so many of each verb are told, and how many there are; None: all.

    Raises:
        UnknownAsset: none answers to that, or several do.
    """
    row = record.view.find(ref)
    parts = record.view.parts(row.id)
    links = record.ledger.linked(row.id)
    rows = record.ledger.records(link.record for link in links)
    relations, totals = relations_of(record.view, row, parts, relations_most)
    changes = record.view.changes(row.id, _HISTORY_HEAD + 1, None)
    return AssetPage(
        asset=_line(row),
        aliases=tuple(map(asset_name, row.aliases)),
        revision=row.revision,
        as_of=at,
        attributes=_declared_order(row.cls, claims(row.id) or _told_inside(row)),
        records=_records(links, rows),
        relations=relations,
        relation_totals=totals,
        parts=tuple(map(_line, parts)),
        sections=_sections(record, links, rows),
        programs_total=record.view.installed_count(row.id),
        history=_shown(changes, {row.id: row}, _HISTORY_HEAD),
        standing=None if row.state == _PRESENT else standing(row.id),
    )


def programs(
    record: Record, ref: str, text: str = "", after: str | None = None, limit: int = 100
) -> ProgramList:
    """Programs of an asset whose name or publisher holds every word of the text, by name.

    Raises:
        UnknownAsset: none answers to that, or several do.
    """
    row = record.view.find(ref)
    words = text.casefold().split()
    found = [
        program
        for program in record.view.installed(row.id)
        if all(word in f"{program.name} {program.publisher}".casefold() for word in words)
    ]
    start = int(after) if after and after.isdecimal() else 0
    end = start + max(1, min(limit, LIMIT_MOST))
    shown = tuple(
        ProgramView(held.name, held.version, held.architecture, held.publisher, held.package_system)
        for held in found[start:end]
    )
    return ProgramList(shown, len(found), str(end) if end < len(found) else None)


def history(record: Record, ref: str | None, before: int | None = None, limit: int = 50) -> History:
    """The change feed of an asset, or of the estate for None, newest first.

    Raises:
        UnknownAsset: none answers to that, or several do.
    """
    asset = None if ref is None else record.view.find(ref).id
    return _history(record.view, asset, before, max(1, min(limit, LIMIT_MOST)))


def _declared_order(cls: str, held: Sequence[AttributeView]) -> tuple[AttributeView, ...]:
    declared = CLASS_BY_NAME.get(cls)
    order = [each.name for each in declared.all_attributes()] if declared else []
    place = {name: number for number, name in enumerate(order)}
    return tuple(sorted(held, key=lambda each: (place.get(each.name, len(order)), each.name)))


def _told_inside(row: AssetRow) -> Sequence[AttributeView]:
    """Attributes of a part: those of whom its machine is known, at the same time."""
    declared = CLASS_BY_NAME.get(row.cls)
    units = {each.name: each.unit for each in declared.all_attributes()} if declared else {}
    kind = next(iter(row.source_kinds), "")
    return [
        AttributeView(name, held, units.get(name), kind, "", row.last_seen, stale=False, losers=0)
        for name, held in row.attributes.items()
    ]


def _line(row: AssetRow) -> AssetLine:
    return AssetLine(
        asset=asset_name(row.id),
        cls=row.cls,
        name=row.name,
        state=row.state,
        scope=row.scope,
        parent=None if row.parent is None else asset_name(row.parent),
        attributes=row.attributes,
        source_kinds=row.source_kinds,
        demo=row.demo,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
    )


def _records(
    links: Sequence[LinkRow], rows: Mapping[RecordId, RecordRow]
) -> tuple[RecordView, ...]:
    return tuple(
        RecordView(
            source_kind=row.key.source.kind,
            source_instance=row.key.source.instance,
            scope=row.key.scope,
            native_key=row.key.native_key,
            first_at=row.first_at,
            seen_at=row.seen_at,
            rule=link.rule,
            evidence=link.evidence,
            linked_since=link.since,
        )
        for link in links
        if (row := rows.get(link.record)) is not None
    )


def _sections(
    record: Record, links: Sequence[LinkRow], rows: Mapping[RecordId, RecordRow]
) -> tuple[SectionView, ...]:
    found = []
    for link in speaking(links, rows):
        held = sections_in(record.ledger, rows[link.record], link, _LISTED)
        source = rows[link.record].key.source
        for kind in _LISTED:
            if (section := held.get(kind)) is None:
                continue
            listed = tuple(islice(_objects(json.loads(section.body)), _ROWS_MOST))
            name = kind.name.lower()
            found.append(
                SectionView(name, source.kind, source.instance, section.observed_at, listed)
            )
    order = [kind.name.lower() for kind in _LISTED]
    return each_once(sorted(found, key=lambda section: order.index(section.kind)))


def _objects(body: Json) -> Iterable[Mapping[str, Json]]:
    return (row for row in body if isinstance(row, dict)) if isinstance(body, list) else ()


def _history(view: View, asset: AssetId | None, before: int | None, limit: int) -> History:
    changes = view.changes(asset, limit + 1, before)
    return _shown(changes, view.headlines(change.asset for change in changes), limit)


def _shown(
    changes: Sequence[Change], lines: Mapping[AssetId, Headline | AssetRow], limit: int
) -> History:
    shown = tuple(_change(change, lines.get(change.asset)) for change in changes[:limit])
    more = len(changes) > limit
    return History(shown, shown[-1].sequence if more else None)


def _change(change: Change, line: Headline | AssetRow | None) -> ChangeView:
    return ChangeView(
        change.sequence,
        change.at,
        asset_name(change.asset),
        line.name if line else "",
        line.cls if line else "",
        change.what,
        change.detail,
    )


__all__ = [
    "AttributeView",
    "Claims",
    "UnknownAsset",
    "asset_name",
    "asset_page",
    "history",
    "list_assets",
    "programs",
]
