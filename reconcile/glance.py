"""Assets of which the records said little or nothing new, and that need no whole projection.

What is installed decides nothing of a projection, and sockets decide only what lies inside a
machine. That something was said again decides nothing either, but where claims are weighed by time,
where two assets were seen at one address, and where the asset was not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.observation import SectionKind
from cmdb.store.port import AssetId, Record, RecordId, RecordRow
from reconcile.account import Account, sockets
from reconcile.project import in_order

_UNSHOWN = frozenset(
    {
        SectionKind.PROGRAMS,
        SectionKind.DISKS,
        SectionKind.COMPONENTS,
        SectionKind.USERS,
        SectionKind.LICENCE_EVIDENCE,
    }
)
"""Sections that no projection is made from."""
_SOCKETS = frozenset({SectionKind.SERVICES, SectionKind.CONNECTIONS})
LITTLE = _UNSHOWN | _SOCKETS
"""Sections that decide at most what lies inside a machine."""


@dataclass
class Word:
    """What is to be noted of an asset."""

    seen_at: datetime
    records: set[RecordId] = field(default_factory=set)
    told: bool = False
    """Whether anything differs."""
    sockets: bool = False
    """Whether what lies inside it may differ."""
    other_talk: bool = False
    """Whether it has other connections."""
    talked: datetime | None = None
    """When the same connections were seen again."""


class Glance:
    """Weighs assets whose records said little."""

    def __init__(self, record: Record) -> None:
        self._ledger = record.ledger
        self._view = record.view
        self._assets: dict[RecordId, AssetId] = {}
        self._speakers: dict[AssetId, tuple[RecordId, ...]] = {}
        self._rows: dict[RecordId, RecordRow] = {}
        self._same: set[AssetId] = set()

    def weigh(self, records: Iterable[RecordId]) -> set[AssetId]:
        """Of the assets of these records those that are to be projected anew."""
        links = self._ledger.links(records)
        self._assets = {record: link.asset for record, link in links.items()}
        about = set(self._assets.values())
        self._speakers = self._ledger.speakers(about)
        self._rows = self._ledger.records(
            {record for found in self._speakers.values() for record in found}
        )
        same = set(self._speakers)
        same -= self._view.unsettled(same) | self._view.contested(same)
        self._same = same
        return about - same

    def asset(self, record: RecordId) -> AssetId | None:
        """The asset that a record is about."""
        return self._assets.get(record)

    def words(
        self,
        few: Mapping[RecordId, Set[SectionKind]],
        quiet: Set[RecordId],
        talked: Mapping[RecordId, datetime],
    ) -> list[tuple[AssetId, Word]]:
        """What is to be noted of the assets that are as before.

        Args:
            few: Records that said little else, with the sections.
            quiet: Records that said the same again.
            talked: When records told of the same connections again.
        """
        found: dict[AssetId, Word] = {}
        for record in sorted({*few, *quiet}):
            asset = self._assets.get(record)
            if asset is None or asset not in self._same:
                continue
            seen_at = self._rows[record].seen_at
            word = found.setdefault(asset, Word(seen_at))
            word.records.add(record)
            word.seen_at = max(word.seen_at, seen_at)
            word.told |= record in few
            kinds = few.get(record, set())
            word.sockets |= bool(kinds & _SOCKETS)
            word.other_talk |= SectionKind.CONNECTIONS in kinds
            if record in talked:
                word.talked = max(word.talked or talked[record], talked[record])
        return sorted(found.items(), key=lambda both: both[0])

    def accounts(self, asset: AssetId) -> list[Account]:
        """What its records say of sockets."""
        return in_order(
            sockets(self._rows[record], self._ledger) for record in self._speakers[asset]
        )


def little(changed: Mapping[RecordId, Set[SectionKind]]) -> dict[RecordId, Set[SectionKind]]:
    """Records of which no other sections changed."""
    return {record: kinds for record, kinds in changed.items() if kinds <= LITTLE}
