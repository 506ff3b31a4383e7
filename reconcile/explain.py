"""Why a value is what it is, and why records are one asset: read out of what was said.

Nothing here is stored for the purpose; the same functions that chose are asked again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.classes.authority import MEASURED
from cmdb.model.declare import Attribute, Empty
from cmdb.query.models import AttributeView
from cmdb.store.port import AssetId, AssetRow, LinkRow, Record, RecordRow, UnknownAsset
from reconcile.account import UNKNOWN_CLASS, Account, Claim
from reconcile.as_told import Told, evidence_told, uuids_told
from reconcile.authority import Weighed, in_order, weigh
from reconcile.by_record import by_record
from reconcile.class_claim import class_of
from reconcile.decisions import Decided, decided
from reconcile.excluded import Excluded, excluded_from
from reconcile.explained import (
    AttributeExplained,
    ClaimExplained,
    ExcludedExplained,
    Explanation,
    LinkExplained,
)
from reconcile.instants import to_micros
from reconcile.left_out import LeftOut
from reconcile.rules.identity import rules_of_asset
from reconcile.rules.model import DEFAULT, Rules
from reconcile.rules.write import time, tolerance
from reconcile.shrunken import unheeded
from reconcile.things import Things
from reconcile.uncounted import Uncounted, uncounted
from reconcile.voices import Voices
from reconcile.witness import Witness

SEPARATOR = "\0"
EXCLUDED = "excluded"
"""In place of the state of an asset of which nothing counts."""
LEFT_OUT = " (left out by rules)"


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
    try:
        row = record.view.find(ref)
    except UnknownAsset as error:
        return _of_excluded(record, ref, attribute, at, error)
    owner = row.parent if row.parent is not None else row.id
    links = record.ledger.linked(owner)
    accounts = Voices(record.ledger).of(links)
    holding = decided(record.ledger.decisions())
    declared = holding.rules.attributes(row.cls)
    wanted = [entry for entry in declared if attribute in (None, entry.name)]
    if not wanted:
        names = ", ".join(entry.name for entry in declared)
        raise UnknownAsset(f"{row.cls} has no attribute {attribute!r}; it has {names}")
    origin = functools.partial(holding.rules.origin_of, row.cls)
    excluded = excluded_from(record, owner, links, holding)
    found = [
        explain_attribute(entry, accounts, at, origin(entry.name), excluded)
        for entry in wanted
        if row.parent is None
    ]
    shown = tuple(entry for entry in found if entry.claims or attribute)
    life = Things(record, holding).life(accounts, at)
    return Explanation(
        f"ci-{row.id}",
        row.name,
        row.cls,
        life.state,
        life.since,
        life.why or "; ".join(unheeded(record.ledger, accounts)),
        _state_rule(holding.rules, row.cls, accounts),
        tuple(rules_of_asset(holding.rules, row.cls, _given(record, links))),
        shown,
        _links(record, links, holding),
        tuple(map(_left_out, excluded)),
        at,
    )


def _of_excluded(
    record: Record, ref: str, attribute: str | None, at: datetime, unknown: UnknownAsset
) -> Explanation:
    """What was said of an asset that is no more, since people excluded all of it.

    Raises:
        UnknownAsset: There is none such, or there are several.
    """
    holding = decided(record.ledger.decisions())
    asset, excluded = LeftOut(record, holding).only(ref, unknown)
    accounts = [account for each in excluded for account in each.accounts]
    cls = class_of(accounts, MEASURED, at).name
    cls = cls if cls in CLASS_BY_NAME else UNKNOWN_CLASS
    declared = holding.rules.attributes(cls)
    told = [
        explain_attribute(entry, (), at, holding.rules.origin_of(cls, entry.name), excluded)
        for entry in declared
        if attribute in (None, entry.name)
    ]
    names = [account.text("name") or account.text("fqdn") for account in accounts]
    why = "; ".join(dict.fromkeys(each.why for each in excluded))
    return Explanation(
        f"ci-{asset}",
        next((name for name in names if name), ""),
        cls,
        EXCLUDED,
        None,
        f"all that is said of it is {why}",
        "nothing that counts is about it",
        (),
        tuple(entry for entry in told if entry.claims or attribute),
        (),
        tuple(map(_left_out, excluded)),
        at,
    )


def _state_rule(rules: Rules, cls: str, accounts: Sequence[Account]) -> str:
    kinds = sorted({account.row.key.source.kind for account in accounts})
    found = [
        f"{kind} silent for {time(rules.silence[kind])} ({rules.origin('silence', kind)})"
        for kind in kinds
        if rules.silence.get(kind) is not None
    ]
    after = rules.retire_after(cls)
    found.append(f"retired after {time(after)} missing ({rules.origin_of_retirement(cls)})")
    return "; ".join(found)


def explain_attribute(
    attribute: Attribute,
    accounts: Sequence[Account],
    at: datetime,
    origin: str = DEFAULT,
    excluded: Sequence[Excluded] = (),
) -> AttributeExplained:
    """All claims about one attribute, weighed; those of excluded records last, whatever weight."""
    weighed = weigh(attribute, _claims(attribute, accounts), at)
    clears = attribute.authority.empty is Empty.CLEARS
    won = bool(weighed) and (weighed[0].form is not None or clears)
    return AttributeExplained(
        attribute.name,
        attribute.summary,
        attribute.unit,
        weighed[0].claim.value if won and weighed[0].form is not None else None,
        attribute.authority.rule.value,
        tuple(str(rank) for rank in attribute.authority.ranks),
        origin,
        attribute.authority.empty.value,
        _compared(attribute),
        (
            *(_claim(entry, wins=won and place == 0) for place, entry in enumerate(weighed)),
            *_unheard(attribute, excluded, at),
        ),
    )


def _claims(attribute: Attribute, accounts: Iterable[Account]) -> list[Claim]:
    return [
        account.claims[attribute.name] for account in accounts if attribute.name in account.claims
    ]


def _unheard(
    attribute: Attribute, excluded: Sequence[Excluded], at: datetime
) -> Iterator[ClaimExplained]:
    why = {each.row.key: each.why for each in excluded}
    accounts = (account for each in excluded for account in each.accounts)
    claims = _claims(attribute, accounts)
    for entry in in_order(attribute, claims, at) if claims else ():
        yield _claim(replace(entry, why=why[entry.claim.record.key]), wins=False)


def _compared(attribute: Attribute) -> str:
    allowed = tolerance(attribute.authority.tolerance)
    return f"{attribute.normal}, within {allowed}" if allowed else attribute.normal


def attributes(record: Record, asset: AssetId, at: datetime) -> tuple[AttributeView, ...]:
    """The values of an asset with the claim that won each, in the order of the declaration."""
    row = record.view.asset(asset)
    if row is None:
        return ()
    accounts = accounts_of(record, row.parent if row.parent is not None else row.id)
    declared = rules_of(record).attributes(row.cls)
    if row.parent is not None or not accounts:
        return _of_part(row, accounts, declared)
    found = (_view(entry, accounts, at) for entry in declared)
    return tuple(view for view in found if view is not None)


def _view(attribute: Attribute, accounts: Sequence[Account], at: datetime) -> AttributeView | None:
    """The value of an attribute, without the reasons; None where there is none."""
    claims = [found for each in accounts if (found := each.claims.get(attribute.name)) is not None]
    if not claims:
        return None
    best, *others = in_order(attribute, claims, at)
    if best.form is None:
        return None
    source = best.claim.record.key.source
    return AttributeView(
        attribute.name,
        best.claim.value,
        attribute.unit,
        source.kind,
        source.instance,
        best.claim.said_at,
        best.stale,
        len({other.claim.record.key.source for other in others} - {source}),
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


def rules_of(record: Record) -> Rules:
    """The rules by which a record, or one of a moment, is to be read."""
    return decided(record.ledger.decisions()).rules


def accounts_of(record: Record, asset: AssetId) -> list[Account]:
    """What those who speak for an asset say."""
    return Voices(record.ledger).of(record.ledger.linked(asset))


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


def _left_out(excluded: Excluded) -> ExcludedExplained:
    key = excluded.row.key
    return ExcludedExplained(
        key.source.kind,
        key.source.instance,
        key.scope,
        key.native_key,
        excluded.row.seen_at,
        excluded.how,
        excluded.why,
    )


def _links(record: Record, links: Sequence[LinkRow], decided: Decided) -> tuple[LinkExplained, ...]:
    rows = record.ledger.records({link.record for link in links})
    ordered = sorted(links, key=lambda link: (rows[link.record].key, link.since))
    told = uuids_told(record, links)
    return by_record(_link(record, link, rows[link.record], decided, told) for link in ordered)


def _link(
    record: Record, link: LinkRow, row: RecordRow, decided: Decided, told: Told
) -> LinkExplained:
    key = row.key
    return LinkExplained(
        key.source.kind,
        key.source.instance,
        key.scope,
        key.native_key,
        link.rule,
        link.since,
        link.until,
        link.state,
        link.decided_at,
        link.last or row.seen_at,
        _keys(record, link, decided.rules, told),
        _uncounted(record, link, row, decided),
        evidence_told(link.evidence, told),
    )


def _uncounted(
    record: Record, link: LinkRow, row: RecordRow, decided: Decided
) -> tuple[Uncounted, ...]:
    timeline = Witness(record.ledger).timeline(link.record)
    if link.until is not None or not timeline.visits:
        return ()
    account = Voices(record.ledger).account(row, link)
    return uncounted(account, timeline.evidence(timeline.visits[-1]), record.ledger, decided)


def _given(record: Record, links: Sequence[LinkRow]) -> set[tuple[str, str]]:
    """Every identifying value that the records gave, whether it counts or not."""
    witness = Witness(record.ledger)
    timelines = (witness.timeline(each) for each in {link.record for link in links})
    return {
        (name, value)
        for timeline in timelines
        for visit in timeline.visits
        for name, values in timeline.evidence(visit).values.items()
        for value in values
    }


def _keys(record: Record, link: LinkRow, rules: Rules, told: Told) -> tuple[str, ...]:
    """Identifying values that a record gave in a stretch; those that rules leave out say so."""
    timeline = Witness(record.ledger).timeline(link.record)
    since = to_micros(link.since)
    until = None if link.until is None else to_micros(link.until)
    found: dict[str, None] = {}
    for visit in timeline.visits:
        if visit.last >= since and (until is None or visit.first < until):
            given = timeline.evidence(visit)
            counted = rules.weight(given.cls).of(given)
            for name, values in given.values.items():
                for value in values:
                    mark = "" if value in counted.of(name) else LEFT_OUT
                    plain = value.rpartition(SEPARATOR)[2]
                    found[f"{name}={told.get(plain, plain)}{mark}"] = None
    return tuple(sorted(found))
