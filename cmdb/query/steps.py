"""The changes of an asset around a moment, for going from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cmdb.store.port import AssetId, Change, Record

_PAGE = 8
"""Mostly the two newest tell."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Times at which something about an asset was learned; None: never."""

    before: datetime | None = None
    """The change before the one that holds."""
    since: datetime | None = None
    """The one that holds."""
    after: datetime | None = None
    """The one that ends it."""


def steps(record: Record, asset: AssetId, at: datetime | None) -> Steps:
    """The changes around a time; None: now. The record is the present one."""
    history = record.history
    newest = None if at is None else history.newest_change(at) + 1
    held: list[datetime] = []
    for change in _newest_first(record, asset, newest):
        # What one transaction told is one step.
        if not held or change.at != held[-1]:
            held.append(change.at)
        if len(held) > 1:
            break
    after = None
    if at is not None:
        for change in history.since(asset, history.moment(at, None)):
            after = change.at
    since, before = (*held, None, None)[:2]
    return Steps(before, since, after)


def _newest_first(record: Record, asset: AssetId, before: int | None) -> Iterator[Change]:
    while True:
        page = record.view.changes(asset, _PAGE, before)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].sequence
