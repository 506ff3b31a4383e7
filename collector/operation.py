"""How a capability is declared once, for REST and the command line alike.

An operation is a function from a context and its parameters to an answer. The REST interface
makes a route of it, the command line calls it through that route when a server works on the home
and by itself when none does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cmdb.store.desk import Desk
    from cmdb.store.port import Record
    from collector.alerting import Alerting
    from collector.door_client import Door
    from collector.home import Home
    from collector.intake_desk import IntakeDesk


LARGEST = 2**63 - 1
"""Numbers of parameters are from 0 to this: what the stores can look up."""


class InputRefused(ValueError):
    """The parameters of an operation make no sense; the message says which and why."""


def refuse_numbers(params: object) -> None:
    """Refuses a number that no parameter can be.

    Raises:
        InputRefused: One is below 0 or beyond LARGEST.
    """
    for name, value in vars(params).items():
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise InputRefused(f"{name} is a whole number from 0 to {LARGEST}")


class Settle(Protocol):
    """Waits some seconds until the record holds everything up to a place in the journal."""

    def __call__(self, sequence: int) -> int:
        """Up to where it does then."""
        ...


@dataclass(frozen=True)
class Context:
    """What an operation works on and for whom."""

    home: Home
    record: Record
    """Of one moment; read only."""
    account: str
    now: datetime
    """The record's clock: now, or where a replay stands."""
    open_desk: Callable[[], Desk]
    open_door: Callable[[], IntakeDesk | Door]
    """The intake's functions; of another process when a server works."""
    settle: Settle
    open_alerting: Callable[[], Alerting]

    @property
    def alerting(self) -> Alerting:
        """Licence rules and the alert centre."""
        return self.open_alerting()

    @property
    def desk(self) -> Desk:
        """What people work with."""
        return self.open_desk()

    @property
    def door(self) -> IntakeDesk | Door:
        """The intake."""
        return self.open_door()


@dataclass(frozen=True)
class NoParams:
    """An operation that takes none."""


class Homeless(Enum):
    """What becomes of an operation where there is no home."""

    REFUSED = "refused"
    """It is about what is kept there, and nothing is."""
    MAKES = "makes"
    """It makes the home: with it one begins."""
    TRIED = "tried"
    """It is about what is handed in alone, and is done on an empty estate."""


@dataclass(frozen=True)
class Operation:
    """One capability."""

    name: str
    """Its name for clients, such as assets.list."""
    method: str
    path: str
    """Under /api/v1, with {fields} of its parameters."""
    summary: str
    params: type
    """A frozen dataclass: of GET the path and query, of POST the path and the body's fields."""
    result: Any
    """Type of the answer."""
    call: Callable[[Context, Any], Any]
    role: str
    """Role that may ask for it."""
    stream: bool = False
    """Whether the answer is an iterator, sent as JSON Lines."""
    reads: bool = False
    """Whether it changes nothing, though its parameters are too long for GET."""
    homeless: Homeless = Homeless.REFUSED
