"""Which claim wins, and why the others do not.

A total order: fresh before stale, then the attribute's rule, then rank, time, normal value and
the record's own key, so that the winner depends on what was said and on the clock, never on the
order of arrival. A claim that is empty says that its source looked and found nothing; it never
wins over a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cmdb.model.classes.authority import MEASURED
from cmdb.model.declare import Attribute, Authority, Rule
from cmdb.model.observation import Json, SectionKind
from reconcile.account import Account, Claim
from reconcile.normalise.forms import FORMS

SOONEST_STALE = min(rank.stale_after for rank in MEASURED.ranks if rank.stale_after is not None)
"""No claim that was confirmed since so long ago is stale."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A claim with what it weighs."""

    claim: Claim
    form: str | None
    """Its normal form; None: it says nothing."""
    rank: int
    stale_after: timedelta | None
    stale: bool
    why: str
    """Why it wins or loses."""


def weigh(attribute: Attribute, claims: Sequence[Claim], now: datetime) -> list[Weighed]:
    """The claims about one attribute, the winner first; empty when there are none.

    The first one wins if its form is not None.
    """
    if not claims:
        return []
    authority = attribute.authority
    weighed = [_weigh(attribute, claim, now) for claim in claims]
    popular = Counter(entry.form for entry in weighed)
    weighed.sort(key=lambda entry: _order(entry, authority, popular))
    best = weighed[0]
    if len(weighed) == 1 and best.form is not None:
        return [replace(best, why=f"the only word there is{_though(best)}")]
    return [_explained(entry, best, authority) for entry in weighed]


def winner(
    attribute: Attribute, claims: Sequence[Claim], now: datetime
) -> tuple[Claim | None, datetime | None]:
    """The claim that weigh() puts first, if it says anything, and when time alone may change that.

    Projections ask this for every attribute of every asset that changes: no reasons are made.
    """
    if len(claims) == 1:
        (claim,) = claims
        return (claim if _form(attribute, claim.value) is not None else None), None
    weighed = [_weigh(attribute, claim, now) for claim in claims]
    authority = attribute.authority
    popular = Counter(entry.form for entry in weighed)
    best = min(weighed, key=lambda entry: _order(entry, authority, popular))
    if best.form is None:
        return None, None
    turns = [at for entry in weighed if (at := turns_stale_at(entry))]
    return best.claim, min(turns, default=None)


def turns_stale_at(entry: Weighed) -> datetime | None:
    """When the claim's weight falls by itself."""
    if entry.stale or entry.stale_after is None:
        return None
    return entry.claim.said_at + entry.stale_after


def _weigh(attribute: Attribute, claim: Claim, now: datetime) -> Weighed:
    ranks = attribute.authority.ranks
    kind = claim.record.key.source.kind
    for place, rank in enumerate(ranks):
        if rank.kind == kind:
            after = rank.stale_after
            stale = after is not None and now >= claim.said_at + after
            return Weighed(claim, _form(attribute, claim.value), place, after, stale, "")
    return Weighed(claim, _form(attribute, claim.value), len(ranks), None, stale=False, why="")


def _form(attribute: Attribute, value: Json) -> str | None:
    form = FORMS[attribute.normal](value)
    # A placeholder identifies nothing and is still what the firmware says.
    return form if form is not None or not isinstance(value, str) else value.strip() or None


def _order(
    entry: Weighed, authority: Authority, popular: Counter[str | None]
) -> tuple[object, ...]:
    said = -entry.claim.said_at.timestamp()
    form = entry.form or ""
    by_rule: tuple[object, ...] = ()
    if authority.rule is Rule.LATEST:
        by_rule = (said,)
    elif authority.rule is Rule.MOST_REPORTED:
        by_rule = (-popular[entry.form],)
    elif authority.rule in {Rule.LARGEST, Rule.SMALLEST}:
        size = _size(entry.claim.value)
        by_rule = (-size if authority.rule is Rule.LARGEST else size,)
    return (
        entry.form is None,
        entry.stale,
        *by_rule,
        entry.rank,
        entry.claim.record.key.source.kind,
        said,
        form,
        entry.claim.record.key,
    )


def _size(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _explained(entry: Weighed, best: Weighed, authority: Authority) -> Weighed:
    return replace(entry, why=_why(entry, best, authority))


def _why(entry: Weighed, best: Weighed, authority: Authority) -> str:
    if entry.form is None:
        return "looked at and empty: says nothing"
    if entry is best:
        return _why_best(entry, authority)
    return "says the same" if entry.form == best.form else _why_lost(entry, best, authority)


def _why_lost(entry: Weighed, best: Weighed, authority: Authority) -> str:
    if entry.stale and not best.stale:
        return f"stale: not confirmed within {_days(entry.stale_after)}"
    if authority.rule is not Rule.PRIORITY:
        return f"another value is {authority.rule.value}"
    if entry.rank == best.rank:
        return "same rank, said earlier"
    kinds = entry.claim.record.key.source.kind, best.claim.record.key.source.kind
    return f"{kinds[0]} ranks {entry.rank + 1}, {kinds[1]} ranks {best.rank + 1}"


def _why_best(entry: Weighed, authority: Authority) -> str:
    if authority.rule is Rule.PRIORITY:
        kind = entry.claim.record.key.source.kind
        return f"{kind} is the most trusted that says anything{_though(entry)}"
    return f"{authority.rule.value}{_though(entry)}"


def _though(entry: Weighed) -> str:
    return ", though stale: nothing fresher is known" if entry.stale else ""


def _days(after: timedelta | None) -> str:
    return f"{after.days} days" if after else "any time"


_SPECIFIC = {"Device": 1}


def class_of(accounts: Sequence[Account], order: Authority, now: datetime) -> str | None:
    """The class of a thing: a claim like any other, but a guess of Device loses to any word.

    Where another source names a class that extends the winner's, that one is more exact and
    not a contradiction: an agent's Computer is a hypervisor's VirtualMachine.
    """
    from cmdb.model.classes import CLASS_BY_NAME

    said = []
    for account in accounts:
        if account.cls in CLASS_BY_NAME:
            kind = account.row.key.source.kind
            place = next((p for p, r in enumerate(order.ranks) if r.kind == kind), len(order.ranks))
            after = order.ranks[place].stale_after if place < len(order.ranks) else None
            at = account.at.get(SectionKind.HEAD, account.said_at)
            stale = after is not None and now >= at + after
            mark = (_SPECIFIC.get(account.cls, 0), stale, place, -at.timestamp(), account.row.key)
            said.append((mark, account.cls))
    if not said:
        return None
    said.sort()
    best = said[0][1]
    for _, name in said[1:]:
        if name != best and best in CLASS_BY_NAME[name].lineage():
            best = name
    return best
