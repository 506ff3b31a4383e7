"""Why an attribute is as it is: the reconciler's explanation, as pages show it."""

from __future__ import annotations

from datetime import datetime

from cmdb.query.assets import asset_name
from cmdb.query.models import ClaimView
from cmdb.store.port import AssetId, Record
from reconcile.explain import explain


def reasons(record: Record, asset: AssetId, name: str, at: datetime) -> tuple[ClaimView, ...]:
    """Every claim about one attribute, the winner first.

    Raises:
        UnknownAsset: there is no such asset or attribute.
    """
    found = explain(record, asset_name(asset), name, at)
    return tuple(
        ClaimView(
            claim.value,
            claim.source_kind,
            claim.source_instance,
            claim.said_at,
            claim.stale,
            claim.wins,
            claim.why,
        )
        for each in found.attributes
        for claim in each.claims
    )
