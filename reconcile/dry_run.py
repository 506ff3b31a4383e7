"""What statements would change: the pipeline does its work, tells, and all is taken back.

The same code as for real, in a transaction that is never committed. It holds the record's one
write lock meanwhile: callers bound how much they ask for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from cmdb.model.observation import Json, RecordKey, Statement
from cmdb.query.identity import AssetPlan, LinkPlan, Rehearsal, ValueChange, asset_ref, ref_of
from cmdb.store.port import AssetId, AssetRow, Change, Record, RecordId
from reconcile.components import Move
from reconcile.effects import sentences
from reconcile.pipeline import Applied, Pipeline
from reconcile.returning import CAME, was_there

_PAGE = 500
_OWN = frozenset({"attributes", "class", "state"})


def rehearse(record: Record, statements: Iterable[Statement], at: datetime) -> Rehearsal:
    """What would be so if these were said at that time. Nothing of it stays.

    What time alone changes until then is no part of it.
    """
    taken: list[Statement] = []

    def noted() -> Iterator[Statement]:
        for statement in statements:
            taken.append(statement)
            yield statement

    seen = _rehearsed(record, noted(), at)
    if record.view.due(at, 1):
        seen = _rehearsed(record, taken, at, sorted(filter(_there(record), seen.rows)))
    return _Telling(record, seen).rehearsal()


def _rehearsed(
    record: Record, statements: Iterable[Statement], at: datetime, settled: Iterable[AssetId] = ()
) -> _Seen:
    seen = _Seen()

    def told() -> Iterator[Statement]:
        seen.newest = _newest(record)
        yield from statements

    look = functools.partial(_look, record, seen)
    Pipeline(record).rehearse(told(), at, look, settled)
    return seen


def _there(record: Record) -> Callable[[AssetId], bool]:
    """Whether an asset that records speak of is known by its id."""
    return lambda asset: bool(record.ledger.linked(asset))


@dataclass
class _Seen:
    """What was there while the statements were in effect."""

    newest: int = 0
    applied: Applied = field(default_factory=Applied)
    changes: list[Change] = field(default_factory=list)
    rows: dict[AssetId, AssetRow | None] = field(default_factory=dict)
    keys: dict[RecordId, RecordKey] = field(default_factory=dict)


def _newest(record: Record) -> int:
    return next((change.sequence for change in record.view.changes(None, 1, None)), 0)


def _look(record: Record, seen: _Seen, applied: Applied) -> None:
    seen.applied = applied
    before: int | None = None
    while page := record.view.changes(None, _PAGE, before):
        seen.changes += [change for change in page if change.sequence > seen.newest]
        before = page[-1].sequence
        if before <= seen.newest:
            break
    wanted = {change.asset for change in seen.changes}
    for move in applied.moves.values():
        wanted |= {link.asset for link in (*move.before, *move.after)}
    known = record.ledger.records(applied.moves)
    seen.keys = {each: row.key for each, row in known.items()}
    seen.rows = {asset: record.view.asset(asset) for asset in wanted}


class _Telling:
    """Puts what was seen beside what is."""

    def __init__(self, record: Record, seen: _Seen) -> None:
        self._record = record
        self._seen = seen
        self._names: dict[AssetId, str] = {}

    def rehearsal(self) -> Rehearsal:
        """The answer."""
        moves, keys = self._seen.applied.moves, self._seen.keys
        assets = tuple(self._assets())
        links = tuple(self._link(moves[record], keys[record]) for record in sorted(moves))
        summary = tuple(sentences(moves, self._title, self._remains, would=True))
        return Rehearsal(self._seen.applied.statements, summary, assets, links)

    def _ref(self, asset: AssetId) -> str:
        """The id of an asset that is known, or a number among those that are not."""
        if asset not in self._names:
            view = self._record.view
            known = view.asset(asset) is not None or was_there(view, asset)
            fresh = sum(name.startswith("new ") for name in self._names.values()) + 1
            self._names[asset] = asset_ref(asset) if known else f"new {fresh}"
        return self._names[asset]

    def _title(self, asset: AssetId) -> str:
        name = self._name(asset)
        ref = self._ref(asset)
        return ref if not name or name == asset_ref(asset) else f"{ref} ({name})"

    def _name(self, asset: AssetId) -> str:
        """As people know it now, not as it would be called."""
        row = self._record.view.asset(asset)
        if row is None or row.id != asset:
            row = self._seen.rows.get(asset)
        return row.name if row is not None else ""

    def _assets(self) -> Iterator[AssetPlan]:
        for change in sorted(self._seen.changes, key=lambda change: change.sequence):
            detail = cast("Mapping[str, Json]", change.detail or {})
            if change.what == "joined":
                gone = AssetId(int(str(detail["from"]).removeprefix("ci-")))
                row = self._record.view.asset(gone)
                if row is not None:
                    yield AssetPlan(
                        self._ref(gone), row.name, row.cls, "joined", self._ref(change.asset)
                    )
                continue
            row = self._seen.rows.get(change.asset) or self._record.view.asset(change.asset)
            name, cls = self._name(change.asset), row.cls if row else ""
            what = "changed" if change.what in CAME and self._is_there(change) else change.what
            values = self._values(change.asset, detail, row if what in CAME else None)
            own = _OWN if any(each.name == "state" for each in values) else {*_OWN, "why"}
            more = {key: held for key, held in detail.items() if key not in own}
            if what == "changed" and not values and not more:
                continue
            yield AssetPlan(
                self._ref(change.asset), "" if name == asset_ref(change.asset) else name, cls,
                what, "", values, more,
            )  # fmt: skip

    def _is_there(self, change: Change) -> bool:
        row = self._record.view.asset(change.asset)
        return row is not None and row.id == change.asset

    def _values(
        self, asset: AssetId, detail: Mapping[str, Json], new: AssetRow | None
    ) -> tuple[ValueChange, ...]:
        if new is not None:
            return tuple(
                ValueChange(name, None, held) for name, held in sorted(new.attributes.items())
            )
        pairs = cast("Mapping[str, list[Json]]", detail.get("attributes") or {})
        found = [ValueChange(name, before, after) for name, (before, after) in pairs.items()]
        own = [(name, detail.get(name)) for name in ("class", "state")]
        found += [ValueChange(name, *held) for name, held in own if isinstance(held, list)]
        row = self._record.view.asset(asset)
        if row is None or row.id != asset:
            return tuple(found)
        # Beside what is shown now: time, which was settled first, may have led there and back.
        shown = {**row.attributes, "class": row.cls, "state": row.state}
        return tuple(
            replace(each, before=shown.get(each.name))
            for each in found
            if shown.get(each.name) != each.after
        )

    def _link(self, move: Move, key: RecordKey) -> LinkPlan:
        last = move.after[-1] if move.after else None
        return LinkPlan(
            ref_of(key),
            tuple(dict.fromkeys(self._ref(link.asset) for link in move.before)),
            tuple(dict.fromkeys(self._ref(link.asset) for link in move.after)),
            last.rule if last else "",
            last.evidence if last else None,
            last.state if last else "nothing",
        )

    def _remains(self, asset: AssetId) -> bool:
        row = self._seen.rows.get(asset)
        if asset in self._seen.rows:
            return row is not None and row.id == asset
        return True
