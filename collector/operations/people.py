"""Accounts of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from collector.clock import utc_now
from collector.operation import Context, Homeless, NoParams, Operation

if TYPE_CHECKING:
    from cmdb.people import Directory


@dataclass(frozen=True)
class UserLine:
    """An account."""

    account: str
    roles: tuple[str, ...]
    made_at: datetime
    disabled: bool


@dataclass(frozen=True)
class UserList:
    """All accounts."""

    users: tuple[UserLine, ...]


@dataclass(frozen=True)
class UserParams:
    """A new account."""

    account: str
    roles: tuple[str, ...] = ("viewer",)


@dataclass(frozen=True)
class AccountRef:
    """One account."""

    account: str


@dataclass(frozen=True)
class NewPassword:
    """A password that is told this once."""

    account: str
    password: str


def _directory(context: Context) -> Directory:
    from cmdb.people import Directory

    return Directory(context.desk, utc_now)


def _list(context: Context, _params: NoParams) -> UserList:
    rows = _directory(context).accounts()
    return UserList(
        tuple(UserLine(row.name, row.roles, row.created_at, row.disabled) for row in rows)
    )


def _add(context: Context, params: UserParams) -> NewPassword:
    password = _directory(context).create(context.account, params.account, params.roles)
    return NewPassword(params.account, password)


def _reset(context: Context, params: AccountRef) -> NewPassword:
    return NewPassword(
        params.account, _directory(context).reset_password(context.account, params.account)
    )


OPERATIONS = (
    Operation(
        "users.list", "GET", "/users", "Accounts", NoParams, UserList, _list, "administrator"
    ),
    Operation(
        "users.add", "POST", "/users", "Add an account", UserParams, NewPassword, _add,
        "administrator", homeless=Homeless.MAKES,
    ),
    Operation(
        "users.reset",
        "POST",
        "/users/{account}/reset-password",
        "Give an account a new password",
        AccountRef,
        NewPassword,
        _reset,
        "administrator",
    ),
)  # fmt: skip
