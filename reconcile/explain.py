"""Why a value is what it is, and why records are one asset: read out of what was said.

Nothing here is stored for the purpose; the same functions that chose are asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Attribute
from cmdb.model.observation import Json
from cmdb.query.models import AttributeView
from cmdb.store.port import AssetId, AssetRow, LinkRow, Record, RecordId, UnknownAsset
from reconcile.account import Account, read
from reconcile.authority import Weighed, weigh


@dataclass(frozen=True, slots=True)
class ClaimExplained:
    """One claim about an attribute."""

    value: Json
    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    said_at: datetime
    rank: int
    """Place of its kind of source in the attribute's authority, from 1."""
    stale: bool
    wins: bool
    why: str


@dataclass(frozen=True, slots=True)
class AttributeExplained:
    """An attribute with every claim about it, the winner first."""

    name: str
    summary: str
    unit: str | None
    value: Json
    rule: str
    order: tuple[str, ...]
    """Kinds of source, most trusted first."""
    claims: tuple[ClaimExplained, ...]


@dataclass(frozen=True, slots=True)
class LinkExplained:
    """Why a record belongs to the asset."""

    source_kind: str
    source_instance: str
    scope: str
    native_key: str
    rule: str
    since: datetime
    decided_at: datetime
    last_seen: datetime
    evidence: Json


@dataclass(frozen=True, slots=True)
class Explanation:
    """Identity and values of one asset, with their reasons."""

    asset: str
    name: str
    cls: str
    attributes: tuple[AttributeExplained, ...]
    links: tuple[LinkExplained, ...]
    as_of: datetime
    """The clock against which claims are stale."""


def explain(record: Record, ref: str, attribute: str | None, at: datetime) -> Explanation:
    """Why an asset is what it is.

    Args:
        record: The store.
        ref: Id or name of the asset.
        attribute: One attribute, or None for all that anything was said about.
        at: The clock against which claims are stale.

    Raises:
        UnknownAsset: No asset answers to `ref`, or it has no such attribute.
    """
    row = record.view.find(ref)
    owner = row.parent if row.parent is not None else row.id
    accounts, links = _accounts(record, owner)
    declared = CLASS_BY_NAME[row.cls].all_attributes()
    wanted = [entry for entry in declared if attribute in (None, entry.name)]
    if not wanted:
        names = ", ".join(entry.name for entry in declared)
        raise UnknownAsset(f"{row.cls} has no attribute {attribute!r}; it has {names}")
    found = [] if row.parent else [explain_attribute(entry, accounts, at) for entry in wanted]
    shown = tuple(entry for entry in found if entry.claims or attribute)
    return Explanation(
        f"ci-{row.id}",
        row.name,
        row.cls,
        shown,
        tuple(_link(links[account.row.id], account) for account in accounts),
        at,
    )


def explain_attribute(
    attribute: Attribute, accounts: Sequence[Account], at: datetime
) -> AttributeExplained:
    """All claims about one attribute, weighed."""
    claims = [
        account.claims[attribute.name] for account in accounts if attribute.name in account.claims
    ]
    weighed = weigh(attribute, claims, at)
    won = bool(weighed) and weighed[0].form is not None
    return AttributeExplained(
        attribute.name,
        attribute.summary,
        attribute.unit,
        weighed[0].claim.value if won else None,
        attribute.authority.rule.value,
        tuple(rank.kind for rank in attribute.authority.ranks),
        tuple(_claim(entry, wins=won and place == 0) for place, entry in enumerate(weighed)),
    )


def attributes(record: Record, asset: AssetId, at: datetime) -> tuple[AttributeView, ...]:
    """The values of an asset with the claim that won each, in the order of the declaration."""
    row = record.view.asset(asset)
    if row is None:
        return ()
    accounts, _ = _accounts(record, row.parent if row.parent is not None else row.id)
    declared = CLASS_BY_NAME[row.cls].all_attributes()
    if row.parent is not None or not accounts:
        return _of_part(row, accounts, declared)
    found = (explain_attribute(entry, accounts, at) for entry in declared)
    return tuple(_view(entry) for entry in found if entry.claims and entry.claims[0].wins)


def _view(entry: AttributeExplained) -> AttributeView:
    best = entry.claims[0]
    others = {(claim.source_kind, claim.source_instance) for claim in entry.claims[1:]}
    return AttributeView(
        entry.name,
        entry.value,
        entry.unit,
        best.source_kind,
        best.source_instance,
        best.said_at,
        best.stale,
        len(others - {(best.source_kind, best.source_instance)}),
    )


def _of_part(
    row: AssetRow, accounts: Sequence[Account], declared: Sequence[Attribute]
) -> tuple[AttributeView, ...]:
    """A part's values stand in its machine's sections: the newest account vouches for them."""
    newest = max(accounts, key=lambda account: account.said_at, default=None)
    source = newest.row.key.source if newest else None
    return tuple(
        AttributeView(
            entry.name,
            row.attributes[entry.name],
            entry.unit,
            source.kind if source else "",
            source.instance if source else "",
            newest.said_at if newest else row.last_seen,
            stale=False,
            losers=0,
        )
        for entry in declared
        if row.attributes.get(entry.name) is not None
    )


def accounts_of(record: Record, asset: AssetId) -> list[Account]:
    """What each record of an asset says now."""
    return _accounts(record, asset)[0]


def _accounts(record: Record, asset: AssetId) -> tuple[list[Account], dict[RecordId, LinkRow]]:
    links = {link.record: link for link in record.ledger.linked(asset)}
    rows = record.ledger.records(links)
    accounts = [read(rows[found], record.ledger.sections(found)) for found in links]
    return sorted(accounts, key=lambda account: account.row.key), links


def _claim(entry: Weighed, *, wins: bool) -> ClaimExplained:
    key = entry.claim.record.key
    return ClaimExplained(
        entry.claim.value,
        key.source.kind,
        key.source.instance,
        key.scope,
        key.native_key,
        entry.claim.said_at,
        entry.rank + 1,
        entry.stale,
        wins,
        entry.why,
    )


def _link(link: LinkRow, account: Account) -> LinkExplained:
    key = account.row.key
    return LinkExplained(
        key.source.kind,
        key.source.instance,
        key.scope,
        key.native_key,
        link.rule,
        link.since,
        link.decided_at,
        account.row.seen_at,
        link.evidence,
    )
