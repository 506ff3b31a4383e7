"""Table `users`: accounts that may log in, and when each last did."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.facts.root import Root, printable, whole

_PASSWD_BYTES = 16 << 20
_NO_LOGIN = frozenset({"nologin", "false", "sync", "shutdown", "halt", "git-shell"})
_MOST_UID = 1 << 22

# lastlog(5): seconds, line, host; one record a uid. utmp(5): kind, pid, line, id, user, host, exit,
# session, seconds, ...
_LASTLOG = struct.Struct("<i32s256s")
_UTMP = struct.Struct("<hxxi32s4s32s256s4xii4x16x20x")
_LOGIN = 7
_LOG_BYTES = 8 << 20


@dataclass(frozen=True)
class User:
    """One account; fields as in the contract."""

    name: str
    identifier: str
    last_login: datetime | None


@dataclass(frozen=True)
class Users:
    """All of them, by name."""

    users: tuple[User, ...]


@dataclass(frozen=True)
class _Account:
    name: str
    uid: int
    shell: str


def read(root: Root) -> Users | None:
    """Accounts of /etc/passwd with a shell; None where there is no such file."""
    if not root.exists("/etc/passwd"):
        return None
    seen = _last_logins(root)
    accounts = {a.name: a for a in _accounts(root) if _may_log_in(a)}
    return Users(
        tuple(
            User(name, str(account.uid), seen.get(name))
            for name, account in sorted(accounts.items())
        )
    )


def names(root: Root) -> dict[int, str]:
    """Names by number; the first of several accounts with one number."""
    found: dict[int, str] = {}
    for account in _accounts(root):
        found.setdefault(account.uid, account.name)
    return found


def _accounts(root: Root) -> Iterator[_Account]:
    for line in (root.text("/etc/passwd", _PASSWD_BYTES) or "").splitlines():
        fields = line.split(":")
        if len(fields) != 7:  # noqa: PLR2004 - passwd(5)
            continue
        uid = whole(fields[2])
        if uid is not None:
            yield _Account(printable(fields[0]), uid, fields[6].strip())


def _may_log_in(account: _Account) -> bool:
    # No shell means /bin/sh: passwd(5).
    return account.shell.rpartition("/")[2] not in _NO_LOGIN


def _last_logins(root: Root) -> dict[str, datetime]:
    seconds: dict[str, int] = {}
    lastlog = root.data("/var/log/lastlog", _LOG_BYTES) or b""
    for account in _accounts(root):
        at = account.uid * _LASTLOG.size
        if account.uid < _MOST_UID and at + _LASTLOG.size <= len(lastlog):
            seconds[account.name] = _LASTLOG.unpack_from(lastlog, at)[0]
    wtmp = root.data("/var/log/wtmp", _LOG_BYTES) or b""
    for at in range(0, len(wtmp) - _UTMP.size + 1, _UTMP.size):
        kind, _, _, _, user, _, _, when = _UTMP.unpack_from(wtmp, at)
        name = user.rstrip(b"\0").decode("utf-8", "replace")
        if kind == _LOGIN:
            seconds[name] = max(when, seconds.get(name, 0))
    return {name: datetime.fromtimestamp(when, UTC) for name, when in seconds.items() if when > 0}
