"""The tables of facts: one line each. A new reader is a file of its own and a line here.

A table's section is a field of `Section.body` in the contract, and the names of its facts are
those of that message's fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Protocol

from agent.facts import (
    computer,
    connections,
    disks,
    interfaces,
    listening,
    operating_system,
    programs,
    smbios,
    users,
)
from agent.facts.root import Root


class Facts(Protocol):
    """A frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass(frozen=True)
class Table:
    """One table: the section it fills and who reads it.

    `read` gives None where there is nothing to look at, and raises `NotCollected` where there
    is and it may not be looked at.
    """

    section: str
    title: str
    read: Callable[[Root], Facts | None]


TABLES: tuple[Table, ...] = (
    Table("computer", "Computer", computer.read),
    Table("operating_system", "Operating system", operating_system.read),
    Table("network_interfaces", "Network interfaces", interfaces.read),
    Table("disks", "Disks", disks.read),
    Table("components", "Components", smbios.read),
    Table("programs", "Programs", programs.read),
    Table("listening_services", "Listening services", listening.read),
    Table("connections", "Connections", connections.read),
    Table("users", "Users", users.read),
)
