"""What a store tells of its past, on two axes: what was so at a time, as it was known at a time.

A moment has both. Where only one is asked for, the other follows: what was so at T is told by
what is known now; what was believed at K is what was believed of K itself. Nothing here writes,
but for Compaction, which takes out what is older than people want to keep.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from cmdb.model.observation import Decision, SectionKind, Source
from cmdb.store.values import (
    AssetId,
    Change,
    Identifier,
    Installed,
    LinkRow,
    RecordId,
    RecordRow,
    RelationRow,
    RunRow,
    StoredSection,
)

if TYPE_CHECKING:
    from cmdb.store.port import View


@dataclass(frozen=True, slots=True)
class Moment:
    """A place on the two axes; History.moment() makes it."""

    as_of: datetime | None
    """What was so then; None: whatever was believed at the time of knowing."""
    known_at: datetime | None
    """By what was known then; None: by all that is known."""
    tx: int
    """Last transaction that was known."""

    def clock(self, now: datetime) -> datetime:
        """The time of which it tells."""
        found = self.as_of if self.as_of is not None else self.known_at
        return now if found is None else min(found, now)


@dataclass(frozen=True, slots=True)
class RecordThen:
    """A record at a moment."""

    row: RecordRow
    """Its `seen_at` is when it had been heard last, as far as is kept."""
    sections: Mapping[SectionKind, StoredSection]
    """What it said; of programs nothing, they are asked for by themselves."""
    surely_at: datetime
    """When it surely had been heard last: earlier where it said the same before and after."""


@dataclass(frozen=True, slots=True)
class Marks:
    """From where on the past is whole; None: from the beginning."""

    words_from: datetime | None = None
    """What records said earlier is kept as one word a month."""
    feed_from: datetime | None = None
    """Earlier entries of the change feed are gone."""
    runs_from: datetime | None = None
    """Earlier runs are gone."""


class History(Protocol):
    """The past of ledger and feed."""

    def moment(self, as_of: datetime | None, known_at: datetime | None) -> Moment:
        """The place that these times name."""
        ...

    def record(self, record: RecordId, moment: Moment) -> RecordThen | None:
        """A record then; None where nothing had been heard of it."""
        ...

    def word_before(
        self, record: RecordId, kind: SectionKind, until: datetime, moment: Moment
    ) -> StoredSection | None:
        """The last word of a section before a time, of those that were known."""
        ...

    def out_of_order(
        self, record: RecordId, kind: SectionKind, moment: Moment
    ) -> tuple[StoredSection, ...]:
        """All words of a section that were known by then, of whatever time, where any came late.

        Where none did there are none: the word of each time has all that counts.
        """
        ...

    def programs(self, record: RecordId, moment: Moment) -> tuple[int, ...]:
        """Ids of the releases that it said are installed, ascending."""
        ...

    def programs_on(self, links: Sequence[LinkRow], moment: Moment) -> tuple[int, ...]:
        """Ids of the releases that those who spoke for an asset told of, ascending.

        Args:
            links: All stretches about it, as of the moment.
            moment: The moment.
        """
        ...

    def parted(self, moment: Moment) -> tuple[AssetId, ...]:
        """Assets of which some record told for a part of its time; of others `holders` tells."""
        ...

    def holders(self, title: int, moment: Moment) -> Mapping[RecordId, tuple[str, ...]]:
        """Records that said the title is installed, with its versions."""
        ...

    def describe(self, releases: Iterable[int]) -> tuple[Installed, ...]:
        """Releases in words, by name."""
        ...

    def linked(self, asset: AssetId, moment: Moment) -> tuple[LinkRow, ...]:
        """Stretches about an asset that had begun, as they were believed."""
        ...

    def stretches(
        self, records: Iterable[RecordId], moment: Moment
    ) -> dict[RecordId, tuple[LinkRow, ...]]:
        """Stretches of records that had begun, as they were believed, in order of time."""
        ...

    def assets(self, moment: Moment) -> Iterator[AssetId]:
        """Assets that somebody spoke of, in order of id."""
        ...

    def speakers(self, moment: Moment) -> Mapping[RecordId, AssetId]:
        """Of every record the asset that it was about."""
        ...

    def complete_runs(
        self, source: Source, scope: str, after: datetime, moment: Moment
    ) -> tuple[RunRow, ...]:
        """Complete runs that began after a time and had ended, oldest first."""
        ...

    def since(self, asset: AssetId, moment: Moment) -> Iterator[Change]:
        """What the feed tells of an asset after the moment, newest first."""
        ...

    def newest_change(self, at: datetime) -> int:
        """Number of the last entry of the feed by a time, 0 for none."""
        ...

    def feed(self, after: datetime, until: datetime) -> Iterator[Change]:
        """What the feed tells of all assets after one time and up to another, oldest first."""
        ...

    def marks(self) -> Marks:
        """What is left of the past."""
        ...

    def decisions(self, moment: Moment) -> tuple[tuple[int, Decision], ...]:
        """What people had decided, with its numbers, oldest first."""
        ...

    def carriers(self, identifier: Identifier) -> tuple[RecordId, ...]:
        """Records that ever carried an identifying value; those of the last minutes may lack."""
        ...

    def pointing(self, asset: AssetId, limit: int) -> tuple[tuple[AssetId, ...], int]:
        """Assets with relations to it or its parts now, at most so many, and how many in all."""
        ...

    def callers(self, places: Iterable[tuple[str, str]]) -> tuple[AssetId, ...]:
        """Assets that use a socket at one of these scopes and addresses, or once did.

        Ids may be those of assets that were joined with others since.
        """
        ...

    def relations_between(
        self, owners: Iterable[AssetId], asset: AssetId
    ) -> tuple[RelationRow, ...]:
        """Relations that these assets have now to one, or to its parts."""
        ...

    def now_at(self, scope: str, address: str, protocol: str, port: int) -> AssetId | None:
        """Who is known to listen at a socket, or to hold its address, now."""
        ...

    def altered(self, asset: AssetId, kinds: Collection[SectionKind], moment: Moment) -> bool:
        """Whether those who speak of an asset, or what they say in some sections, may differ."""
        ...

    def last_asset(self) -> AssetId:
        """The highest number that an asset ever got."""
        ...

    def scratch(self, assets: Iterable[AssetId]) -> AbstractContextManager[Scratch]:
        """An empty record in memory, gone when the block ends: to lay a past state out in.

        Parts that these assets have now keep their ids in it; new ids are none that was given.
        """
        ...


class Scratch(Protocol):
    """A record in memory."""

    @property
    def view(self) -> View:
        """Its view."""
        ...

    def transaction(self, at: datetime) -> AbstractContextManager[None]:
        """As of a record."""
        ...

    def copy(self, assets: Iterable[AssetId]) -> None:
        """Takes assets over as they are now, with their parts and places, without relations."""
        ...

    def relate(self, relations: Iterable[RelationRow]) -> None:
        """Lays out relations as they are; both ends must be there."""
        ...

    def names(self) -> Iterator[tuple[AssetId, str]]:
        """Parts with their owner and name inside it, and things that are known by a name alone."""
        ...

    def tidy(self) -> None:
        """Called when all is laid out: drops ids that were kept for what was not there."""
        ...


class Compaction(Protocol):
    """Makes the past smaller; the present state stays as it is.

    Called inside a transaction; a dry run only counts, and may be called outside.
    """

    def words(
        self, first: RecordId, last: RecordId, before: datetime, *, dry_run: bool = False
    ) -> int:
        """Keeps of the earlier words of a range of records one a month; says how many went.

        Earlier is what was last said before `before`; the newest of those stays, for it held
        then. What a stretch that has ended needs for its last word stays.
        """
        ...

    def last_record(self) -> RecordId:
        """The highest number of a record."""
        ...

    def changes(self, before: datetime, limit: int | None, *, dry_run: bool = False) -> int:
        """Takes out entries of the feed, oldest first; says how many."""
        ...

    def runs(self, before: datetime, limit: int | None, *, dry_run: bool = False) -> int:
        """Takes out runs that are older than any word that one of them could end; says how many."""
        ...

    def mark(self, marks: Marks) -> None:
        """Notes what is left; a None leaves what was noted."""
        ...

    def policy(self) -> str | None:
        """What was set for how long the past is kept."""
        ...

    def set_policy(self, text: str) -> None:
        """Sets it."""
        ...
