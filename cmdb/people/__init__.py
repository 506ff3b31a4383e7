"""Who may come in, and what they may do."""

from cmdb.people.directory import Directory
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
