"""What licence positions give cause to alert about: rules for the alert centre."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from cmdb.alerts.rule import Finding, Rule, Severity
from licenses.position import OwnedRight, Position, PositionState

EXPIRY_NOTICE = timedelta(days=30)

SHORT = Rule("licence.short", "Fewer rights than installations require", Severity.CRITICAL)
EXPIRED = Rule("licence.expired", "Rights to a product have expired", Severity.CRITICAL)
UNLICENSED = Rule(
    "licence.unlicensed", "A product is installed to which no right is recorded", Severity.WARNING
)
EXPIRING = Rule("licence.expiring", "Rights in use expire within 30 days", Severity.WARNING)

RULES: tuple[Rule, ...] = (SHORT, EXPIRED, UNLICENSED, EXPIRING)
_BY_STATE = {
    PositionState.SHORT: SHORT,
    PositionState.EXPIRED: EXPIRED,
    PositionState.UNLICENSED: UNLICENSED,
}


def findings(positions: Iterable[Position], at: datetime) -> tuple[Finding, ...]:
    """What holds at that time, in the order of the positions."""
    return tuple(
        finding for position in positions for finding in (*_state(position), *_soon(position, at))
    )


def _state(position: Position) -> Iterator[Finding]:
    rule = _BY_STATE.get(position.state)
    if rule is None:
        yield from _lapsed(position)
        return
    text = f"{position.required} required, {position.owned} owned"
    if position.expired:
        text += f", {position.expired} expired"
    yield Finding(
        rule=rule.name,
        subject=position.product,
        title=f"{position.product} is short of {position.shortfall}",
        text=f"{position.product} (per {position.metric}): {text}",
    )


def _lapsed(position: Position) -> Iterator[Finding]:
    """All rights to a product have ended, though nothing needs them now."""
    if position.expired and not position.owned:
        yield Finding(
            rule=EXPIRED.name,
            subject=position.product,
            title=f"Rights to {position.product} have expired",
            text=f"{position.expired} rights have ended and none is in force; none is required now",
        )


def _soon(position: Position, at: datetime) -> Iterator[Finding]:
    """Rights in force that end soon, where what stays would not be enough."""
    last = (at + EXPIRY_NOTICE).date().isoformat()
    ending = [right for right in position.owned_by if _ends(right, last)]
    left = position.owned - sum(right.quantity for right in ending)
    if not ending or left >= position.required:
        return
    first = min(right.end for right in ending if right.end)
    named = ", ".join(sorted({right.contract or right.name for right in ending}))
    yield Finding(
        rule=EXPIRING.name,
        subject=position.product,
        title=f"Rights to {position.product} end on {first}",
        text=f"{named}: {left} of {position.required} required rights are left afterwards",
    )


def _ends(right: OwnedRight, last: str) -> bool:
    return right.counts == "owned" and right.end is not None and right.end <= last
