"""Decisions as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cmdb.model.observation import Decision, RecordKey
from cmdb.query.identity import DecisionView, asset_ref, ref_of
from cmdb.store.port import AssetId, Record, UnknownAsset
from reconcile.decisions import (
    BY_HAND,
    FILE,
    KEY,
    LIMIT,
    RULES,
    SIDES,
    SOURCE,
    UNDOES,
    VALUE,
    decided,
    source_of,
    spoken_of,
    undone,
)
from reconcile.excluded import excluded_from
from reconcile.left_out import LeftOut

_MOST_NAMED = 3


def decisions(record: Record, ref: str | None = None) -> tuple[DecisionView, ...]:
    """Every decision, newest first; with `ref` those about records of an asset or their sources.

    Records that are excluded belong to what they were about.

    Raises:
        UnknownAsset: It is not there.
    """
    every = record.ledger.decisions()
    gone = undone(every)
    wanted = None if ref is None else _records_of(record, ref)
    assets, known = _Assets(record), dict(every)
    shown: list[DecisionView] = []
    for number, decision in every:
        about = spoken_of(decision, known)
        if wanted is None or (about is not None and _concerns(about, wanted)):
            shown.append(_view(number, decision, gone.get(number), about, assets))
    return tuple(reversed(shown))


def text_of(decision: Decision) -> str:
    """What a decision does, in words."""
    return _TEXTS[decision.act](decision)


def _records_of(record: Record, ref: str) -> frozenset[RecordKey]:
    """Records about an asset, with those that would be, were they not excluded."""
    holding = decided(record.ledger.decisions())
    try:
        row = record.view.find(ref)
    except UnknownAsset as error:
        _, excluded = LeftOut(record, holding).only(ref, error)
        return frozenset(each.row.key for each in excluded)
    owner = row.id if row.parent is None else row.parent
    links = record.ledger.linked(owner)
    rows = record.ledger.records(link.record for link in links).values()
    out = excluded_from(record, owner, links, holding)
    return frozenset(each.key for each in (*rows, *(each.row for each in out)))


def _concerns(about: Decision, records: frozenset[RecordKey]) -> bool:
    if SOURCE in about.extra:
        source = source_of(about.extra[SOURCE])
        return any(key.source == source for key in records)
    return not records.isdisjoint(about.records)


def _view(
    number: int,
    decision: Decision,
    undone_by: int | None,
    about: Decision | None,
    assets: _Assets,
) -> DecisionView:
    return DecisionView(
        number,
        "set" if _sets(decision) else decision.act,
        decision.at,
        decision.by,
        decision.note,
        text_of(decision),
        tuple(map(ref_of, decision.records)),
        {name: value for name, value in decision.extra.items() if name != RULES},
        undone_by,
        tuple(map(asset_ref, sorted(assets.of(about.records if about else ())))),
        about.extra.get(SOURCE, "") if about else "",
    )


class _Assets:
    def __init__(self, record: Record) -> None:
        self._record = record

    def of(self, keys: tuple[RecordKey, ...]) -> set[AssetId]:
        """The assets that records are about now."""
        rows = (self._record.ledger.record(key) for key in keys)
        links = self._record.ledger.links(row.id for row in rows if row is not None)
        return {link.asset for link in links.values()}


def _sets(decision: Decision) -> bool:
    """Whether it binds values that a person set to their asset."""
    return decision.act == "same" and any(key.source == BY_HAND for key in decision.records)


def _same(decision: Decision) -> str:
    left, right = _sides(decision)
    if _sets(decision):
        leader = next((key for key in decision.records if key.source != BY_HAND), None)
        return f"values were set on what {_named((leader,) if leader else ())} is about"
    return f"{_named(left)} and {_named(right)} are about one asset"


def _different(decision: Decision) -> str:
    left, right = _sides(decision)
    return f"{_named(left)} and {_named(right)} are about different assets"


def _sides(decision: Decision) -> tuple[tuple[RecordKey, ...], tuple[RecordKey, ...]]:
    sides = int(decision.extra.get(SIDES, "1"))
    return decision.records[:sides], decision.records[sides:]


def _excluded(decision: Decision) -> str:
    return f"nothing that {_whose(decision)} says counts"


def _included(decision: Decision) -> str:
    return f"what {_whose(decision)} says counts again"


def _whose(decision: Decision) -> str:
    if SOURCE in decision.extra:
        return f"source {decision.extra[SOURCE]}"
    return _named(decision.records)


def _named(keys: tuple[RecordKey, ...]) -> str:
    named = ", ".join(str(ref_of(key)) for key in keys[:_MOST_NAMED])
    more = len(keys) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


_TEXTS: Mapping[str, Callable[[Decision], str]] = {
    "same": _same,
    "different": _different,
    "exclude": _excluded,
    "include": _included,
    "retire": lambda d: f"what {_named(d.records)} is about is retired until it is seen again",
    "reinstate": lambda d: f"what {_named(d.records)} is about is not retired",
    "distrust": lambda d: f"{d.extra[KEY]} {_plain(d)} identifies nobody",
    "trust": lambda d: f"{d.extra[KEY]} {_plain(d)} identifies, however many carry it",
    "crowded": lambda d: f"a value that more than {d.extra[LIMIT]} records carry identifies nobody",
    "rules": lambda d: f"the rules of {d.extra.get(FILE) or 'a file'} hold",
    "undo": lambda d: f"decision {d.extra[UNDOES]} is taken back",
}


def _plain(decision: Decision) -> str:
    return decision.extra[VALUE].rpartition("\0")[2]
