"""What was installed at a moment, on one asset and by title.

Of nearly all assets the records tell by themselves. Where a record told of an asset for a part of
its time only, all who spoke for it are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cmdb.store.port import AssetId, RecordId
from reconcile.past import Past


class PastPrograms:
    """Programs as of one moment."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._history = past.record.history

    def on(self, asset: AssetId) -> tuple[int, ...]:
        """Releases that were installed on an asset, ascending."""
        return self._history.programs_on(self._past.ledger.linked(asset), self._past.moment)

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """Assets that had the title, with its versions."""
        found: dict[AssetId, set[str]] = {}
        for record, versions in self._history.holders(title, self._past.moment).items():
            asset = self._speakers.get(record)
            if asset is not None and asset not in self._parted:
                found.setdefault(asset, set()).update(versions)
        known = {row.id: row.version for row in self._past.record.view.releases_of(title)}
        for asset, releases in self._parted.items():
            if held := releases & known.keys():
                found[asset] = {known[release] for release in held}
        return {asset: tuple(sorted(held)) for asset, held in sorted(found.items())}

    @cached_property
    def _speakers(self) -> Mapping[RecordId, AssetId]:
        return self._history.speakers(self._past.moment)

    @cached_property
    def _parted(self) -> Mapping[AssetId, frozenset[int]]:
        """Programs of the assets of which some record told for a part of its time."""
        return {
            asset: frozenset(self.on(asset)) for asset in self._history.parted(self._past.moment)
        }
