"""Who may have pointed at an asset, though nobody does any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cmdb.store.port import AssetId, Projection
from reconcile import keys
from reconcile.account import Account
from reconcile.past import Past


def once_pointing(past: Past, accounts: Sequence[Account], made: Projection) -> set[AssetId]:
    """Assets that named it, or talked to an address that it had; what they said then tells.

    Args:
        past: The moment.
        accounts: What was said of the asset then.
        made: The asset as it was.
    """
    history = past.record.history
    named = {
        record
        for account in accounts
        for record in history.carriers(keys.reference(account.row.key))
    }
    links = past.ledger.stretches(named).values()
    found = {link.asset for stretches in links for link in stretches}
    places = sorted({(scope, address) for scope, address, _, _ in made.addresses})
    return found | set(_now(past, history.callers(places)))


def _now(past: Past, assets: Iterable[AssetId]) -> Iterable[AssetId]:
    """These, and what they were joined with since."""
    for asset in assets:
        yield asset
        row = past.record.view.asset(asset)
        if row is not None:
            yield row.id
