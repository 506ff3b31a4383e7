"""Who is asking, however they came in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cmdb.people.errors import Forbidden
from cmdb.people.roles import ROLE_BY_NAME, allows


class Via(Enum):
    """How somebody proved who they are."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105
    LOCAL = "local"
    """The token file in the home directory: who can read it administers this machine."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who came in."""

    account: str
    roles: tuple[str, ...]
    via: Via
    csrf: str = ""
    """For sessions: what unsafe requests must bring along."""
    digest: bytes = b""
    """For sessions: which one."""

    def may(self, role: str) -> bool:
        """Whether they may do what that role may do."""
        return allows(self.roles, role)

    def require(self, role: str) -> None:
        """Passes if they may do what that role may do.

        Raises:
            Forbidden: they may not.
        """
        if not self.may(role):
            label = ROLE_BY_NAME[role].label.lower()
            raise Forbidden(f"This needs the role {label!r}, which {self.account} does not have.")
