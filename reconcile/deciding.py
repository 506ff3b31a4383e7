"""From what people ask for to a decision: which records a join, a split, an exclusion speak of.

Makes decisions and refuses those that make no sense; whoever asks journals them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Decision, RecordKey
from cmdb.query.identity import asset_ref, ref_of
from cmdb.store.port import AssetRow, Record, RecordRow
from reconcile.decisions import SIDES, SOURCE, TIMES, UNDOES, decided, source_of, undone
from reconcile.held import Held, Holdings
from reconcile.links import stands
from reconcile.things import said_of
from reconcile.times import Named, write

MOST_RECORDS = 500
_MOST_EACH = 50
"""So many are told to be one with each; of more, each with the first."""


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

    def says(self, act: str, records: Iterable[RecordKey | Named] = (), **extra: str) -> Decision:
        """A decision of theirs."""
        about = [each if isinstance(each, Named) else Named(each) for each in records]
        if times := write(about):
            extra[TIMES] = times
        keys = tuple(each.key for each in about)
        return Decision(act, keys, self.at, self.at, self.by, self.note, extra)


def join(record: Record, refs: Sequence[str], word: Word) -> Decision:
    """All that these assets' records are about is one thing.

    What a native key left behind is joined as its record was then; its successor stays.

    Raises:
        UnknownAsset: One of them is not there.
        DecisionRefused: They are one already, or are no assets of their own.
    """
    rows = [whole_asset(record, ref) for ref in refs]
    if len({row.id for row in rows}) < len(rows):
        raise DecisionRefused("name different assets: two of these are one already")
    first, *others = [_holdings(record, row) for row in rows]
    sides: tuple[list[Named], list[Named]] = (first.binding(), [])
    for held in others:
        sides[1].extend(held.binding())
        for one, two in _parted(record, first, held):
            sides[0].extend(one)
            sides[1].extend(two)
    left, right = (tuple(dict.fromkeys(side)) for side in sides)
    _refuse_many([*left, *right])
    if len(others) > 1 and len(left) + len(right) <= _MOST_EACH:
        every = tuple(dict.fromkeys((*left, *right)))
        return word.says("same", every, **{SIDES: str(len(every))})
    return word.says("same", (*left, *right), **{SIDES: str(len(left))})


def _parted(
    record: Record, first: Holdings, second: Holdings
) -> list[tuple[list[Named], list[Named]]]:
    """Pairs that a person once said to be different: the join says otherwise of each."""
    found = []
    for ruling in decided(record.ledger.decisions()).rulings.different:
        about = list(zip(ruling.records, ruling.times, strict=True))
        for one, two in (about, about[::-1]):
            if first.meets(*one) and second.meets(*two):
                found.append((first.spans([one[0]]), second.spans([two[0]])))
    return found


def split(
    record: Record, ref: str, records: Sequence[str], word: Word, since: datetime | None = None
) -> Decision:
    """The named records of an asset are about something else than its other records.

    Args:
        record: The store.
        ref: The asset.
        records: Names of records, or their numbers in the list that explain gives.
        word: Who decides.
        since: They are so from then on alone, and what they told before stays.

    Raises:
        UnknownAsset: It is not there.
        UnknownRecord: One of the records is none of its.
        DecisionRefused: No record would be left on one side.
    """
    row = whole_asset(record, ref)
    held = Holdings(record, row.id)
    named = {_among(held.listed, text).key for text in records}
    if not named:
        raise DecisionRefused("name the records that are about something else")
    rest = {each.key for each in held.every if stands(each.link)} - named
    if since is not None:
        before, off = _parted_at(held, named, since)
        sides = off, [*held.spans(rest), *before]
    else:
        rest = rest or {each.key for each in held.own} - named
        if not rest:
            raise DecisionRefused(
                f"that is all that {asset_ref(row.id)} has: leave a record with it, or say from"
                " when on with --since"
            )
        sides = held.spans(named), held.spans(rest)
    _refuse_many([*sides[0], *sides[1]])
    return word.says("different", (*sides[0], *sides[1]), **{SIDES: str(len(sides[0]))})


def _parted_at(
    held: Holdings, named: Iterable[RecordKey], since: datetime
) -> tuple[list[Named], list[Named]]:
    """What records told of an asset before a moment, and what from it on."""
    before: list[Named] = []
    off: list[Named] = []
    for key in sorted(named):
        told, tells = held.parted_at(key, since)
        if not told or not tells:
            when = f"{since:%Y-%m-%d %H:%M} UTC"
            missing = f"before {when}: split it off whole" if not told else f"since {when}"
            raise DecisionRefused(f"{ref_of(key)} told nothing of it {missing}")
        before += told
        off += tells
    return before, off


def _refuse_many(named: Sequence[Named]) -> None:
    if len(named) > MOST_RECORDS:
        raise DecisionRefused(
            f"more than {MOST_RECORDS} records and times of them: name fewer at a time"
        )


def _among(every: Sequence[Held], text: str) -> Held:
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
    if beside := _set_beside(number, dict(every)):
        raise DecisionRefused(f"decision {number} is a part of {beside}: undo that one")
    return word.says("undo", (), **{UNDOES: str(number)})


def _set_beside(number: int, every: Mapping[int, Decision]) -> int | None:
    """The word about values that were set, of which a decision binds the record alone."""
    binds = every[number]
    following = every.get(number + 1)
    if binds.act != "same" or following is None or following.act != "set":
        return None
    return number + 1 if following.records[0] in binds.records else None


def retire(record: Record, ref: str, word: Word) -> Decision:
    """An asset is retired until a source that looks at things sees it again.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: A person retired it already.
    """
    row = whole_asset(record, ref)
    held = _holdings(record, row)
    if row.state == "retired" and _retired(record, row, held):
        raise DecisionRefused(f"{asset_ref(row.id)} is retired already")
    return word.says("retire", held.moments(held.going_on)[:MOST_RECORDS])


def reinstate(record: Record, ref: str, word: Word) -> Decision:
    """A person's word that an asset is retired holds no longer.

    Raises:
        UnknownAsset: It is not there.
        DecisionRefused: No person retired it.
    """
    row = whole_asset(record, ref)
    held = Holdings(record, row.id)
    retired = _retired(record, row, held)
    if not retired:
        raise DecisionRefused(
            f"no person retired {asset_ref(row.id)}: it is {row.state} by what sources say"
        )
    return word.says("reinstate", held.moments(retired)[:MOST_RECORDS])


def _retired(record: Record, row: AssetRow, held: Holdings) -> list[Held]:
    """Those of whom a person's last word is that it is retired."""
    every = decided(record.ledger.decisions()).retired
    found = []
    for each in held.every:
        words = every.get(each.key, ())
        if words and (about := said_of(words, held.links(each.key), row.id)) and about[-1].retires:
            found.append(each)
    return found


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


def speaker(record: Record, row: AssetRow) -> Named:
    """The record that stands for an asset; as it was then, where it is about another by now.

    Raises:
        DecisionRefused: No record tells of it but what people set.
    """
    held = _holdings(record, row)
    return held.moment(held.speaker())


def _holdings(record: Record, row: AssetRow) -> Holdings:
    held = Holdings(record, row.id)
    if not held.own:
        raise DecisionRefused(f"no source tells of {asset_ref(row.id)}, only what people set")
    return held
