"""What is said of a name that nothing answered to at a moment, though something does now."""

from __future__ import annotations

from cmdb.query.identity import asset_ref
from cmdb.store.port import UnknownAsset, View
from reconcile.past import Past


def not_then(past: Past, now: View, text: str, error: UnknownAsset) -> UnknownAsset:
    """The error of the past, which tells since when it is where it came later.

    Args:
        past: The moment.
        now: The view as it is.
        text: The name, as asked.
        error: What the past answered.
    """
    try:
        row = now.find(text)
    except UnknownAsset:
        return error
    clock = past.clock
    called = f"{asset_ref(row.id)} is called {text!r} now"
    if row.first_seen > clock:
        told = f"{called} and was first seen at {row.first_seen:%Y-%m-%dT%H:%M:%SZ}"
    else:
        told = f"{called}; 'stocktake history {asset_ref(row.id)}' tells since when"
    return UnknownAsset(f"nothing was known as {text!r} at {clock:%Y-%m-%dT%H:%M:%SZ}: {told}")
