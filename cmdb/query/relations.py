"""Relations of an asset, read from its end; of one that the whole estate uses as many as fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from cmdb.model.classes import RELATION_BY_NAME
from cmdb.query.models import RelationList, RelationView
from cmdb.store.port import AssetId, AssetRow, Headline, Record, Related, RelationRow, View

SHOWN_MOST = 50
"""Relations of each kind that the page of an asset shows."""
LIMIT_MOST = 500
_ALL = 2**62
_USERS_ARE = "depends_on"


def relations_of(
    view: View, row: AssetRow, parts: Sequence[AssetRow], most: int | None
) -> tuple[tuple[RelationView, ...], Mapping[str, int]]:
    """Its relations by verb and name, at most so many of each verb; and how many there are of each.

    Where machines that use its sockets were left out, the number is the least that it can be.
    """
    related = view.related(row.id, _ALL if most is None else most)
    found = _views(view, row.id, {part.id: part.name for part in parts}, related.rows)
    totals = Counter(each.verb for each in found)
    if related.more:
        totals[_verb(_USERS_ARE, outward=False)] += related.more
    groups = (list(each) for _, each in groupby(found, key=lambda each: each.verb))
    shown = (each for group in groups for each in group[:most])
    return tuple(shown), dict(totals)


def relations(record: Record, ref: str, after: str | None = None, limit: int = 100) -> RelationList:
    """Relations of an asset; those of machines that use its sockets page by page.

    `limit` counts such machines: all other relations come with the first page.

    Raises:
        UnknownAsset: none answers to that, or several do.
    """
    row = record.view.find(ref)
    names = {part.id: part.name for part in record.view.parts(row.id)}
    start = AssetId(int(after)) if after and after.isdecimal() else None
    related = record.view.related(row.id, max(1, min(limit, LIMIT_MOST)), start)
    shown = tuple(_views(record.view, row.id, names, related.rows))
    return RelationList(shown, related.more, _cursor(related))


def _cursor(related: Related) -> str | None:
    return None if related.following is None else str(related.following)


def _views(
    view: View, asset: AssetId, parts: Mapping[AssetId, str], rows: Iterable[RelationRow]
) -> list[RelationView]:
    told = [_ended(asset, parts, row) for row in rows]
    lines = view.headlines(other for _, _, other in told)
    hosts = view.headlines(line.parent for line in lines.values() if line.parent is not None)
    found = _shown(told, lines, hosts, {asset: ""} | dict(parts))
    return sorted(found, key=lambda each: (each.verb, each.other_name, each.other, each.via))


def _ended(
    asset: AssetId, parts: Mapping[AssetId, str], row: RelationRow
) -> tuple[RelationRow, AssetId, AssetId]:
    """The relation, its end at the asset or a part of it, and the other."""
    outward = row.source == asset or (row.target != asset and row.source in parts)
    ends = (row.source, row.target)
    return row, *(ends if outward else ends[::-1])


def _shown(
    told: Iterable[tuple[RelationRow, AssetId, AssetId]],
    lines: Mapping[AssetId, Headline],
    hosts: Mapping[AssetId, Headline],
    vias: Mapping[AssetId, str],
) -> Iterator[RelationView]:
    for row, here, there in told:
        other = lines.get(there)
        if other is None:
            continue
        host = None if other.parent is None else hosts.get(other.parent)
        outward = row.source == here
        yield RelationView(
            row.type,
            _verb(row.type, outward=outward),
            outward,
            f"ci-{other.id}",
            f"{other.name} on {host.name}" if host and host.id != here else other.name,
            other.cls,
            other.state,
            row.observed_at,
            row.detail,
            vias.get(here, ""),
        )


@lru_cache(256)
def _verb(type_: str, *, outward: bool) -> str:
    declared = RELATION_BY_NAME.get(type_)
    inverse = declared.inverse if declared else f"{type_} of"
    return (type_ if outward else inverse).replace("_", " ")
