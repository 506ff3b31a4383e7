"""The desk: what people work with. Accounts, sessions, tokens, the audit trail and settings.

An adapter keeps rows and knows no rule: passwords, ages and roles are cmdb/people's business.
One process writes the desk, the API's; every method may be called from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cmdb.model.observation import Json
from cmdb.store.desk_alerts import AlertDesk
from cmdb.store.port import AuditEntry, StoreError


class NameTaken(StoreError):
    """Something of that name is there already."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A person's account."""

    name: str
    password_hash: str
    roles: tuple[str, ...]
    created_at: datetime
    password_at: datetime
    """When the password was last set."""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that signed in. Only the digest of its secret is kept."""

    digest: bytes
    account: str
    csrf: str
    started_at: datetime
    seen_at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token. Only the digest of its secret is kept."""

    id: int
    label: str
    digest: bytes
    account: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Sign-ins that failed one after the other, for one account from one address."""

    key: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry of the audit trail and its place in it."""

    sequence: int
    entry: AuditEntry


class PeopleDesk(Protocol):
    """Accounts and how they come in."""

    def account(self, name: str) -> AccountRow | None:
        """The account, by its exact name."""
        ...

    def accounts(self) -> tuple[AccountRow, ...]:
        """All of them, by name."""
        ...

    def add_account(self, row: AccountRow) -> None:
        """Adds it.

        Raises:
            NameTaken: there is an account of that name.
        """
        ...

    def set_password(self, name: str, password_hash: str, at: datetime) -> None:
        """Replaces the password and ends the account's sessions."""
        ...

    def set_roles(self, name: str, roles: tuple[str, ...], *, disabled: bool) -> None:
        """Replaces what the account may do; a disabled one also loses its sessions."""
        ...

    def session(self, digest: bytes) -> SessionRow | None:
        """The session with that digest."""
        ...

    def put_session(self, row: SessionRow) -> None:
        """Adds the session, or notes when it was last seen."""
        ...

    def end_session(self, digest: bytes) -> None:
        """Forgets it."""
        ...

    def end_sessions(self, account: str, keep: bytes = b"") -> None:
        """Forgets all of an account but one."""
        ...

    def expire_sessions(self, idle_since: datetime, started_before: datetime) -> None:
        """Forgets those that were idle since, or started before, an instant."""
        ...

    def token(self, digest: bytes) -> TokenRow | None:
        """The token with that digest."""
        ...

    def tokens(self, account: str | None = None) -> tuple[TokenRow, ...]:
        """Tokens of one account or of all, newest first."""
        ...

    def add_token(self, row: TokenRow) -> int:
        """Adds it and returns the id that it was given."""
        ...

    def use_token(self, token_id: int, at: datetime) -> None:
        """Notes when it was last used."""
        ...

    def revoke_token(self, token_id: int, at: datetime) -> None:
        """Makes it worthless from then on."""
        ...

    def failure(self, key: str) -> FailureRow | None:
        """Failed sign-ins under that key."""
        ...

    def put_failure(self, row: FailureRow) -> None:
        """Replaces them."""
        ...

    def clear_failures(self, key: str | None, before: datetime | None = None) -> None:
        """Forgets those of a key, or all that are older."""
        ...


class Desk(Protocol):
    """All that people work with."""

    @property
    def people(self) -> PeopleDesk:
        """Accounts, sessions and tokens."""
        ...

    @property
    def alerts(self) -> AlertDesk:
        """Alerts, channels and what waits to be sent."""
        ...

    def audit(self, entry: AuditEntry) -> None:
        """Appends to the audit trail."""
        ...

    def audited(self, limit: int, before: int | None = None) -> tuple[AuditRow, ...]:
        """Newest entries first, those before a place in the trail."""
        ...

    def setting(self, key: str) -> Json:
        """A setting's value; None when it was never set."""
        ...

    def put_setting(self, key: str, value: Json) -> None:
        """Sets it."""
        ...

    def close(self) -> None:
        """Lets go of the file. Closing twice is closing once."""
        ...
