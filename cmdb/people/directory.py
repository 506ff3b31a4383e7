"""Accounts, and the ways in: password, session, API token, the local administrator's token.

Every write leaves an entry in the audit trail. Knows nothing of HTTP.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from cmdb.people.errors import InvalidRequest, SignInFailed, UnknownAccount
from cmdb.people.identity import Identity, Via
from cmdb.people.local import LOCAL_ACCOUNT
from cmdb.people.roles import ADMINISTRATOR, ROLE_BY_NAME, narrowed
from cmdb.people.secrets import (
    check_password,
    digest,
    hash_password,
    new_token,
    password_matches,
    readable_password,
    same,
)
from cmdb.people.sessions import Sessions
from cmdb.people.throttle import Throttle
from cmdb.store.desk import AccountRow, Desk, NameTaken, TokenRow
from cmdb.store.port import AuditEntry, Clock

FIRST_ACCOUNT = "admin"
SYSTEM = "system"
TOKEN_LONGEST = timedelta(days=366)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_RESERVED = frozenset({LOCAL_ACCOUNT, SYSTEM})
_TOKEN_NOTE_EVERY = timedelta(minutes=1)
_LABEL_MOST = 100


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What an API token is to be."""

    label: str
    roles: tuple[str, ...]
    lifetime: timedelta


