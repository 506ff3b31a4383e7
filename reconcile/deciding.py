"""From what people ask for to a decision: which records a join, a split, an exclusion speak of.

Makes decisions and refuses those that make no sense; whoever asks journals them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Decision, RecordKey
from cmdb.query.identity import asset_ref, ref_of
from cmdb.store.port import AssetId, AssetRow, LinkRow, Record, RecordId, RecordRow
from reconcile.decisions import BY_HAND, SIDES, SOURCE, UNDOES, decided, source_of, undone
from reconcile.links import stands

MOST_RECORDS = 500


class DecisionError(ValueError):
    """A decision that cannot be made; the message says why and what to do.

    DecisionError
    ├── UnknownRecord     nothing was ever said under that name
    └── DecisionRefused   it makes no sense as things are
    """


class UnknownRecord(DecisionError):
    """Nothing was ever said under that name."""


class DecisionRefused(DecisionError):
    """It makes no sense as things are."""


@dataclass(frozen=True)
class Word:
    """Who decides, when and why."""

    by: str
    at: datetime
    note: str = ""

    def says(self, act: str, records: Iterable[RecordKey] = (), **extra: str) -> Decision:
        """A decision of theirs."""
        return Decision(act, tuple(records), self.at, self.at, self.by, self.note, extra)


@dataclass(frozen=True)
class _Held:
    """A record that is about an asset."""

    row: RecordRow
    link: LinkRow

    @property
    def key(self) -> RecordKey:
        return self.row.key


def join(record: Record, refs: Sequence[str], word: Word) -> Decision:
    """All that these assets' records are about is one thing.

    Raises:
        UnknownAsset: One of them is not there.
        DecisionRefused: They are one already, or are no assets of their own.
    """
    rows = [whole_asset(record, ref) for ref in refs]
    if len({row.id for row in rows}) < len(rows):
        raise DecisionRefused("name different assets: two of these are one already")
    first, *others = [_current(record, row) for row in rows]
    sides: tuple[list[RecordKey], list[RecordKey]] = ([_speaker(first).key], [])
    for held in others:
        sides[1].append(_speaker(held).key)
        for one, two in _parted(record, first, held):
            sides[0].append(one)
            sides[1].append(two)
    left, right = (tuple(dict.fromkeys(side)) for side in sides)
    return word.says("same", (*left, *right), **{SIDES: str(len(left))})


def _parted(
    record: Record, first: Sequence[_Held], second: Sequence[_Held]
) -> list[tuple[RecordKey, RecordKey]]:
    """Pairs that a person once said to be different: the join says otherwise of each."""
    left, right = ({held.key for held in side} for side in (first, second))
    found = []
    for ruling in decided(record.ledger.decisions()).rulings.different:
        for one, two in (ruling.records, ruling.records[::-1]):
            if one in left and two in right:
                found.append((one, two))
    return found


def split(record: Record, ref: str, records: Sequence[str], word: Word) -> Decision:
    """The named records of an asset are about something else than its other records.

    Args:
        record: The store.
        ref: The asset.
        records: Names of records, or their numbers in the list that explain gives.
        word: Who decides.

    Raises:
        UnknownAsset: It is not there.
        UnknownRecord: One of the records is none of its.
        DecisionRefused: No record would be left on one side.
    """
    row = whole_asset(record, ref)
    every = _held(record, row.id)
    named = {_among(every, text).key for text in records}
    if not named:
        raise DecisionRefused("name the records that are about something else")
    rest = {held.key for held in every if stands(held.link)} - named
    if not rest:
        rest = {held.key for held in every if held.key.source != BY_HAND} - named
    if not rest:
        raise DecisionRefused(f"that is all that {asset_ref(row.id)} has: leave a record with it")
    if len(named) + len(rest) > MOST_RECORDS:
        raise DecisionRefused(f"more than {MOST_RECORDS} records: split off fewer at a time")
    return word.says("different", (*sorted(named), *sorted(rest)), **{SIDES: str(len(named))})


def _among(every: Sequence[_Held], text: str) -> _Held:
    if text.isdecimal() and 0 < int(text) <= len(every):
        return every[int(text) - 1]
    for held in every:
        if str(ref_of(held.key)) == text:
            return held
    raise UnknownRecord(
        f"the asset has no record {text!r}; 'stocktake explain ASSET' lists its records with "
        "their numbers"
    )


def exclude(record: Record, what: str, word: Word, *, source: bool, out: bool) -> Decision:
    """Nothing that a record or a whole source says counts; or it counts again.

    Raises:
        UnknownRecord: Nothing was ever said by it.
        DecisionRefused: It is so already.
    """
    holding = decided(record.ledger.decisions())
    act = "exclude" if out else "include"
    if source:
        speaker = source_of(what)
        if speaker not in record.ledger.sources():
            raise UnknownRecord(f"no source {what!r} has said anything: write kind/instance")
        _refuse_if(what, so=speaker in holding.sources, out=out)
        return word.says(act, (), **{SOURCE: what})
    key = find_record(record, what).key
    _refuse_if(what, so=key in holding.records, out=out)
    return word.says(act, (key,))


def _refuse_if(what: str, *, so: bool, out: bool) -> None:
    if so is out:
        raise DecisionRefused(f"{what} is {'excluded already' if out else 'not excluded'}")


def undo(record: Record, number: int, word: Word) -> Decision:
    """A decision is taken back, as if it had never been made.

    Raises:
        UnknownRecord: There is no decision of that number.
        DecisionRefused: It was taken back before.
    """
    every = record.ledger.decisions()
    if number not in dict(every):
        raise UnknownRecord(f"there is no decision {number}; 'stocktake decisions' lists them")
    by = undone(every).get(number)
    if by is not None:
        raise DecisionRefused(
            f"decision {number} was taken back by {by}; undo {by} to bring it back"
        )
    return word.says("undo", (), **{UNDOES: str(number)})


def retire(record: Record, ref: str, word: Word) -> Decision:
    """An asset is retired until a source that looks at things sees it again.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: A person retired it already, or what told of it is about another by now.
    """
    row = whole_asset(record, ref)
    # A record that went over to another thing would take that along.
    keys = [held.key for held in _current(record, row)]
    retired = decided(record.ledger.decisions()).retired
    if row.state == "retired" and any(key in retired for key in keys):
        raise DecisionRefused(f"{asset_ref(row.id)} is retired already")
    return word.says("retire", sorted(set(keys))[:MOST_RECORDS])


def reinstate(record: Record, ref: str, word: Word) -> Decision:
    """A person's word that an asset is retired holds no longer.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: No person retired it.
    """
    row = whole_asset(record, ref)
    retired = decided(record.ledger.decisions()).retired
    keys = {held.key for held in _held(record, row.id) if held.key in retired}
    if not keys:
        raise DecisionRefused(
            f"no person retired {asset_ref(row.id)}: it is {row.state} by what sources say"
        )
    return word.says("reinstate", sorted(keys))


def whole_asset(record: Record, ref: str) -> AssetRow:
    """The asset, which is no part of another.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: It is a part.
    """
    row = record.view.find(ref)
    if row.parent is not None:
        raise DecisionRefused(
            f"{asset_ref(row.id)} is part of {asset_ref(row.parent)}, and goes where that goes"
        )
    return row


def find_record(record: Record, text: str) -> RecordRow:
    """The record of that name: kind/instance/scope/native key.

    Raises:
        UnknownRecord: There is none.
    """
    parts = text.split("/", 3)
    if len(parts) == 4:  # noqa: PLR2004 - the four parts of the name
        source = source_of("/".join(parts[:2]))
        found = record.ledger.record(RecordKey(source, parts[2], parts[3]))
        if found is not None:
            return found
    # An instance or a scope may itself hold a slash.
    for row in record.ledger.all_records():
        if str(ref_of(row.key)) == text:
            return row
    raise UnknownRecord(f"there is no record {text!r}: write kind/instance/scope/native-key")


def speaker(record: Record, row: AssetRow) -> RecordKey:
    """The record that stands for an asset.

    Raises:
        DecisionRefused: All its records are about something else by now.
    """
    return _speaker(_current(record, row)).key


def _held(record: Record, asset: AssetId) -> list[_Held]:
    """Its records by stretch, in the order in which explain() lists them."""
    links = record.ledger.linked(asset)
    rows = record.ledger.records({link.record for link in links})
    found = [_Held(rows[link.record], link) for link in links]
    return sorted(found, key=lambda held: (held.key, held.link.since))


def _current(record: Record, row: AssetRow) -> list[_Held]:
    held = [each for each in _held(record, row.id) if each.key.source != BY_HAND]
    going_on = [each for each in held if each.link.until is None]
    if not going_on:
        now = record.ledger.links(each.row.id for each in held).values()
        others = ", ".join(sorted({asset_ref(link.asset) for link in now})) or "nothing"
        raise DecisionRefused(
            f"all records of {asset_ref(row.id)} are about {others} by now: a decision goes by"
            " records, and would be about that"
        )
    return going_on


def _speaker(held: Sequence[_Held]) -> _Held:
    """The record that stands for its asset: the oldest, scans last."""

    def order(each: _Held) -> tuple[bool, RecordId]:
        return not stands(each.link), each.row.id

    return min(held, key=order)
