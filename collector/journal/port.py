"""What was received and is not yet reconciled: the port.

Entries are opaque bytes with their origin and form. Knows neither protobuf nor any database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

ITEM_FORM = "item.v1"
"""A serialised stocktake.v1.Item whose source, scope and native key the intake has filled in."""

PREPARED_FORM = "item.v2"
"""The same, with rows of its sections in canonical form beside it; collector/prepared.py."""

JSONL_FORM = "jsonl.v1"
"""One line of the import form, UTF-8, without its line feed."""

ERASE_FORM = "erase.v1"
"""Name of a scope, UTF-8: an administrator's order to take it out of the record."""


REBUILD_FORM = "rebuild.v1"
"""One step of a rebuild, as JSON: an administrator's order."""

RETAIN_FORM = "retain.v1"
"""One step of retention, as JSON: an administrator's order."""


class JournalError(Exception):
    """The journal could not do what was asked; nothing of it was kept.

    JournalError
    ├── JournalForeign      another program's file, or a newer version's: use that, or another home
    ├── JournalFull         the disk has no room: free some, then try again
    └── JournalUnavailable  the journal is closed, damaged or cannot be read: see the message
    """


class JournalForeign(JournalError):
    """The file is no journal, or its schema is newer than this version knows."""


class JournalFull(JournalError):
    """The disk has no room; what is on it stays, nothing new was taken."""


class JournalUnavailable(JournalError):
    """The journal is closed, locked, damaged or not readable."""


@dataclass(frozen=True)
class Entry:
    """One thing that was handed in.

    `origin` says who: observer/<id>, person/<account> or import/<name>.
    """

    origin: str
    form: str
    received_at: datetime
    body: bytes


@dataclass(frozen=True)
class Numbered:
    """An entry and its place in the journal; places only ever grow."""

    sequence: int
    entry: Entry


@dataclass(frozen=True)
class BatchId:
    """Names one batch of one sender for good."""

    sender: str
    batch_id: str


@dataclass(frozen=True)
class Sections:
    """Which sections of a record an entry brings, and which it says are as before.

    `brings` maps a section's slot to its content hash (32 bytes), `needs` are hashes that must
    be held. `whole` says that the record has no other sections than these and those in `keeps`.
    """

    record: str
    brings: Mapping[int, bytes] = field(default_factory=dict)
    needs: frozenset[bytes] = frozenset()
    keeps: frozenset[int] = frozenset()
    whole: bool = False


@dataclass(frozen=True)
class Batch:
    """What comes with entries that are one batch of one sender.

    `sections` goes with the entries one to one, None where an entry has none; empty for none
    at all. `note` is kept with the batch and given back when it comes again.
    """

    id: BatchId
    sections: Sequence[Sections | None] = ()
    note: bytes = b""


@dataclass(frozen=True)
class Appended:
    """Where entries are; `first` and `last` are 0 when none was appended.

    `unmet` holds the indexes of entries left out because the journal's memory of held sections
    lacks one that they need. For a duplicate all fields are those of the first time.
    """

    first: int
    last: int
    duplicate: bool = False
    unmet: tuple[int, ...] = ()
    note: bytes = b""


class JournalReader(Protocol):
    """The journal as the reconciler sees it, perhaps from another process."""

    def read(self, after: int, limit: int, max_bytes: int) -> list[Numbered]:
        """Entries after place `after` in order, at most `limit`.

        Stops before their bodies exceed `max_bytes`, but gives at least one where there is one.
        """
        ...

    def last(self) -> int:
        """The highest place ever given out, also when the journal is empty; 0 for none."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Journal(JournalReader, Protocol):
    """The journal as its one writer sees it. Methods may be called from any thread."""

    def append(self, entries: Sequence[Entry], *, batch: Batch | None = None) -> Appended:
        """Add all entries or none; on disk when it returns.

        A batch that is known is not added again; its first answer is given.
        """
        ...

    def holds(self, sender: str, record: str | None, hashes: Sequence[bytes]) -> bool:
        """Whether every hash is that of a section held for the sender (of one record, or any)."""
        ...

    def trim(self, upto: int) -> int:
        """Forget entries up to and including a place; returns how many. The file shrinks."""
        ...

    def ensure_sequence(self, at_least: int) -> None:
        """Give out only places above `at_least` from now on, and ask all senders for full reports.

        For after a restore: the record may be ahead of the journal, or behind what senders were
        told.
        """
        ...

    def forget_batches(self, before: datetime) -> int:
        """Forget ids of batches that came before an instant; returns how many."""
        ...

    def forget_sections(self, sender: str | None = None, record: str | None = None) -> None:
        """Forget which sections are held, of all or of one sender or record; they come again."""
        ...
