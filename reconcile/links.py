"""Links, made from what identification found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cmdb.model.observation import Json, RecordKey
from cmdb.store.port import AssetId, LinkRow, RecordId, RecordRow
from reconcile.cluster import Reason
from reconcile.instants import from_micros
from reconcile.stretches import Identified

if TYPE_CHECKING:
    from reconcile.scans import Seen

SEEN_BY = "seen by "
"""How the rules of links begin that scans' sightings made."""
FOLLOWS = "set by a person"
"""The rule of links of values that people set."""


def stands(link: LinkRow) -> bool:
    """Whether a record is about its asset by itself, and not because others are."""
    return not link.rule.startswith((SEEN_BY, FOLLOWS))


def asset_links(
    thing: Identified, asset: AssetId, at: datetime
) -> Iterator[tuple[RecordId, LinkRow]]:
    """The links of a thing's stretches, with their records."""
    state = "twin" if thing.rivals else "linked"
    for stretch in thing.stretches:
        evidence: dict[str, Json] = {}
        for name, counted in (("joined_by", True), ("ignored", False)):
            told = [_reason(reason) for reason in stretch.reasons if reason.counted is counted]
            if told:
                evidence[name] = told
        if thing.rivals:
            evidence["twins"] = [_key(key) for key in thing.rivals]
        yield (
            stretch.record,
            LinkRow(
                stretch.record,
                asset,
                _rule(stretch.reasons),
                evidence,
                from_micros(stretch.since),
                at,
                until=None if stretch.until is None else from_micros(stretch.until),
                last=None if stretch.until is None else from_micros(stretch.last),
                state=state,
            ),
        )


def scan_links(
    record: RecordId,
    seen: Sequence[Seen],
    anchored: Callable[[str], AssetId],
    at: datetime,
) -> list[LinkRow]:
    """The links of a scan's record.

    Args:
        record: The record.
        seen: Whom it saw, in order of time.
        anchored: The asset of a thing that scans alone know of.
        at: When this is decided.
    """
    links = []
    for place, one in enumerate(seen):
        following = seen[place + 1].first if place + 1 < len(seen) else None
        asset = one.thing if one.thing is not None else anchored(one.anchor or "")
        links.append(
            LinkRow(
                record,
                asset,
                f"{SEEN_BY}{one.why}" if one.why else f"{SEEN_BY}nobody else",
                {},
                from_micros(one.first),
                at,
                until=None if following is None else from_micros(following),
                last=None if following is None else from_micros(one.last),
            )
        )
    return links


def following_link(row: RecordRow, leader: LinkRow | None, at: datetime) -> LinkRow | None:
    """The link of values that a person set: to what the record is about that they follow."""
    if leader is None:
        return None
    return LinkRow(row.id, leader.asset, FOLLOWS, {}, row.first_at, at)


def _reason(reason: Reason) -> Json:
    told: dict[str, Json] = {"key": reason.key, "value": reason.value, "record": _key(reason.other)}
    if reason.why:
        told["why"] = reason.why
    return told


def _key(key: RecordKey) -> Json:
    return [key.source.kind, key.source.instance, key.scope, key.native_key]


def _rule(reasons: Sequence[Reason]) -> str:
    counted = [reason.key for reason in reasons if reason.counted]
    return "+".join(dict.fromkeys(counted)) if counted else "first of its kind"
