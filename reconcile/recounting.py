"""Decisions as people read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from cmdb.model.observation import Decision, Json
from cmdb.query.identity import DecisionView, asset_ref, ref_of
from cmdb.store.port import AssetId, Record
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
    named,
    spoken_of,
    undone,
)
from reconcile.set_words import SET, VALUES, told
from reconcile.times import Named

_MOST_NAMED = 3


def decisions(record: Record, ref: str | None = None) -> tuple[DecisionView, ...]:
    """Every decision, newest first; with `ref` those about records of an asset.

    Raises:
        UnknownAsset: It is not there.
    """
    every = record.ledger.decisions()
    gone = undone(every)
    wanted = None if ref is None else record.view.find(ref).id
    assets = _Assets(record)
    shown: list[DecisionView] = []
    known = dict(every)
    beside = {(each.records[0], each.at) for each in known.values() if each.act == SET}
    for number, decision in every:
        if _binds(decision) and (decision.records[0], decision.at) in beside:
            # What binds the record of values that were set: the word beside it says more.
            continue
        about = _about(decision, known)
        found = assets.of(about)
        if wanted is None or wanted in found:
            shown.append(_view(number, decision, gone.get(number), found))
    return tuple(reversed(shown))


def text_of(decision: Decision) -> str:
    """What a decision does, in words."""
    return _TEXTS[decision.act](decision)


def _about(decision: Decision, every: Mapping[int, Decision]) -> tuple[Named, ...]:
    about = spoken_of(decision, every)
    return named(about) if about is not None else ()


def _view(
    number: int, decision: Decision, undone_by: int | None, assets: set[AssetId]
) -> DecisionView:
    return DecisionView(
        number,
        SET if _binds(decision) else decision.act,
        decision.at,
        decision.by,
        decision.note,
        text_of(decision),
        tuple(map(ref_of, decision.records)),
        {name: value for name, value in decision.extra.items() if name != RULES},
        undone_by,
        tuple(map(asset_ref, sorted(assets))),
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
        f"{ref_of(each.key)}{f', {each.time.told()},' if each.time else ''}"
        for each in about[:_MOST_NAMED]
    )
    more = len(about) - _MOST_NAMED
    return f"{told} and {more} more" if more > 0 else told


def _set(decision: Decision) -> str:
    words = []
    for name, (before, after) in told(decision.extra[VALUES]).items():
        was = "" if before is None else f" (before: {_shown(before)})"
        to = "is taken back" if after is None else f"is set to {_shown(after)}"
        words.append(f"{name} {to}{was}")
    return "; ".join(words)


def _shown(value: Json) -> str:
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
