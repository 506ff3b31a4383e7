"""That an asset is back under its old id, and by which decision: said by the change feed.

An asset that was joined with another, or of which nothing counted any more, is not new when its
records are about it again. Knows decisions and the view, no records.
"""

from __future__ import annotations

from collections.abc import Iterable

from cmdb.model.observation import Decision, Json
from cmdb.store.port import AssetId, AssetRow, View
from reconcile.decisions import UNDOES

RETURNED = "returned"
"""In the change feed, as CREATED is, of an asset that was there before."""
CREATED = "created"
_JOINED = "joined"
_PAGE = 50
CAME = frozenset({CREATED, RETURNED})
"""What the feed says of an asset that was not there just before."""


def why(decisions: Iterable[Decision]) -> str:
    """What brings assets back when these decisions are carried out; or nothing."""
    told = (_told(decision) for decision in decisions)
    return "; ".join(dict.fromkeys(filter(None, told)))


def entry(
    view: View, asset: AssetId, joined: AssetRow | None, detail: dict[str, Json], reason: str
) -> tuple[str, dict[str, Json]]:
    """The word of the feed for an asset that comes to be, and its detail.

    Args:
        view: To ask for what was told of it before.
        asset: Which.
        joined: The asset with which it was one until now.
        detail: What is told of one that is new.
        reason: From `why`.
    """
    if joined is None and not was_there(view, asset):
        return CREATED, detail
    because: dict[str, Json] = {"why": f"returned by {reason}"} if reason else {}
    source: dict[str, Json] = {"from": f"ci-{joined.id}"} if joined is not None else {}
    return RETURNED, {**detail, **source, **because}


def was_there(view: View, asset: AssetId) -> bool:
    """Whether the feed ever told of this asset itself.

    That others went into it is told before it is: a stub of a scan does, into what is new.
    """
    before: int | None = None
    while page := view.changes(asset, _PAGE, before):
        if any(each.what != _JOINED for each in page):
            return True
        before = page[-1].sequence
    return False


def _told(decision: Decision) -> str:
    if decision.act == "undo":
        return f"the undoing of decision {decision.extra[UNDOES]}"
    return {"different": "a split", "include": "an inclusion"}.get(decision.act, "")
