"""Who speaks for an asset: which of the stretches that are about it.

A stretch that goes on speaks. One that has ended speaks on, with what was said at its end, until
its source says something newer about the same asset. Knows no store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cmdb.model.observation import Source
from cmdb.store.values import LinkRow, RecordId, RecordRow


def speaking(links: Sequence[LinkRow], rows: Mapping[RecordId, RecordRow]) -> list[LinkRow]:
    """The links whose words count, in a stable order.

    Args:
        links: All that are about one asset.
        rows: Their records.
    """
    current = [link for link in links if link.until is None]
    sources = {rows[link.record].key.source for link in current}
    ended: dict[Source, LinkRow] = {}
    for link in links:
        source = rows[link.record].key.source
        if link.until is None or source in sources:
            continue
        known = ended.get(source)
        if known is None or _end(link, rows) > _end(known, rows):
            ended[source] = link
    return sorted([*current, *ended.values()], key=lambda link: rows[link.record].key)


def _end(link: LinkRow, rows: Mapping[RecordId, RecordRow]) -> tuple[object, ...]:
    return link.last, rows[link.record].key, link.since
