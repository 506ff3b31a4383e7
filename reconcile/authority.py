"""Which claim wins, and why the others do not.

A total order: words that a later one overtook when they were stale come last, then the attribute's
rule, then rank, time, normal value and the record's own key, so that the winner depends on what was
said and on the clock, never on the order of arrival. Under a dynamic rule those that say the same
stand together, and the rank decides which of them speaks: equal things in two spellings do not
flap. A claim that is empty says that its source looked and found nothing; it never wins over a
value, unless the rule says that it clears.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from cmdb.model.declare import Attribute, Authority, Empty, Rank, Rule, Tolerance
from cmdb.model.observation import Json, Source
from reconcile.account import Claim
from reconcile.normalise.forms import FORMS
from reconcile.overtaken import Spoken, overtaken


@dataclass(frozen=True, slots=True)
class Weighed:
    """A claim with what it weighs."""

    claim: Claim
    form: str | None
    """Its normal form; None: it says nothing."""
    rank: int
    stale_after: timedelta | None
    stale: bool
    """Whether it was not confirmed for long."""
    why: str
    """Why it wins or loses."""
    group: str | None = None
    """What it shares with claims that say the same: its form, or that of a number close by."""
    overtaken: bool = False
    """Whether it yields to all that are not, because of its age."""


def weigh(attribute: Attribute, claims: Sequence[Claim], now: datetime) -> list[Weighed]:
    """The claims about one attribute, the winner first; empty when there are none.

    The first one wins if its form is not None.
    """
    weighed = _ordered(attribute, claims, now)
    if not weighed:
        return []
    authority = attribute.authority
    best = weighed[0]
    if len(weighed) == 1 and best.form is not None:
        return [replace(best, why=f"the only word there is{_though(best)}")]
    return [replace(entry, why=_why(entry, best, authority)) for entry in weighed]


def in_order(attribute: Attribute, claims: Sequence[Claim], now: datetime) -> list[Weighed]:
    """The same without the reasons."""
    if len(claims) == 1:
        return [_weigh(attribute, claims[0], now)]
    return _ordered(attribute, claims, now)


class Won(NamedTuple):
    """What is so of an attribute."""

    claim: Claim | None
    """None: nobody says anything, or the empty answer wins."""
    turns_at: datetime | None = None
    """When time alone may change it."""
    contested: bool = False
    """Whether it may change when one of the others is merely said again."""


def winner(attribute: Attribute, claims: Sequence[Claim], now: datetime) -> Won:
    """The claim that weigh() puts first, if it says anything.

    Projections ask this for every attribute of every asset that changes: no reasons are made.
    """
    if len(claims) == 1:
        (claim,) = claims
        return Won(claim if _form(attribute, claim.value) is not None else None)
    weighed = _ordered(attribute, claims, now)
    best = weighed[0]
    contested = any(_contests(entry, best, attribute.authority) for entry in weighed[1:])
    turns = min((at for entry in weighed if (at := turns_stale_at(entry))), default=None)
    if best.form is None and attribute.authority.empty is Empty.IGNORED:
        return Won(None, None, contested)
    return Won(best.claim if best.form is not None else None, turns, contested)


def _contests(entry: Weighed, best: Weighed, authority: Authority) -> bool:
    """Whether a claim may win, or help one to win, by being said again now."""
    if entry.form is None and authority.empty is Empty.IGNORED:
        return False
    if authority.rule is Rule.LATEST and entry.group != best.group:
        return True
    if authority.rule is not Rule.PRIORITY and (entry.stale or best.stale):
        return True
    if entry.claim.value == best.claim.value:
        return False
    kinds = (entry.claim.record.key.source.kind, best.claim.record.key.source.kind)
    return best.stale or (entry.rank, kinds[0]) <= (best.rank, kinds[1])


def alike(attribute: Attribute, one: Json, two: Json) -> bool:
    """Whether two values are the same for an attribute: in normal form, or within its tolerance."""
    if one is None or two is None:
        return False
    form = FORMS[attribute.normal]
    first, second = form(one), form(two)
    if first is None or second is None:
        return False
    tolerance = attribute.authority.tolerance
    return first == second or (
        tolerance is not None and _is_number(one) and _is_number(two)
        and tolerance.joins(_size(one), _size(two))
    )  # fmt: skip


def turns_stale_at(entry: Weighed) -> datetime | None:
    """When the claim's weight falls by itself."""
    if entry.stale or entry.stale_after is None:
        return None
    return entry.claim.said_at + entry.stale_after


