"""Assets of which a run may say that they are gone: nobody saw them since it began."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cmdb.model.observation import RunEvent, Source
from cmdb.store.port import AssetId, Ledger, Record
from reconcile.lifecycle import looks

_LONGEST_RUN = timedelta(days=30)


def by_run(record: Record, run: RunEvent) -> set[AssetId]:
    """A run is complete, or is now known to have begun earlier than was thought."""
    ledger = record.ledger
    runs = ledger.complete_runs(run.source, run.scope, run.at - _LONGEST_RUN)
    mine = [row for row in runs if row.run == run.run]
    if run.state is None:
        # For so long it was taken to have begun when it ended.
        since = max((row.ended_at for row in mine), default=run.at)
        return since_then(ledger, run.source, run.scope, since)
    since = min((row.began_at for row in mine), default=run.at)
    linked = _unheard(ledger, run.source, run.scope, since)
    if all(row.began_at <= run.at for row in runs):
        # What is missing already is missing since an earlier run.
        linked = record.view.present(linked)
    return _unseen(ledger, linked, since)


def since_then(ledger: Ledger, source: Source, scope: str, since: datetime) -> set[AssetId]:
    """Things that a source used to see, and nobody saw since a time."""
    return _unseen(ledger, _unheard(ledger, source, scope, since), since)


def _unheard(ledger: Ledger, source: Source, scope: str, since: datetime) -> set[AssetId]:
    """Assets of records of a source that were not heard since a time, or not about them."""
    rows = ledger.records(ledger.records_of(source, scope)).values()
    heard = {row.id for row in rows if row.seen_at >= since}
    quiet, seen = set[AssetId](), set[AssetId]()
    for record, links in ledger.stretches(row.id for row in rows).items():
        for link in links:
            going_on = link.until is None and record in heard
            (seen if going_on else quiet).add(link.asset)
    return quiet - seen if looks(source) else quiet


def _unseen(ledger: Ledger, assets: Iterable[AssetId], since: datetime) -> set[AssetId]:
    """Those that nobody who looks at things saw; lists may tell of what is long gone."""
    speaking = {
        asset: [link.record for link in ledger.linked(asset) if link.until is None]
        for asset in assets
    }
    rows = ledger.records({record for records in speaking.values() for record in records})
    saw = {row.id for row in rows.values() if looks(row.key.source) and row.seen_at >= since}
    return {asset for asset, records in speaking.items() if saw.isdisjoint(records)}
