"""What was said, in the product's own words: neither protobuf nor a file format is known here.

An observation comes in sections. A section that is absent was not looked at; one that is empty
was looked at, and there was nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Who speaks: a kind of source and one instance of it."""

    kind: str
    instance: str


@dataclass(frozen=True, slots=True, order=True)
class RecordKey:
    """Names all that one source says about one thing."""

    source: Source
    scope: str
    native_key: str


class SectionKind(Enum):
    """The parts of an observation, each with its own history. The numbers are stored."""

    # Each member is one object, and Enum would hash its name in Python: a report asks hundreds
    # of times.
    __hash__ = object.__hash__

    def __init__(self, number: int) -> None:
        self.number = number
        """The same as `value`, which costs a call."""

    HEAD = 0
    """Class and parent."""
    COMPUTER = 1
    OPERATING_SYSTEM = 2
    ATTRIBUTES = 3
    INTERFACES = 4
    DISKS = 5
    COMPONENTS = 6
    PROGRAMS = 7
    SERVICES = 8
    CONNECTIONS = 9
    USERS = 10
    LICENCE_EVIDENCE = 11
    RELATIONS = 12


KIND_BY_NUMBER = tuple(SectionKind)
SCALARS = (SectionKind.COMPUTER, SectionKind.OPERATING_SYSTEM, SectionKind.ATTRIBUTES)
"""Sections that are claims about attributes: one object of values by name."""


class Extent(Enum):
    """How much of a section was looked at."""

    __hash__ = object.__hash__

    FULL = "full"
    PARTIAL = "partial"
    """Scalars that are not named keep their word."""
    UNCHANGED = "unchanged"
    NOT_COLLECTED = "not collected"
    CHANGED = "changed"
    """Programs of which only the difference from an earlier list travelled."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Installed programs of one package system, one entry text each.

    An entry is name, version, architecture and publisher, parted by tabs, trailing empty ones
    left out. `installed_days` is empty or as long as `entries`; days since 1970, 0 for unknown.
    """

    package_system: str
    entries: tuple[str, ...]
    installed_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramColumns:
    """The same in columns, as it travels: what a store has interned it need not read again.

    `hashes` are BLAKE2b-64 of the entries' UTF-8 texts, 8 bytes little endian each, ascending;
    `text` holds the entries in that order, each closed by a line feed.
    """

    package_system: str
    hashes: bytes
    text: bytes
    installed_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """How the programs of one package system differ from an earlier list."""

    come: ProgramColumns
    """Entries that were not there, or have another day."""
    gone: bytes
    """Hashes of entries that are not there any more, as in columns."""
    whole_hash: bytes
    """BLAKE2b-64 of the hashes as they are then."""


ProgramList = tuple[Programs | ProgramColumns, ...]
ProgramChanges = tuple[ProgramChange, ...]


class Section(NamedTuple):
    """One part of an observation.

    `value` is an object for the head and scalars, a list of objects for the others, a tuple of
    programs by package system for programs, of changes where only those travelled, and None where
    nothing did. Rows may come as `body` instead, their canonical JSON; then `value` is None.
    """

    extent: Extent
    value: Json | ProgramList | ProgramChanges = None
    reason: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One source's account of one thing at one time."""

    key: RecordKey
    observed_at: datetime
    received_at: datetime
    full: bool
    """True: what is not here is no longer said by this source."""
    sections: Mapping[SectionKind, Section]
    run: str | None = None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """The start or the end of a run."""

    run: str
    source: Source
    scope: str
    event: str
    """start or end."""
    state: str | None
    """complete, partial or failed; on the end only."""
    covers_all: bool
    prefixes: tuple[str, ...]
    at: datetime
    received_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word about identity."""

    act: str
    """What is decided: same, different, retire ...; reconcile has the list."""
    records: tuple[RecordKey, ...]
    at: datetime
    received_at: datetime
    by: str = ""
    note: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


Statement = Observation | RunEvent | Decision

FORMER_ACTS: Mapping[str, str] = {"restore": "reinstate"}
"""Acts of decisions under the name that they had once: what was written so is read as the new."""
