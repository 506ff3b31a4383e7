"""What is so about one asset: a pure function of its records and the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

from cmdb.model.classes.authority import MEASURED
from cmdb.model.declare import Attribute
from cmdb.model.observation import Json, SectionKind
from cmdb.store.port import AssetId, Edge, Projection
from reconcile.account import UNKNOWN_CLASS, Account, Claim, addresses
from reconcile.authority import winner
from reconcile.class_claim import class_of
from reconcile.decisions import BY_HAND
from reconcile.lifecycle import Life
from reconcile.parts import edges_of, parts_of
from reconcile.rules.model import DEFAULTS, Rules

DEMO_SCOPE = "demo"
"""Scope of the sample estate; what lies in it is marked wherever it is shown."""

_RANKS = {rank.kind: place for place, rank in enumerate(MEASURED.ranks)}
_NAMES = ("name", "fqdn")
_OTHER_NAMES_MOST = 16
"""Of more the first in order find the asset."""
_HOSTED = ("VirtualMachine", "Container")
Resolved = Mapping[tuple[str, str], AssetId]


def project(
    accounts: Sequence[Account],
    targets: Sequence[tuple[str, AssetId]],
    life: Life,
    now: datetime,
    rules: Rules = DEFAULTS,
) -> Projection:
    """The projection of an asset.

    Args:
        accounts: Its records, at least one.
        targets: Type and target of the relations that its records state, as far as the
            targets are known; "parent" stands for the thing it is part of.
        life: Whether it is present.
        now: The clock against which claims grow stale.
        rules: Whose claims win.
    """
    ordered = in_order(accounts)
    kind = class_of(ordered, MEASURED, now)
    cls = kind.name or UNKNOWN_CLASS
    attributes, stale_at, contested = _attributes(rules.attributes(cls), ordered, now)
    parts = parts_of(ordered)
    said = _said(cls, targets)
    return Projection(
        cls=cls,
        attributes=attributes,
        scope=_scope(ordered),
        state=life.state,
        first_seen=min(account.since or account.row.first_at for account in ordered),
        last_seen=max(account.said_at for account in _looking(ordered)),
        source_kinds=tuple(sorted({each.row.key.source.kind for each in ordered if _tells(each)})),
        demo=all(account.row.key.scope == DEMO_SCOPE for account in ordered),
        addresses=_addresses(ordered),
        macs=_macs(ordered),
        other_names=_other_names(ordered, attributes),
        parts=parts,
        edges=(*edges_of(ordered, parts), *said),
        stale_at=min(
            (at for at in (stale_at, kind.turns_at, life.next_at) if at is not None), default=None
        ),
        contested=contested
        or kind.contested
        or len({each.row.key.scope for each in _rivals(ordered)}) > 1,
    )


def in_order(accounts: Iterable[Account]) -> list[Account]:
    """Accounts, the most trusted first."""
    return sorted(accounts, key=_trust)


def _looking(accounts: Sequence[Account]) -> Sequence[Account]:
    """Those that saw the thing: a value that a person set is no sight of it."""
    return [each for each in accounts if each.row.key.source != BY_HAND] or accounts


def _tells(account: Account) -> bool:
    """Whether it says anything: not by whom all that was set was taken back."""
    values = (claim.value for claim in account.claims.values())
    return account.row.key.source != BY_HAND or any(value is not None for value in values)


def _trust(account: Account) -> tuple[object, ...]:
    return (_rank(account), account.row.key.source.kind, account.row.key)


def _rank(account: Account) -> int:
    return _RANKS.get(account.row.key.source.kind, len(_RANKS))


def _attributes(
    declared: Sequence[Attribute], accounts: Sequence[Account], now: datetime
) -> tuple[dict[str, Json], datetime | None, bool]:
    """Values, when time alone may change them, and whether repeated words may."""
    values: dict[str, Json] = {}
    contested = False
    stale: list[datetime] = []
    claims: dict[str, list[Claim]] = {}
    for account in accounts:
        for name, claim in account.claims.items():
            claims.setdefault(name, []).append(claim)
    for attribute in declared:
        if attribute.name in claims:
            won = winner(attribute, claims[attribute.name], now)
            contested = contested or won.contested
            stale += [won.turns_at] if won.turns_at else []
            if won.claim is not None:
                values[attribute.name] = won.claim.value
    return values, min(stale, default=None), contested


def _scope(accounts: Sequence[Account]) -> str:
    """Where it is: the scope of its most trusted account that was heard last."""
    newest = max(_rivals(accounts), key=lambda account: (account.said_at, account.row.key))
    return newest.row.key.scope


def _rivals(accounts: Sequence[Account]) -> list[Account]:
    """Those of the most trusted kind."""
    kind = accounts[0].row.key.source.kind
    return [account for account in accounts if account.row.key.source.kind == kind]


def _addresses(accounts: Sequence[Account]) -> tuple[tuple[str, str, datetime, str], ...]:
    found: dict[tuple[str, str], tuple[datetime, str]] = {}
    for account in accounts:
        key = account.row.key
        at = account.at.get(SectionKind.INTERFACES, account.said_at)
        witness = f"{_rank(account):02}/{key.source.kind}/{key.source.instance}/{key.native_key}"
        for address in addresses(account):
            known = found.get((key.scope, address))
            if known is None or (at, known[1]) > (known[0], witness):
                found[key.scope, address] = (at, witness)
    return tuple((scope, address, *seen) for (scope, address), seen in sorted(found.items()))


def _macs(accounts: Sequence[Account]) -> tuple[str, ...]:
    macs = {
        cast("str", interface["mac"]).lower()
        for account in accounts
        for interface in account.interfaces
        if isinstance(interface.get("mac"), str) and interface["mac"]
    }
    return tuple(sorted(macs))


def _other_names(accounts: Sequence[Account], values: Mapping[str, Json]) -> tuple[str, ...]:
    """What others among its records call it, such as the loser's name after a join."""
    if len(accounts) == 1:
        return ()
    known = {str(values.get(attribute, "")).casefold() for attribute in _NAMES}
    said = (account.text(attribute) for account in accounts for attribute in _NAMES)
    names = {text.strip() for text in said if text and text.strip().casefold() not in known}
    return tuple(sorted(names - {""})[:_OTHER_NAMES_MOST])


def _said(cls: str, targets: Sequence[tuple[str, AssetId]]) -> tuple[Edge, ...]:
    parent = "hosted_on" if cls in _HOSTED else "part_of"
    edges = {
        Edge(None, parent if type_ == "parent" else type_, target): None
        for type_, target in targets
    }
    return tuple(edges)
