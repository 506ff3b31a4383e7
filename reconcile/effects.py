"""Which assets join and come apart when records move: told in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from cmdb.model.observation import Decision
from cmdb.query.identity import asset_ref
from cmdb.store.port import AssetId, LinkRow, Record, RecordId
from reconcile.components import Move
from reconcile.concern import concerned

_THEN = ", as they were once,"
_MOST = 2_000
"""Records of which it is told where they went."""


@dataclass(frozen=True)
class Before:
    """What records were about before a decision."""

    links: Mapping[RecordId, tuple[LinkRow, ...]]
    titles: Mapping[AssetId, str]


def before(record: Record, decision: Decision) -> Before:
    """What the records are about that a decision may move."""
    records = sorted(concerned(record.ledger, [decision]))[:_MOST]
    assets = {link.asset for links in record.ledger.stretches(records).values() for link in links}
    every = {link.record for asset in assets for link in record.ledger.linked(asset)}
    links = record.ledger.stretches(sorted({*records, *every})[:_MOST])
    return Before(links, {asset: title(record, asset) for asset in assets})


def since(record: Record, was: Before) -> tuple[str, ...]:
    """What became of them."""
    now = record.ledger.stretches(was.links)
    moves = {each: Move(links, now.get(each, ())) for each, links in was.links.items()}

    def titled(asset: AssetId) -> str:
        return was.titles.get(asset) or title(record, asset)

    def remains(asset: AssetId) -> bool:
        return is_itself(record, asset)

    def left(asset: AssetId) -> str:
        return title(record, asset)

    return tuple(sentences(moves, titled, remains, would=False, left=left))


def title(record: Record, asset: AssetId) -> str:
    """An asset's id and name."""
    row = record.view.asset(asset)
    ref = asset_ref(asset)
    return ref if row is None or row.name in {"", ref} else f"{ref} ({row.name})"


def is_itself(record: Record, asset: AssetId) -> bool:
    """Whether there is an asset of that id, which is no alias."""
    row = record.view.asset(asset)
    return row is not None and row.id == asset


def sentences(
    moves: Mapping[RecordId, Move],
    titled: Callable[[AssetId], str],
    remains: Callable[[AssetId], bool],
    *,
    would: bool,
    left: Callable[[AssetId], str] | None = None,
) -> Iterator[str]:
    """A sentence for each asset whose records go elsewhere, those that go together as one.

    Args:
        moves: What each record was about and is about.
        titled: What an asset is called.
        remains: Whether it is one, and no alias.
        would: Whether nothing happened yet.
        left: What one is called that records left, where that is another name: what comes apart
            may have gone by the name of what leaves.
    """
    flows: dict[tuple[AssetId, AssetId | None], int] = {}
    for move in moves.values():
        was, is_ = _current(move.before), _current(move.after)
        if was is not None and was != is_:
            flows[was, is_] = flows.get((was, is_), 0) + 1
    once = _once(moves, flows)
    every = sorted({*flows, *once}, key=lambda flow: (flow[0], flow[1] or 0))
    for was, is_ in every:
        count = flows.get((was, is_), 0) or once[was, is_]
        then = "" if (was, is_) in flows else ", as it was once," if count == 1 else _THEN
        records = f"{count} record{'s' if count > 1 else ''}{then}"
        if is_ is None:
            be = "would be" if would else "is" if count == 1 else "are"
            yield f"{records} of {titled(was)} {be} about nothing"
        elif remains(was):
            stays = (left or titled)(was)
            yield f"{records} {'would leave' if would else 'left'} {stays} for {titled(is_)}"
        else:
            yield f"{titled(was)} {'would join' if would else 'joined'} {titled(is_)}"
    for asset in sorted({was for was, _ in every}):
        if not remains(asset) and all(to is None for was, to in every if was == asset):
            yield f"{titled(asset)} {'would be' if would else 'is'} gone: nothing is about it"


def _once(
    moves: Mapping[RecordId, Move], flows: Mapping[tuple[AssetId, AssetId | None], int]
) -> dict[tuple[AssetId, AssetId | None], int]:
    """What records were about for a time that is over and are not: from where to where."""
    found: dict[tuple[AssetId, AssetId | None], int] = {}
    for move in moves.values():
        went = {(was.asset, _held_by(move.after, was)) for was in move.before if was.until}
        for flow in went:
            if flow[0] != flow[1] and flow[1] is not None and flow not in flows:
                found[flow] = found.get(flow, 0) + 1
    return found


def _held_by(after: Iterable[LinkRow], was: LinkRow) -> AssetId | None:
    return next((x.asset for x in after if x.since <= was.since and _goes_on(x, was)), None)


def _goes_on(link: LinkRow, was: LinkRow) -> bool:
    return link.until is None or link.until > was.since


def _current(links: Iterable[LinkRow]) -> AssetId | None:
    return next((link.asset for link in links if link.until is None), None)