def _ordered(attribute: Attribute, claims: Sequence[Claim], now: datetime) -> list[Weighed]:
    authority = attribute.authority
    weighed = _aged([_weigh(attribute, claim, now) for claim in claims], authority)
    if authority.rule is Rule.PRIORITY and authority.tolerance is None:
        weighed.sort(key=lambda entry: _order(entry, authority, (), _since(entry)))
        return weighed
    if authority.tolerance is not None:
        weighed = _grouped(weighed, authority.tolerance)
    score = _SCORES[authority.rule]
    scores = {place: score(entries) for place, entries in _by_group(weighed).items()}
    # Which of those that say the same speaks must not change with each of their reports.
    times = {place: _latest(entries) for place, entries in _by_group(weighed, ranked=True).items()}
    weighed.sort(
        key=lambda entry: _order(
            entry,
            authority,
            (scores[entry.overtaken, -1, entry.group],),
            times[entry.overtaken, entry.rank, entry.group],
        )
    )
    return weighed


def _aged(weighed: list[Weighed], authority: Authority) -> list[Weighed]:
    """With those marked that were overtaken; who says nothing overtakes nobody."""
    if not any(entry.stale for entry in weighed):
        return weighed
    says = [
        place
        for place, entry in enumerate(weighed)
        if entry.form is not None or authority.empty is Empty.CLEARS
    ]
    words = [
        Spoken(weighed[place].rank, weighed[place].claim.said_at, weighed[place].stale)
        for place in says
    ]
    for place, old in zip(
        says, overtaken(words, by_rank=authority.rule is Rule.PRIORITY), strict=True
    ):
        if old:
            weighed[place] = replace(weighed[place], overtaken=True)
    return weighed


def _by_group(
    weighed: Sequence[Weighed], *, ranked: bool = False
) -> dict[tuple[bool, int, str | None], list[Weighed]]:
    found: dict[tuple[bool, int, str | None], list[Weighed]] = {}
    for entry in weighed:
        place = (entry.overtaken, entry.rank if ranked else -1, entry.group)
        found.setdefault(place, []).append(entry)
    return found


def _weigh(attribute: Attribute, claim: Claim, now: datetime) -> Weighed:
    place, rank = _placed(attribute.authority, claim.record.key.source)
    form = _form(attribute, claim.value)
    after = rank.stale_after if rank is not None else None
    stale = after is not None and now >= claim.said_at + after
    return Weighed(claim, form, place, after, stale, "", form)


def _placed(authority: Authority, source: Source) -> tuple[int, Rank | None]:
    """The place of a source: that of its own name before that of its kind."""
    found: tuple[int, Rank | None] = (len(authority.ranks), None)
    for place, rank in enumerate(authority.ranks):
        if rank.kind == source.kind:
            if rank.instance is None:
                found = (place, rank)
                if not authority.singles:
                    break
            elif rank.instance == source.instance:
                return place, rank
    return found


def _grouped(weighed: Sequence[Weighed], tolerance: Tolerance) -> list[Weighed]:
    """Numbers that differ by no more than is allowed from the least of their group are one."""
    found: list[Weighed] = []
    least: Weighed | None = None

    def size(entry: Weighed) -> tuple[float, str]:
        return _size(entry.claim.value), entry.form or ""

    for entry in sorted(weighed, key=size):
        if entry.form is None or not _is_number(entry.claim.value):
            found.append(entry)
        elif least is not None and tolerance.joins(size(least)[0], size(entry)[0]):
            found.append(replace(entry, group=least.form))
        else:
            least = entry
            found.append(entry)
    return found