class Directory:
    """Everybody who may come in."""

    def __init__(self, desk: Desk, clock: Clock, local_token: str | None = None) -> None:
        self._desk = desk
        self._people = desk.people
        self._clock = clock
        self._local_token = local_token
        self._sessions = Sessions(desk.people, clock)
        self._throttle = Throttle(desk.people, clock)
        self._signing_in = threading.Lock()

    def ensure_first(self) -> str | None:
        """Makes the account `admin` where there is no account; returns its password, once."""
        if self._people.accounts():
            return None
        password = readable_password()
        with suppress(NameTaken):  # Another process was first: its password was shown there.
            self._add(FIRST_ACCOUNT, (ADMINISTRATOR,), password)
            self.audit(SYSTEM, "account.create", FIRST_ACCOUNT)
            return password
        return None

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Starts a session and returns its secret.

        Raises:
            SignInThrottled: too many failures; the password was not looked at.
            SignInFailed: name or password is wrong, or the account is disabled.
        """
        # One at a time: guesses in parallel would all be admitted before the first one fails.
        with self._signing_in:
            return self._sign_in(name.strip().lower(), password, address)

    def _sign_in(self, name: str, password: str, address: str) -> str:
        self._throttle.admit(name, address)
        account = self._people.account(name) if _NAME.fullmatch(name) else None
        stored = account.password_hash if account and not account.disabled else None
        if not password_matches(stored, password):
            self._throttle.failed(name, address)
            # What was typed is kept only where it is a name: people type passwords there.
            self.audit(SYSTEM, "session.refuse", account.name if account else "?", address=address)
            raise SignInFailed("The name or the password is not right.")
        self._throttle.succeeded(name, address)
        self.audit(name, "session.start", name, address=address)
        return self._sessions.start(name, address)

    def sign_out(self, secret: str) -> None:
        """Ends the session."""
        who = self._sessions.resume(secret)
        self._sessions.end(secret)
        if who is not None:
            self.audit(who.account, "session.end", who.account)

    def by_session(self, secret: str) -> Identity | None:
        """Who holds the session; None when it is over."""
        return self._sessions.resume(secret)

    def by_token(self, secret: str) -> Identity | None:
        """Who holds the token; None when it is unknown, expired or revoked.

        A token never allows more than its account does now.
        """
        local = self.by_local_token(secret)
        if local is not None:
            return local
        row = self._people.token(digest(secret))
        now = self._clock()
        if row is None or row.revoked_at is not None or now >= row.expires_at:
            return None
        account = self._people.account(row.account)
        if account is None or account.disabled:
            return None
        if row.used_at is None or now - row.used_at >= _TOKEN_NOTE_EVERY:
            self._people.use_token(row.id, now)
        return Identity(account.name, narrowed(row.roles, account.roles), Via.TOKEN)

    def by_local_token(self, secret: str) -> Identity | None:
        """The administrator of this machine, if that is their token; asks no disk."""
        if self._local_token is not None and same(secret, self._local_token):
            return Identity(LOCAL_ACCOUNT, (ADMINISTRATOR,), Via.LOCAL)
        return None

    def accounts(self) -> tuple[AccountRow, ...]:
        """All accounts, by name."""
        return self._people.accounts()

    def create(self, by: str, name: str, roles: Collection[str]) -> str:
        """Makes an account and returns its first password.

        Raises:
            InvalidRequest: the name or a role is not taken.
        """
        name = name.strip().lower()
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise InvalidRequest(
                "An account's name has 1 to 64 letters, digits and . _ @ + - and starts with a "
                f"letter or digit; {', '.join(sorted(_RESERVED))} are taken by the system."
            )
        password = readable_password()
        try:
            self._add(name, _known(roles), password)
        except NameTaken as error:
            raise InvalidRequest(f"There is an account {name!r} already.") from error
        self.audit(by, "account.create", name, roles=" ".join(roles))
        return password

    def set_roles(self, by: str, name: str, roles: Collection[str], *, disabled: bool) -> None:
        """Changes what an account may do.

        Raises:
            UnknownAccount: there is none of that name.
            InvalidRequest: a role is not known, or nobody would administer any more.
        """
        account = self._account(name)
        roles = _known(roles)
        others = [row for row in self._people.accounts() if row.name != name and not row.disabled]
        if (disabled or ADMINISTRATOR not in roles) and not any(
            ADMINISTRATOR in row.roles for row in others
        ):
            raise InvalidRequest("The last administrator cannot be taken away.")
        self._people.set_roles(account.name, roles, disabled=disabled)
        self.audit(by, "account.change", name, roles=" ".join(roles), disabled=str(disabled))

    def reset_password(self, by: str, name: str) -> str:
        """Gives an account a random password, ends its sessions, and returns the password.

        Raises:
            UnknownAccount: there is none of that name.
        """
        account = self._account(name)
        password = readable_password()
        self._people.set_password(account.name, hash_password(password), self._clock())
        self.audit(by, "account.reset_password", name)
        return password

    def change_password(self, who: Identity, current: str, new: str) -> None:
        """Changes one's own password; all sessions of the account end.

        Raises:
            SignInThrottled: too many wrong passwords.
            SignInFailed: the current password is wrong.
            InvalidRequest: the new one is too short or too long.
        """
        account = self._account(who.account)
        self._throttle.admit(who.account, "change")
        if not password_matches(account.password_hash, current):
            self._throttle.failed(who.account, "change")
            raise SignInFailed("The current password is not right.")
        check_password(new)
        self._throttle.succeeded(who.account, "change")
        self._people.set_password(account.name, hash_password(new), self._clock())
        self.audit(who.account, "account.change_password", who.account)

    def tokens(self, account: str | None = None) -> tuple[TokenRow, ...]:
        """API tokens of one account or of all, newest first."""
        return self._people.tokens(account)

    def issue_token(self, who: Identity, request: TokenRequest) -> str:
        """Makes an API token for one's own account; what is returned is shown once.

        Raises:
            InvalidRequest: label, roles or lifetime are not taken.
        """
        label = request.label.strip()
        roles = narrowed(_known(request.roles), who.roles)
        if not 0 < len(label) <= _LABEL_MOST:
            raise InvalidRequest(f"A token has a label of 1 to {_LABEL_MOST} characters.")
        if not timedelta(0) < request.lifetime <= TOKEN_LONGEST:
            raise InvalidRequest(f"A token lasts 1 to {TOKEN_LONGEST.days} days.")
        if len(roles) < len(set(request.roles)):
            raise InvalidRequest("A token cannot have a role that its account lacks.")
        self._account(who.account)
        now, secret = self._clock(), new_token()
        expires_at = now + request.lifetime
        row = TokenRow(0, label, digest(secret), who.account, roles, now, expires_at)
        token_id = self._people.add_token(row)
        self.audit(who.account, "token.issue", str(token_id), label=label, roles=" ".join(roles))
        return secret

    def revoke_token(self, who: Identity, token_id: int) -> None:
        """Makes a token worthless: one's own, or as an administrator anybody's.

        Raises:
            UnknownAccount: there is no such token that they may revoke.
        """
        mine = None if who.may(ADMINISTRATOR) else who.account
        if all(row.id != token_id for row in self._people.tokens(mine)):
            raise UnknownAccount(f"There is no token {token_id} of yours.")
        self._people.revoke_token(token_id, self._clock())
        self.audit(who.account, "token.revoke", str(token_id))

    def audit(self, account: str, action: str, target: str, /, **detail: str) -> None:
        """Adds to the audit trail who did what to which."""
        self._desk.audit(AuditEntry(self._clock(), account, action, target, detail))

    def _account(self, name: str) -> AccountRow:
        account = self._people.account(name)
        if account is None:
            known = ", ".join(row.name for row in self._people.accounts()[:20]) or "none"
            raise UnknownAccount(f"There is no account {name!r}. Accounts: {known}.")
        return account

    def _add(self, name: str, roles: tuple[str, ...], password: str) -> None:
        now = self._clock()
        self._people.add_account(AccountRow(name, hash_password(password), roles, now, now))


def _known(roles: Collection[str]) -> tuple[str, ...]:
    for name in roles:
        if name not in ROLE_BY_NAME:
            raise InvalidRequest(f"There is no role {name!r}. Roles: {', '.join(ROLE_BY_NAME)}.")
    if not roles:
        raise InvalidRequest("At least one role is needed.")
    return tuple(name for name in ROLE_BY_NAME if name in roles)
