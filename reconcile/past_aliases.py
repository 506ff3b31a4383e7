"""Which ids led to an asset at a moment: those of assets that had gone into it by then.

Links tell it, the change feed does not: it may be cut. Knows nothing of how an asset looks.
"""

from __future__ import annotations

from collections.abc import Iterator

from cmdb.store.port import AssetId, AssetRow
from reconcile.past import Past


def aliases_then(past: Past, asset: AssetId, now: AssetRow) -> tuple[AssetId, ...]:
    """The aliases of an asset, in order; never its own id.

    Args:
        past: The moment.
        asset: The asset as it was then.
        now: What its id leads to now.
    """
    if past.moment.known_at is None:
        # By what is known now: these are one thing, and were.
        return tuple(each for each in now.aliases if each != asset)
    return tuple(sorted(set(_gone_into(past, asset, now))))


def _gone_into(past: Past, asset: AssetId, now: AssetRow) -> Iterator[AssetId]:
    known_at = past.moment.known_at
    for link in past.ledger.linked(asset):
        for old in past.record.ledger.link_history(link.record):
            ended = old.ended_at is not None and known_at is not None and old.ended_at <= known_at
            if ended and old.asset != asset and _led_there(past, old.asset, now):
                yield old.asset


def _led_there(past: Past, gone: AssetId, now: AssetRow) -> bool:
    """Whether nothing was about it any more, and it went nowhere else."""
    if past.ledger.linked(gone):
        return False
    row = past.record.view.asset(gone)
    return row is None or row.id in {gone, now.id}
