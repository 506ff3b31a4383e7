"""Answers about the past in the words of those about the present."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from cmdb.query.models import AttributeView
from cmdb.store.port import AssetId, Headline, Record
from reconcile.explain import attributes
from reconcile.past_record import PastRecord


def attributes_then(past: PastRecord, asset: AssetId) -> Sequence[AttributeView]:
    """The values of an asset with the claims that won, as the asset itself had them."""
    row = past.view.asset(asset)
    if row is None:
        return ()
    found = attributes(cast("Record", past), asset, past.past.clock)
    shown = [
        each if each.value == row.attributes[each.name] else _as_it_stood(past, asset, each)
        for each in found
        if each.name in row.attributes
    ]
    return [each for each in shown if each is not None]


def headlines_then(past: PastRecord, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
    """What others showed of assets, laid out by themselves without what they have to do with."""
    reads, history = past.past, past.history
    with history.scratch(assets) as scratch:
        with scratch.transaction(reads.clock):
            for asset in assets:
                if accounts := reads.accounts(asset):
                    made = reads.projection(asset, accounts)
                    scratch.view.put(asset, replace(made, addresses=(), parts=(), edges=()))
                reads.reads.forget()
        return scratch.view.headlines(assets)


def _as_it_stood(past: PastRecord, asset: AssetId, view: AttributeView) -> AttributeView:
    """A value that the change feed knows better, with whoever claimed it."""
    row = past.view.asset(asset)
    value = row.attributes[view.name] if row else view.value
    claims = (account.claims.get(view.name) for account in past.past.accounts(asset))
    said = next((claim for claim in claims if claim is not None and claim.value == value), None)
    if said is None:
        return replace(view, value=value)
    source = said.record.key.source
    return replace(
        view,
        value=value,
        source_kind=source.kind,
        source_instance=source.instance,
        observed_at=said.said_at,
    )


def named(answer: object, names: Mapping[str, str]) -> object:
    """An answer in which ids that are none any more are replaced by what they stood for."""
    if isinstance(answer, str):
        return names.get(answer, answer)
    if isinstance(answer, tuple | list):
        return tuple(named(each, names) for each in answer)
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        told = {each.name: getattr(answer, each.name) for each in dataclasses.fields(answer)}
        altered = {name: new for name, old in told.items() if (new := named(old, names)) is not old}
        return replace(answer, **altered) if altered else answer
    return answer
