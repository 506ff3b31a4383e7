"""Why an asset is missing or retired, now or at a moment of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmdb.query.models import Standing
from reconcile.decisions import decided
from reconcile.explain import accounts_of
from reconcile.things import Things

if TYPE_CHECKING:
    from datetime import datetime

    from cmdb.store.port import AssetId, Record
    from reconcile.lifecycle import Life
    from reconcile.past_record import PastRecord


def standing(record: Record, asset: AssetId, at: datetime) -> Standing | None:
    """The reason; None where the words of its sources do not tell of the state that it has."""
    row = record.view.asset(asset)
    if row is None:
        return None
    accounts = accounts_of(record, row.parent or asset)
    holding = decided(record.ledger.decisions())
    return _told(Things(record, holding).life(accounts, at), row.state)


def standing_then(past: PastRecord, asset: AssetId) -> Standing | None:
    """The reason at the moment."""
    row = past.view.asset(asset)
    if row is None:
        return None
    return _told(past.past.standing(past.past.accounts(row.parent or asset), row.state), row.state)


def _told(life: Life, state: str) -> Standing | None:
    return Standing(life.since, life.why) if life.state == state and life.why else None
