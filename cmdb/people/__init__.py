"""Who may come in, and what they may do."""

from typing import TYPE_CHECKING

from cmdb.people.errors import (
    Forbidden,
    InvalidRequest,
    PeopleError,
    SignInFailed,
    SignInThrottled,
    UnknownAccount,
)
from cmdb.people.identity import Identity, Via
from cmdb.people.roles import ADMINISTRATOR, ROLES, VIEWER, Role, allows

if TYPE_CHECKING:
    from cmdb.people.directory import Directory

__all__ = [
    "ADMINISTRATOR",
    "ROLES",
    "VIEWER",
    "Directory",
    "Forbidden",
    "Identity",
    "InvalidRequest",
    "PeopleError",
    "Role",
    "SignInFailed",
    "SignInThrottled",
    "UnknownAccount",
    "Via",
    "allows",
]


def __getattr__(name: str) -> object:
    """The directory is heavy, and those who only want a token of this machine do without."""
    if name == "Directory":
        from cmdb.people.directory import Directory

        return Directory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