def _form(attribute: Attribute, value: Json) -> str | None:
    if attribute.span is not None and no_measure(value):
        return None
    form = FORMS[attribute.normal](value)
    # A placeholder identifies nothing and is still what the firmware says.
    return form if form is not None or not isinstance(value, str) else value.strip() or None


def no_measure(value: Json) -> bool:
    """Whether it cannot be a number of anything: true or false, or less than none."""
    return isinstance(value, bool) or (value is not None and str(value).lstrip().startswith("-"))


def _order(
    entry: Weighed, authority: Authority, by_rule: tuple[float, ...], said: float
) -> tuple[object, ...]:
    grouped = entry.group or ""
    return (
        entry.form is None and authority.empty is Empty.IGNORED,
        entry.overtaken,
        *by_rule,
        entry.rank,
        entry.claim.record.key.source.kind,
        said,
        grouped,
        entry.claim.record.key,
    )


def _since(entry: Weighed) -> float:
    return -entry.claim.said_at.timestamp()


def _latest(entries: Sequence[Weighed]) -> float:
    return min(map(_since, entries))


def _most(entries: Sequence[Weighed]) -> float:
    return -len(entries)


def _largest(entries: Sequence[Weighed]) -> float:
    return min(-_size(entry.claim.value) if entry.form else math.inf for entry in entries)


def _smallest(entries: Sequence[Weighed]) -> float:
    return min(_size(entry.claim.value) if entry.form else math.inf for entry in entries)


_SCORES: Mapping[Rule, Callable[[Sequence[Weighed]], float]] = {
    Rule.PRIORITY: lambda _: 0.0,
    Rule.LATEST: _latest,
    Rule.MOST_REPORTED: _most,
    Rule.LARGEST: _largest,
    Rule.SMALLEST: _smallest,
}
"""What dynamic rules make of claims that say the same; the least goes first."""


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_EMPTY = "looked at and empty: says nothing"
_NO_MEASURE = "no number of anything: kept as said, and says nothing"


def _why(entry: Weighed, best: Weighed, authority: Authority) -> str:
    clears = authority.empty is Empty.CLEARS
    if entry.form is None and not clears:
        return _NO_MEASURE if no_measure(entry.claim.value) else _EMPTY
    if entry is best:
        found = "" if entry.form is not None else "looked at and empty, which counts: "
        return found + _why_best(entry, authority)
    return "says the same" if entry.group == best.group else _why_lost(entry, best, authority)


def _why_lost(entry: Weighed, best: Weighed, authority: Authority) -> str:
    if entry.overtaken and not best.overtaken:
        return _why_overtaken(entry)
    if authority.rule is not Rule.PRIORITY:
        return f"another value is {authority.rule.value}"
    if entry.rank == best.rank:
        return "same rank, said earlier"
    names = [_ranked(each, authority) for each in (entry, best)]
    return f"{names[0]} ranks {entry.rank + 1}, {names[1]} ranks {best.rank + 1}"


def _why_overtaken(entry: Weighed) -> str:
    if entry.stale:
        return f"stale: not confirmed within {_days(entry.stale_after)}, and others spoke later"
    return "a more trusted word was said later, and is itself stale: the latest decides"


def _why_best(entry: Weighed, authority: Authority) -> str:
    if authority.rule is Rule.PRIORITY:
        name = _ranked(entry, authority)
        return f"{name} is the most trusted that says anything{_though(entry)}"
    return f"{authority.rule.value}{_though(entry)}"


def _ranked(entry: Weighed, authority: Authority) -> str:
    """The source as the order names it."""
    kind = entry.claim.record.key.source.kind
    return str(authority.ranks[entry.rank]) if entry.rank < len(authority.ranks) else kind


def _though(entry: Weighed) -> str:
    return ", though stale: nothing newer is fresh" if entry.stale else ""


def _days(after: timedelta | None) -> str:
    return f"{after.days} days" if after else "any time"
