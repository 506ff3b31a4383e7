"""What differs between a record and a copy of it in which other rules were put in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.query.identity import RecordRef, asset_ref, ref_of
from cmdb.store.port import AssetId, AssetRow, LinkRow, Record, RecordId
from reconcile.components import Move
from reconcile.decisions import decided
from reconcile.explain import accounts_of, explain_attribute
from reconcile.explained import AttributeExplained
from reconcile.rules.model import Rules
from reconcile.things import Things

JOINED, SPLIT, NEW, GONE, TWIN, SURE = "joined", "split", "new", "gone", "twin", "no twin"
TIMES = "times"
"""The same records are about it, each at other times."""
CLASS, STATE, VALUES = "class", "state", "values"


@dataclass(frozen=True)
class ValueDifference:
    """A value that would be another."""

    attribute: str
    before: Json
    after: Json
    source_before: str
    """Who says the value that is shown now, as kind/instance."""
    source_after: str
    why: str
    """Why the new value wins, or none does."""
    rule: str
    """Where the rule comes from that decides then."""


@dataclass(frozen=True)
class RecordDifference:
    """A record that would be about something else."""

    record: RecordRef
    before: tuple[str, ...]
    """Assets that it is about now, by stretches of time ..."""
    after: tuple[str, ...]
    """... and would be about."""
    rule: str
    evidence: Json


@dataclass(frozen=True)
class AssetDifference:
    """An asset that would be otherwise."""

    asset: str
    """Its id; of one that is not there yet "new" and a number."""
    name: str
    cls: str
    what: tuple[str, ...]
    """joined, split, times, new, gone, twin, no twin, class, state, values."""
    into: str = ""
    """The asset to which the id would lead."""
    cls_before: str = ""
    state_before: str = ""
    state_after: str = ""
    state_why: str = ""
    values: tuple[ValueDifference, ...] = ()
    records: tuple[RecordDifference, ...] = ()


@dataclass(frozen=True)
class AttributeTotal:
    """Assets of a class of which an attribute would differ."""

    cls: str
    attribute: str
    assets: int


@dataclass(frozen=True)
class Totals:
    """The end: how much would differ."""

    assets: int
    """Assets that would differ in anything."""
    looked_at: int
    """Assets whose identity and values were compared."""
    for_states: int
    """More assets, of which the states were compared."""
    left_out: int
    """Assets of which nothing was heard for so long that they were not looked at."""
    by_kind: Mapping[str, int] = field(default_factory=dict)
    """joined, split ...: number of assets."""
    by_attribute: tuple[AttributeTotal, ...] = ()


@dataclass(frozen=True)
class Looked:
    """What was gone over."""

    near: Sequence[AssetId]
    """Assets whose identity and values are compared."""
    far: Sequence[AssetId]
    """Others, of which at most the states are."""
    states: bool
    """Whether they are."""
    moves: Mapping[RecordId, Move]
    """Records that are about something else in the copy."""


class Telling:
    """Compares the copy with what it was."""

    def __init__(self, before: Record, copy: Record, looked: Looked, at: datetime) -> None:
        self._before = before
        self._copy = copy
        self._at = at
        self._looked = looked
        self._rules = [decided(each.ledger.decisions()).rules for each in (before, copy)]
        self._life = Things(copy)
        self._moves = {
            record: move
            for record, move in looked.moves.items()
            if _places(move.before) != _places(move.after)
        }
        self._by_asset: dict[AssetId, list[RecordId]] = {}
        for record, move in sorted(self._moves.items()):
            for asset in {link.asset for link in (*move.before, *move.after)}:
                self._by_asset.setdefault(asset, []).append(record)
        twins = [_twins(each) for each in (before, copy)]
        self._asked, self._answered = twins[1] - twins[0], twins[0] - twins[1]
        self._names: dict[AssetId, str] = {}
        for asset in sorted(self._by_asset):
            self._ref(asset)

    def differences(self) -> Iterator[AssetDifference]:
        """Every asset that differs, in order of id."""
        concerned = {
            *self._looked.near,
            *self._by_asset,
            *(asset for _, asset in self._asked | self._answered),
        }
        touched = {*concerned, *self._looked.far}
        for asset in sorted(touched):
            found = self._difference(asset, whole=asset in concerned)
            if found is not None:
                yield found

    def _difference(self, asset: AssetId, *, whole: bool) -> AssetDifference | None:
        old, new = (_row(record, asset) for record in (self._before, self._copy))
        shown = new or old
        if shown is None:
            return None
        what = list(self._what(asset, old, new))
        values: tuple[ValueDifference, ...] = ()
        if old is not None and new is not None and whole:
            values = tuple(self._values(old, new))
            what += [CLASS] if old.cls != new.cls else []
            what += [VALUES] if values else []
        turned = old is not None and new is not None and old.state != new.state
        what += [STATE] if turned else []
        if not what:
            return None
        into = self._copy.view.asset(asset)
        return AssetDifference(
            self._ref(asset),
            "" if shown.name == asset_ref(shown.id) else shown.name,
            shown.cls,
            tuple(what),
            self._ref(into.id) if into is not None and into.id != asset else "",
            old.cls if old and new and old.cls != new.cls else "",
            old.state if turned and old else "",
            new.state if turned and new else "",
            self._why(asset) if turned else "",
            values,
            tuple(self._record(record) for record in self._by_asset.get(asset, ())),
        )

    def _what(self, asset: AssetId, old: AssetRow | None, new: AssetRow | None) -> Iterator[str]:
        if old is None:
            yield NEW
        elif new is None:
            yield GONE if self._copy.view.asset(asset) is None else JOINED
        if old is not None and new is not None:
            moves = [self._moves[record] for record in self._by_asset.get(asset, ())]
            yield from dict.fromkeys(word for move in moves for word in _moved(asset, move))
        for word, pairs in ((TWIN, self._asked), (SURE, self._answered)):
            if any(asset == other for _, other in pairs):
                yield word

    def _values(self, old: AssetRow, new: AssetRow) -> Iterator[ValueDifference]:
        names = [
            name
            for name in sorted({*old.attributes, *new.attributes})
            if old.attributes.get(name) != new.attributes.get(name)
        ]
        if not names:
            return
        first = dict(self._explained(self._before, self._rules[0], old, names))
        second = dict(self._explained(self._copy, self._rules[1], new, names))
        for name in names:
            chosen = second.get(name)
            yield ValueDifference(
                name,
                old.attributes.get(name),
                new.attributes.get(name),
                _source(first.get(name)),
                _source(chosen),
                chosen.claims[0].why if chosen and chosen.claims else "nobody says anything",
                chosen.origin if chosen else self._rules[1].origin_of(new.cls, name),
            )

    def _explained(
        self, record: Record, rules: Rules, row: AssetRow, names: Iterable[str]
    ) -> Iterator[tuple[str, AttributeExplained]]:
        accounts = accounts_of(record, row.id)
        for name in names:
            attribute = rules.attribute(row.cls, name)
            if attribute is not None:
                origin = rules.origin_of(row.cls, name)
                yield name, explain_attribute(attribute, accounts, self._at, origin)

    def _why(self, asset: AssetId) -> str:
        return self._life.life(accounts_of(self._copy, asset), self._at).why

    def _record(self, record: RecordId) -> RecordDifference:
        move = self._moves[record]
        key = self._before.ledger.records([record])[record].key
        last = move.after[-1] if move.after else None
        return RecordDifference(
            ref_of(key),
            tuple(dict.fromkeys(self._ref(link.asset) for link in move.before)),
            tuple(dict.fromkeys(self._ref(link.asset) for link in move.after)),
            last.rule if last else "",
            last.evidence if last else None,
        )

    def _ref(self, asset: AssetId) -> str:
        if asset not in self._names:
            fresh = sum(name.startswith("new ") for name in self._names.values()) + 1
            known = self._before.view.asset(asset) is not None
            self._names[asset] = asset_ref(asset) if known else f"new {fresh}"
        return self._names[asset]


class Counted:
    """Adds up."""

    def __init__(self) -> None:
        self._assets = 0
        self._kinds: Counter[str] = Counter()
        self._values: Counter[tuple[str, str]] = Counter()

    def add(self, found: AssetDifference) -> None:
        """One more asset."""
        self._assets += 1
        self._kinds.update(found.what)
        self._values.update((found.cls, each.attribute) for each in found.values)

    def told(self, looked: Looked) -> Totals:
        """The end."""
        left_out = 0 if looked.states else len(looked.far)
        return Totals(
            self._assets,
            len(looked.near),
            len(looked.far) - left_out,
            left_out,
            dict(sorted(self._kinds.items())),
            tuple(
                AttributeTotal(cls, name, count)
                for (cls, name), count in sorted(self._values.items())
            ),
        )


def whole(row: AssetRow) -> bool:
    """Whether it stands for itself: no part, no socket that others talk to."""
    return row.parent is None and bool(row.source_kinds)


def _row(record: Record, asset: AssetId) -> AssetRow | None:
    row = record.view.asset(asset)
    return row if row is not None and row.id == asset and whole(row) else None


def _places(links: Sequence[LinkRow]) -> list[tuple[object, ...]]:
    return [(link.asset, link.since, link.until) for link in links]


def _moved(asset: AssetId, move: Move) -> Iterator[str]:
    """What the move of a record means for an asset that stays."""
    own = [
        [place for place in _places(side) if place[0] == asset]
        for side in (move.before, move.after)
    ]
    if own[0] == own[1]:
        return
    before, after = _assets(move.before), _assets(move.after)
    gone, come = before - after, after - before
    if asset in before and (asset in gone or come):
        yield SPLIT
    if asset in after and (asset in come or gone):
        yield JOINED
    if not gone and not come:
        yield TIMES


def _assets(links: Sequence[LinkRow]) -> set[AssetId]:
    return {link.asset for link in links}


def _twins(record: Record) -> set[tuple[RecordId, AssetId]]:
    return {(link.record, link.asset) for link in record.ledger.twins()}


def _source(found: AttributeExplained | None) -> str:
    if found is None or not found.claims or not found.claims[0].wins:
        return ""
    best = found.claims[0]
    return f"{best.source_kind}/{best.source_instance}"
