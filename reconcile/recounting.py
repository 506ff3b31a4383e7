"""Decisions as people read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cmdb.model.observation import Decision, Json, RecordKey
from cmdb.model.sizes import size
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
    named,
    source_of,
    spoken_of,
    undone,
)
from reconcile.excluded import excluded_from
from reconcile.left_out import LeftOut
from reconcile.set_words import SET, VALUES, told
from reconcile.times import Named

_MOST_NAMED = 3
UNSET = "unset"


def decisions(record: Record, ref: str | None = None) -> tuple[DecisionView, ...]:
    """Every decision, newest first; with `ref` those about records of an asset or their sources.

    Records that are excluded belong to what they were about.

    Raises:
        UnknownAsset: It is not there.
    """
    every = record.ledger.decisions()
    gone = undone(every)
    wanted = None if ref is None else _wanted(record, ref)
    assets, known = _Assets(record), dict(every)
    shown: list[DecisionView] = []
    beside = {(each.records[0], each.at) for each in known.values() if each.act == SET}
    for number, decision in every:
        if _binds(decision) and (decision.records[0], decision.at) in beside:
            # What binds the record of values that were set: the word beside it says more.
            continue
        about = spoken_of(decision, known)
        found = assets.of(named(about)) if about is not None else set[AssetId]()
        if wanted is None or (about is not None and wanted.concerned(about, found)):
            shown.append(_view(number, decision, gone.get(number), about, found))
    return tuple(reversed(shown))


def text_of(decision: Decision) -> str:
    """What a decision does, in words."""
    return _TEXTS[decision.act](decision)


@dataclass(frozen=True)
class _Wanted:
    """Of what decisions are asked for."""

    asset: AssetId | None
    """None: all its records are excluded."""
    records: frozenset[RecordKey]
    excluded: frozenset[RecordKey]
    """Those that would be about it, were they not excluded."""

    def concerned(self, about: Decision, assets: Collection[AssetId]) -> bool:
        """Whether a decision is about it: by a record, or by a whole source."""
        if SOURCE in about.extra:
            source = source_of(about.extra[SOURCE])
            return any(key.source == source for key in self.records | self.excluded)
        return self.asset in assets or not self.excluded.isdisjoint(about.records)


def _wanted(record: Record, ref: str) -> _Wanted:
    holding = decided(record.ledger.decisions())
    try:
        row = record.view.find(ref)
    except UnknownAsset as error:
        _, excluded = LeftOut(record, holding).only(ref, error)
        return _Wanted(None, frozenset(), frozenset(each.row.key for each in excluded))
    owner = row.id if row.parent is None else row.parent
    links = record.ledger.linked(owner)
    rows = record.ledger.records(link.record for link in links).values()
    out = excluded_from(record, owner, links, holding)
    keys = (frozenset(each.key for each in rows), frozenset(each.row.key for each in out))
    return _Wanted(row.id, *keys)


def _view(
    number: int,
    decision: Decision,
    undone_by: int | None,
    about: Decision | None,
    assets: Collection[AssetId],
) -> DecisionView:
    return DecisionView(
        number,
        _act(decision),
        decision.at,
        decision.by,
        decision.note,
        text_of(decision),
        tuple(map(ref_of, decision.records)),
        {name: value for name, value in decision.extra.items() if name != RULES},
        undone_by,
        tuple(map(asset_ref, sorted(assets))),
        about.extra.get(SOURCE, "") if about else "",
    )


class _Assets:
    def __init__(self, record: Record) -> None:
        self._record = record

    def of(self, about: tuple[Named, ...]) -> set[AssetId]:
        """The assets that records are about now, or at the time of which is spoken."""
        ledger = self._record.ledger
        rows = {each.key: row for each in about if (row := ledger.record(each.key)) is not None}
        stretches = ledger.stretches(row.id for row in rows.values())
        found: set[AssetId] = set()
        for each in about:
            links = stretches.get(rows[each.key].id, ()) if each.key in rows else ()
            for place, link in enumerate(links):
                whole = each.time is None and link.until is None
                if whole or (each.time and each.time.meets(link, first=place == 0)):
                    found.add(link.asset)
        return found


def _binds(decision: Decision) -> bool:
    """Whether it binds values that a person set to their asset."""
    return decision.act == "same" and any(key.source == BY_HAND for key in decision.records)


def _act(decision: Decision) -> str:
    """As people call it: it is one act by which values are set and by which they are taken back."""
    if _binds(decision):
        return SET
    if decision.act != SET:
        return decision.act
    values = told(decision.extra[VALUES]).values()
    return UNSET if all(after is None for _, after in values) else SET


def _same(decision: Decision) -> str:
    left, right = _sides(decision)
    if _binds(decision):
        leaders = tuple(each for each in named(decision) if each.key.source != BY_HAND)
        return f"values were set on what {_named(leaders[:1])} is about"
    them = f"{_named(left)} and {_named(right)}" if right else _named(left)
    return f"{them} are about one asset"


def _different(decision: Decision) -> str:
    left, right = _sides(decision)
    return f"{_named(left)} and {_named(right)} are about different assets"


def _sides(decision: Decision) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
    sides, about = int(decision.extra.get(SIDES, "1")), named(decision)
    return about[:sides], about[sides:]


def _excluded(decision: Decision) -> str:
    return f"nothing that {_whose(decision)} says counts"


def _included(decision: Decision) -> str:
    return f"what {_whose(decision)} says counts again"


def _whose(decision: Decision) -> str:
    if SOURCE in decision.extra:
        return f"source {decision.extra[SOURCE]}"
    return _all(decision)


def _all(decision: Decision) -> str:
    return _named(named(decision))


def _named(about: tuple[Named, ...]) -> str:
    told = ", ".join(
        f"{ref_of(each.key)}{f' ({each.time.told()})' if each.time else ''}"
        for each in about[:_MOST_NAMED]
    )
    more = len(about) - _MOST_NAMED
    return f"{told} and {more} more" if more > 0 else told


def _set(decision: Decision) -> str:
    words = []
    for name, (before, after) in told(decision.extra[VALUES]).items():
        was = "" if before is None else f" (before: {_shown(name, before)})"
        to = "is taken back" if after is None else f"is set to {_shown(name, after)}"
        words.append(f"{name} {to}{was}")
    return "; ".join(words)


def _shown(name: str, value: Json) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return size(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_UNTIL_SEEN = "until an agent, a scan or another source that looks at things sees it again"
"""Lists and people only tell of things: see reconcile.lifecycle."""
_TEXTS: Mapping[str, Callable[[Decision], str]] = {
    "same": _same,
    "different": _different,
    "exclude": _excluded,
    "include": _included,
    "retire": lambda d: f"what {_all(d)} is about is retired {_UNTIL_SEEN}",
    "reinstate": lambda d: f"what {_all(d)} is about is not retired",
    SET: _set,
    "distrust": lambda d: f"{d.extra[KEY]} {_plain(d)} identifies nobody",
    "trust": lambda d: f"{d.extra[KEY]} {_plain(d)} identifies, however many carry it",
    "crowded": lambda d: f"a value that more than {d.extra[LIMIT]} records carry identifies nobody",
    "rules": lambda d: f"the rules of {d.extra.get(FILE) or 'a file'} hold",
    "undo": lambda d: f"decision {d.extra[UNDOES]} is taken back",
}


def _plain(decision: Decision) -> str:
    return decision.extra[VALUE].rpartition("\0")[2]
