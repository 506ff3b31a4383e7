"""Compares agent, journal and record item by item, for the tests that kill them.

An item is named by its native key and a value that no other item has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cmdb.store.port import AssetId, Change, RecordRow
    from cmdb.store.sqlite.record import SqliteRecord
    from stocktake.v1.intake_pb2 import Item


@dataclass(frozen=True)
class Account:
    """What the agent said of its items: about to be kept, kept, seen acknowledged."""

    tried: frozenset[str]
    kept: frozenset[str]
    acknowledged: frozenset[str]


@dataclass(frozen=True)
class Found:
    """Items in the order in which they were found: in the journal, in the record, in the feed."""

    journal: tuple[str, ...]
    record: tuple[str, ...]
    feed: tuple[str, ...]
    created: tuple[str, ...]
    """Assets that the feed says were made."""


def faults(account: Account, found: Found) -> list[str]:
    """What is wrong; empty when every item is where it must be, once."""
    journal, record = Counter(found.journal), Counter(found.record)
    wrong = [f"journalled {n} times: {item}" for item, n in journal.items() if n > 1]
    wrong += [f"applied {n} times: {item}" for item, n in record.items() if n > 1]
    wrong += [
        f"acknowledged and not journalled: {x}" for x in account.acknowledged - journal.keys()
    ]
    wrong += [f"kept and never sent: {item}" for item in account.kept - journal.keys()]
    wrong += [f"journalled and never made: {item}" for item in journal.keys() - account.tried]
    wrong += [f"journalled and not applied: {item}" for item in journal.keys() - record.keys()]
    wrong += [f"applied and never journalled: {item}" for item in record.keys() - journal.keys()]
    for word, items in (("told", found.feed), ("made", found.created)):
        wrong += [f"the feed {word} {n} times: {x}" for x, n in Counter(items).items() if n > 1]
    wrong += [f"told of and never applied: {item}" for item in set(found.feed) - record.keys()]
    if not (account.acknowledged and journal and record and found.feed and found.created):
        wrong.append("nothing was compared")
    return sorted(wrong)


class JournalWatch:
    """Reads the journal as it grows: what is applied is trimmed away after a while."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last = 0
        self.items: list[str] = []
        self.gaps: list[str] = []

    def poll(self) -> None:
        """Takes note of what came since."""
        from collector.journal.sqlite import SqliteReader
        from stocktake.v1.intake_pb2 import Item

        reader = SqliteReader(self._path)
        try:
            for numbered in reader.read(self.last, 1 << 30, 1 << 40):
                if numbered.sequence != self.last + 1:
                    self.gaps.append(f"the journal goes from {self.last} to {numbered.sequence}")
                self.last = numbered.sequence
                self.items.append(item_word(Item.FromString(numbered.entry.body)))
        finally:
            reader.close()


def account_of(folder: Path) -> Account:
    """What the agent's log says."""
    said: dict[str, set[str]] = {"tried": set(), "kept": set(), "acknowledged": set()}
    for line in (folder / "log").read_text(encoding="utf-8").splitlines():
        word, _, items = line.partition(" ")
        # A line that a kill cut short has no full stop, and says nothing.
        if items.endswith("."):
            said[word].update(items.removesuffix(".").split(","))
    return Account(*(frozenset(said[word]) for word in ("tried", "kept", "acknowledged")))


def found_in(home: Path, watch: JournalWatch) -> Found:
    """The items in journal, record and change feed."""
    from cmdb.store.sqlite.record import open_record

    record = open_record(home / "record.db", readonly=True)
    try:
        applied: list[str] = []
        names: dict[AssetId, str] = {}
        for row in record.ledger.all_records():
            applied += versions(record, row)
            names[record.ledger.links([row.id])[row.id].asset] = row.key.native_key
        feed, created = _feed(record, names)
    finally:
        record.close()
    return Found(tuple(watch.items), tuple(applied), tuple(feed), tuple(created))


def versions(record: SqliteRecord, row: RecordRow) -> list[str]:
    """Every word that a record ever said, the present one first."""
    from cmdb.model.observation import SectionKind
    from reconcile.sections import read_values

    kind = SectionKind.OPERATING_SYSTEM
    words = [record.ledger.sections(row.id)[kind], *record.ledger.past(row.id, kind)]
    values = [read_values(word.body).values["kernel_version"] for word in words]
    return [f"{row.key.native_key}#{value}" for value in values]


def _feed(record: SqliteRecord, names: dict[AssetId, str]) -> tuple[list[str], list[str]]:
    """Values to which the feed says that assets changed, and assets that it says were made."""
    told: list[str] = []
    created: list[str] = []
    before: int | None = None
    while page := record.view.changes(None, 500, before):
        before = page[-1].sequence
        for change in page:
            if change.what == "created":
                created.append(names[change.asset])
            elif value := _changed_to(change):
                told.append(f"{names[change.asset]}#{value}")
    return told, created


def _changed_to(change: Change) -> str | None:
    attributes = change.detail.get("attributes") if isinstance(change.detail, dict) else None
    pair = attributes.get("kernel_version") if isinstance(attributes, dict) else None
    return str(pair[1]) if isinstance(pair, list) else None


def item_word(item: Item) -> str:
    """The native key and the value that no other item has."""
    said = item.observation
    (value,) = (section.operating_system.kernel_version for section in said.sections)
    return f"{said.native_key}#{value}"
