"""What the rest of the product may ask of a store: Ledger, View and Desk.

An adapter is right when tests/contract passes for it. The ledger is what was said and decided,
append-only. The view is what is so now, and can be rebuilt from the ledger. The desk is what
people work with. Ledger and view are written by one process, inside `transaction()`; any number
of others read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cmdb.model.observation import (
    Json,
)
from cmdb.store.errors import (
    BadSearch,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreUnavailable,
    UnknownAsset,
)
from cmdb.store.history import Compaction, History
from cmdb.store.ledger import Ledger
from cmdb.store.values import (
    AssetId,
    AssetRow,
    AuditEntry,
    Change,
    Edge,
    Headline,
    Hearings,
    HoldersPage,
    Identifier,
    Inside,
    Installed,
    LinkRow,
    Page,
    Part,
    Projection,
    RecordId,
    RecordRow,
    Related,
    RelationRow,
    Release,
    RunRow,
    Search,
    StoredSection,
    StoredTimeline,
    Title,
)

__all__ = (
    "AssetId",
    "AssetRow",
    "AuditEntry",
    "BadSearch",
    "Change",
    "Clock",
    "Edge",
    "Headline",
    "Hearings",
    "HoldersPage",
    "Identifier",
    "Inside",
    "Installed",
    "Ledger",
    "LinkRow",
    "Page",
    "Part",
    "Projection",
    "Record",
    "RecordId",
    "RecordRow",
    "Related",
    "RelationRow",
    "Release",
    "RunRow",
    "Search",
    "StoreError",
    "StoreForeign",
    "StoreFull",
    "StoreUnavailable",
    "StoredSection",
    "StoredTimeline",
    "Title",
    "UnknownAsset",
    "View",
)


class View(Protocol):
    """What is so now."""

    def new_asset(self) -> AssetId:
        """A fresh id."""
        ...

    def put(self, asset: AssetId, projection: Projection) -> None:
        """Makes this the projection of the asset, parts, edges and search included."""
        ...

    def touch(self, asset: AssetId, last_seen: datetime, connections: datetime | None) -> None:
        """Notes when the asset, and perhaps its connections, were seen again, all as before."""
        ...

    def inside(self, asset: AssetId) -> tuple[Part, ...]:
        """The parts of an asset that is there, as they were put."""
        ...

    def renew(self, asset: AssetId, inside: Inside | None) -> None:
        """Makes another revision of an asset that is as before but for what is inside it.

        Args:
            asset: One that is there and present.
            inside: Its parts and edges from now on; None: as before.
        """
        ...

    def contested(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """Those of these with an address at which another was seen, too; perhaps a few more."""
        ...

    def met(self) -> set[AssetId]:
        """Assets that came to be contested since this was asked last.

        When each was seen at its addresses counts from then on, and is to be put anew.
        """
        ...

    def unsettled(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """Those of these that are not present, or contested: to be heard of again matters."""
        ...

    def present(self, assets: Iterable[AssetId]) -> set[AssetId]:
        """Those of these that are present."""
        ...

    def part(self, asset: AssetId, local: str) -> AssetId | None:
        """The id of a part, by its name inside the asset."""
        ...

    def revive(self, asset: AssetId) -> None:
        """Lets an id that became an alias stand for itself again."""
        ...

    def drop(self, asset: AssetId, into: AssetId | None) -> None:
        """Takes an asset out; its id stays as an alias of `into`."""
        ...

    def asset(self, asset: AssetId) -> AssetRow | None:
        """The asset, or the one that its id is an alias of; None if there is none."""
        ...

    def find(self, text: str) -> AssetRow:
        """The one asset that an id (ci-12), name or fully qualified name means.

        Raises:
            UnknownAsset: None does, or several do; the message lists them.
        """
        ...

    def search(self, search: Search) -> Page:
        """A page of assets."""
        ...

    def parts(self, asset: AssetId) -> tuple[AssetRow, ...]:
        """CIs inside it, by name."""
        ...

    def headlines(self, assets: Iterable[AssetId]) -> dict[AssetId, Headline]:
        """Those of these ids and aliases that there are, by what was asked for."""
        ...

    def relations(self, asset: AssetId) -> tuple[RelationRow, ...]:
        """Relations that start or end at it."""
        ...

    def related(self, asset: AssetId, users: int, after: AssetId | None = None) -> Related:
        """Its relations, and those of its parts with what is not of it.

        Of those who use its sockets at most so many machines, in order of id; those after one
        without the other relations, which come with the first.
        """
        ...

    def all_relations(self) -> Iterator[RelationRow]:
        """Every relation between assets that are there, in order of source and target."""
        ...

    def all_assets(self, cls: str | None = None) -> Iterator[AssetRow]:
        """Every asset in order of id, parts included; of one class and those that extend it."""
        ...

    def changes(self, asset: AssetId | None, limit: int, before: int | None) -> tuple[Change, ...]:
        """Change sets, newest first."""
        ...

    def add_change(self, asset: AssetId, what: str, detail: Json) -> None:
        """Appends to the change feed."""
        ...

    def installed(self, asset: AssetId) -> tuple[Installed, ...]:
        """Programs of an asset, by name."""
        ...

    def installed_count(self, asset: AssetId) -> int:
        """How many they are."""
        ...

    def titles(self) -> Iterator[Title]:
        """Every program name ever seen, in order of id."""
        ...

    def titles_named(self, name: str) -> tuple[Title, ...]:
        """Titles of that name, without regard to the case of ASCII letters."""
        ...

    def releases_of(self, title: int) -> tuple[Release, ...]:
        """Every version of a title that was ever seen, by id."""
        ...

    def holders_page(
        self, releases: Mapping[int, int], after: AssetId | None, limit: int
    ) -> HoldersPage:
        """Assets that have one of the releases installed, those after an id, at most so many.

        Each release comes with the number of its group; those of one group count as one.
        """
        ...

    def holders_of(self, title: int) -> dict[AssetId, tuple[str, ...]]:
        """Assets that have the title installed, with the versions."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Number of assets by class."""
        ...

    def due(self, at: datetime, limit: int) -> tuple[AssetId, ...]:
        """Assets whose projection time alone may have changed by then."""
        ...

    def change_sequence(self) -> int:
        """Grows with every transaction that changed the view."""
        ...

    def replay_clock(self) -> datetime | None:
        """Where the clock stands after a replay; None: it is now."""
        ...

    def set_replay_clock(self, at: datetime | None) -> None:
        """Sets it."""
        ...


class Record(Protocol):
    """Ledger and view of one estate, kept together so that both change at once."""

    @property
    def ledger(self) -> Ledger:
        """What was said and decided."""
        ...

    @property
    def view(self) -> View:
        """What is so now."""
        ...

    @property
    def history(self) -> History:
        """What was so, and what was believed."""
        ...

    @property
    def compaction(self) -> Compaction:
        """Makes that smaller."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything read inside is of one moment."""
        ...

    def transaction(self, at: datetime) -> AbstractContextManager[None]:
        """All writes inside take effect together, or none does when it raises."""
        ...

    def close(self) -> None:
        """Lets go of files and connections. Closing twice is closing once."""
        ...


Clock = Callable[[], datetime]
