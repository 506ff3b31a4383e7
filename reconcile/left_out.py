"""Explains an asset that is no more because people excluded all that was said of it.

No view holds it: it is found through the decisions, by the id that it had or by a name that one of
its records says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from cmdb.store.port import AssetId, LinkRow, Record, RecordRow, UnknownAsset
from cmdb.store.speaking import speaking
from reconcile.account import Account
from reconcile.decisions import Decided, decided, excluding
from reconcile.excluded import Excluded, told
from reconcile.voices import Voices

_MOST_READ = 5_000
"""Excluded records that are looked through for a name."""
_ID = re.compile(r"(?:ci-)?(\d{1,15})", re.IGNORECASE | re.ASCII)
_NAMES = ("name", "fqdn")


def all_excluded(record: Record, unknown: UnknownAsset) -> UnknownAsset:
    """The error of who looks for an asset, which says so where people excluded all of it."""
    if not unknown.called:
        return unknown
    decisions = list(record.ledger.decisions())
    try:
        asset, excluded = LeftOut(record, decided(decisions)).only(unknown.called, unknown)
    except UnknownAsset as error:
        return error
    why = "; ".join(dict.fromkeys(each.why for each in excluded))
    by = filter(None, (excluding(decisions, each.row.key) for each in excluded))
    undo = " and ".join(f"'stocktake undo {number}'" for number in sorted({each[0] for each in by}))
    return UnknownAsset(
        f"all records of ci-{asset} are {why}; {undo} includes them again,"
        f" 'stocktake explain ci-{asset}' tells what they say"
    )


class LeftOut:
    """Finds what excluded records were about."""

    def __init__(self, record: Record, holding: Decided) -> None:
        self._ledger = record.ledger
        self._decided = holding
        self._voices = Voices(record.ledger)

    def found(self, ref: str) -> dict[AssetId, list[Excluded]]:
        """Assets that answered to an id or name, with the excluded records that were about each."""
        if not self._decided.records and not self._decided.sources:
            return {}
        text = ref.strip()
        match = _ID.fullmatch(text)
        wanted = AssetId(int(match[1])) if match else None
        known: dict[AssetId, list[RecordRow]] = {}
        meant: set[AssetId] = set()
        for row, asset in self._about():
            known.setdefault(asset, []).append(row)
            if asset == wanted or (match is None and asset not in meant and self._says(row, text)):
                meant.add(asset)
        return {asset: [self._told(row, asset) for row in known[asset]] for asset in sorted(meant)}

    def only(self, ref: str, unknown: UnknownAsset) -> tuple[AssetId, list[Excluded]]:
        """The one asset that answered to an id or name, with the excluded records about it.

        Raises:
            UnknownAsset: There is none such, which is `unknown`, or there are several.
        """
        found = self.found(ref)
        if not found:
            raise unknown
        (asset, excluded), *others = found.items()
        if others:
            ids = ", ".join(f"ci-{each}" for each in found)
            raise UnknownAsset(
                f"{ref!r} was the name of several that are excluded: {ids}; name an id"
            )
        return asset, excluded

    def _about(self) -> Iterator[tuple[RecordRow, AssetId]]:
        """Excluded records, and what each was about last."""
        every = (row for row in self._ledger.all_records() if self._decided.excludes(row.key))
        for row in islice(every, _MOST_READ):
            links = self._ledger.link_history(row.id)
            if links and not self._ledger.linked(links[-1].asset):
                yield row, links[-1].asset

    def _says(self, row: RecordRow, name: str) -> bool:
        accounts = self._accounts(row, self._links(row))
        said = (account.text(attribute) for account in accounts for attribute in _NAMES)
        return any(text is not None and text.casefold() == name.casefold() for text in said)

    def _links(self, row: RecordRow) -> list[LinkRow]:
        return list(self._ledger.link_history(row.id))[-1:]

    def _accounts(self, row: RecordRow, links: list[LinkRow]) -> tuple[Account, ...]:
        return tuple(self._voices.account(row, link) for link in speaking(links, {row.id: row}))

    def _told(self, row: RecordRow, asset: AssetId) -> Excluded:
        by = excluding(self._ledger.decisions(), row.key)
        links = self._links(row)
        how = f"it was ci-{asset}"
        return Excluded(row, self._accounts(row, links), how, told(*by) if by else "excluded")
