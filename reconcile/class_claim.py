"""The class of a thing: a claim like any other, but a guess of Device loses to any word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Authority
from cmdb.model.observation import RecordKey, SectionKind
from reconcile.account import UNKNOWN_CLASS, Account
from reconcile.overtaken import Spoken, overtaken


@dataclass(frozen=True, slots=True)
class ClassWon:
    """What a thing is."""

    name: str | None
    """None: nobody says."""
    turns_at: datetime | None = None
    """When time alone may change it."""
    contested: bool = False
    """Whether it may be another when somebody merely says the same again."""


@dataclass(frozen=True, slots=True)
class _Word:
    name: str
    guess: bool
    spoken: Spoken
    turns_at: datetime | None
    key: RecordKey


def class_of(accounts: Sequence[Account], order: Authority, now: datetime) -> ClassWon:
    """The class of a thing.

    Where another source names a class that extends the winner's, that one is more exact and
    not a contradiction: an agent's Computer is a hypervisor's VirtualMachine.
    """
    said = _in_order(_words(accounts, order, now))
    if not said:
        return ClassWon(None)
    first, best = said[0], said[0].name
    for word in said[1:]:
        if word.name != best and best in CLASS_BY_NAME[word.name].lineage():
            best = word.name
    names = {word.name for word in said}
    if len(names) == 1:
        return ClassWon(best)
    # Which of several more exact names comes first may turn with any of them.
    many = len(names) > 2 and any(word.spoken.stale for word in said)  # noqa: PLR2004
    return ClassWon(
        best,
        min((word.turns_at for word in said if word.turns_at), default=None),
        many or any(_contests(word, first) for word in said[1:]),
    )


def _contests(word: _Word, first: _Word) -> bool:
    """Whether it may go before the first by being said again now."""
    if word.name == first.name or word.guess is not first.guess:
        return False
    return first.spoken.stale or word.spoken.rank <= first.spoken.rank


def _in_order(words: Sequence[_Word]) -> list[_Word]:
    """The winner first. A guess does not overtake what somebody knows."""
    marked: list[tuple[bool, _Word]] = []
    for guess in (False, True):
        alike = [word for word in words if word.guess is guess]
        old = overtaken([word.spoken for word in alike], by_rank=True)
        marked += zip(old, alike, strict=True)
    return [word for _, word in sorted(marked, key=_mark)]


def _mark(marked: tuple[bool, _Word]) -> tuple[bool, bool, int, float, RecordKey]:
    late, word = marked
    return word.guess, late, word.spoken.rank, -word.spoken.said_at.timestamp(), word.key


def _words(accounts: Sequence[Account], order: Authority, now: datetime) -> list[_Word]:
    found = []
    for account in accounts:
        if account.cls in CLASS_BY_NAME:
            key, ranks = account.row.key, order.ranks
            place = next((p for p, r in enumerate(ranks) if r.kind == key.source.kind), len(ranks))
            after = ranks[place].stale_after if place < len(ranks) else None
            at = account.at.get(SectionKind.HEAD, account.said_at)
            ends = None if after is None else at + after
            stale = ends is not None and now >= ends
            spoken = Spoken(place, at, stale)
            guess = account.cls == UNKNOWN_CLASS
            found.append(_Word(account.cls, guess, spoken, None if stale else ends, key))
    return found
