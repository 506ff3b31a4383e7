"""Tables of accounts, sessions, tokens and failed sign-ins. Knows rows, and no rule about them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from cmdb.store.desk import AccountRow, FailureRow, NameTaken, SessionRow, TokenRow
from cmdb.store.sqlite.desk_file import DeskFile

PEOPLE_SCHEMA = """
CREATE TABLE account(
    name TEXT PRIMARY KEY, password_hash TEXT NOT NULL, roles TEXT NOT NULL,
    created_at REAL NOT NULL, password_at REAL NOT NULL, disabled INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE session(
    digest BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name), csrf TEXT NOT NULL,
    started_at REAL NOT NULL, seen_at REAL NOT NULL, address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session(account);
CREATE TABLE token(
    id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES account(name), roles TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL, revoked_at REAL
) STRICT;
CREATE TABLE failure(
    key TEXT PRIMARY KEY, count INTEGER NOT NULL, last_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""

_ACCOUNT = "name, password_hash, roles, created_at, password_at, disabled"
_SESSION = "digest, account, csrf, started_at, seen_at, address"
_TOKEN = "id, label, digest, account, roles, created_at, expires_at, used_at, revoked_at"  # noqa: S105


class SqlitePeople:
    """Accounts and how they come in, in desk.db."""

    def __init__(self, file: DeskFile) -> None:
        self._file = file

    def account(self, name: str) -> AccountRow | None:
        """The account, by its exact name."""
        with self._file.read() as connection:
            row = connection.execute(
                f"SELECT {_ACCOUNT} FROM account WHERE name = ?", (name,)
            ).fetchone()
        return _account(row) if row else None

    def accounts(self) -> tuple[AccountRow, ...]:
        """All of them, by name."""
        with self._file.read() as connection:
            rows = connection.execute(f"SELECT {_ACCOUNT} FROM account ORDER BY name").fetchall()
        return tuple(map(_account, rows))

    def add_account(self, row: AccountRow) -> None:
        """Adds it, unless there is one of that name."""
        values = (
            row.name,
            row.password_hash,
            " ".join(row.roles),
            row.created_at.timestamp(),
            row.password_at.timestamp(),
            row.disabled,
        )
        with self._file.write() as connection:
            if self.account(row.name) is not None:
                raise NameTaken(f"there is an account {row.name!r} already")
            connection.execute(f"INSERT INTO account({_ACCOUNT}) VALUES(?,?,?,?,?,?)", values)

    def set_password(self, name: str, password_hash: str, at: datetime) -> None:
        """Replaces the password and ends the account's sessions."""
        with self._file.write() as connection:
            connection.execute(
                "UPDATE account SET password_hash = ?, password_at = ? WHERE name = ?",
                (password_hash, at.timestamp(), name),
            )
            self.end_sessions(name)

    def set_roles(self, name: str, roles: tuple[str, ...], *, disabled: bool) -> None:
        """Replaces what the account may do; a disabled one also loses its sessions."""
        with self._file.write() as connection:
            connection.execute(
                "UPDATE account SET roles = ?, disabled = ? WHERE name = ?",
                (" ".join(roles), disabled, name),
            )
            if disabled:
                self.end_sessions(name)

    def session(self, digest: bytes) -> SessionRow | None:
        """The session with that digest."""
        with self._file.read() as connection:
            row = connection.execute(
                f"SELECT {_SESSION} FROM session WHERE digest = ?", (digest,)
            ).fetchone()
        if row is None:
            return None
        started_at, seen_at = _instant(row[3]), _instant(row[4])
        return SessionRow(row[0], row[1], row[2], started_at, seen_at, row[5])

    def put_session(self, row: SessionRow) -> None:
        """Adds the session, or notes when it was last seen."""
        values = (
            row.digest,
            row.account,
            row.csrf,
            row.started_at.timestamp(),
            row.seen_at.timestamp(),
            row.address,
        )
        with self._file.write() as connection:
            connection.execute(
                f"INSERT INTO session({_SESSION}) VALUES(?,?,?,?,?,?) "
                "ON CONFLICT(digest) DO UPDATE SET seen_at = excluded.seen_at",
                values,
            )

    def end_session(self, digest: bytes) -> None:
        """Forgets it."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM session WHERE digest = ?", (digest,))

    def end_sessions(self, account: str, keep: bytes = b"") -> None:
        """Forgets all of an account but one."""
        with self._file.write() as connection:
            connection.execute(
                "DELETE FROM session WHERE account = ? AND digest <> ?", (account, keep)
            )

    def expire_sessions(self, idle_since: datetime, started_before: datetime) -> None:
        """Forgets those that were idle since, or started before, an instant."""
        with self._file.write() as connection:
            connection.execute(
                "DELETE FROM session WHERE seen_at <= ? OR started_at <= ?",
                (idle_since.timestamp(), started_before.timestamp()),
            )

    def token(self, digest: bytes) -> TokenRow | None:
        """The token with that digest."""
        with self._file.read() as connection:
            row = connection.execute(
                f"SELECT {_TOKEN} FROM token WHERE digest = ?", (digest,)
            ).fetchone()
        return _token(row) if row else None

    def tokens(self, account: str | None = None) -> tuple[TokenRow, ...]:
        """Tokens of one account or of all, newest first."""
        with self._file.read() as connection:
            rows = connection.execute(
                f"SELECT {_TOKEN} FROM token WHERE ? IS NULL OR account = ? ORDER BY id DESC",
                (account, account),
            ).fetchall()
        return tuple(map(_token, rows))

    def add_token(self, row: TokenRow) -> int:
        """Adds it and returns the id that it was given."""
        values = (
            row.label,
            row.digest,
            row.account,
            " ".join(row.roles),
            row.created_at.timestamp(),
            row.expires_at.timestamp(),
        )
        with self._file.write() as connection:
            cursor = connection.execute(
                "INSERT INTO token(label, digest, account, roles, created_at, expires_at) "
                "VALUES(?,?,?,?,?,?)",
                values,
            )
            return int(cursor.lastrowid or 0)

    def use_token(self, token_id: int, at: datetime) -> None:
        """Notes when it was last used."""
        self._stamp("used_at", token_id, at)

    def revoke_token(self, token_id: int, at: datetime) -> None:
        """Makes it worthless from then on."""
        self._stamp("revoked_at", token_id, at)

    def failure(self, key: str) -> FailureRow | None:
        """Failed sign-ins under that key."""
        with self._file.read() as connection:
            row = connection.execute(
                "SELECT key, count, last_at FROM failure WHERE key = ?", (key,)
            ).fetchone()
        return FailureRow(row[0], row[1], _instant(row[2])) if row else None

    def put_failure(self, row: FailureRow) -> None:
        """Replaces them."""
        with self._file.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO failure(key, count, last_at) VALUES(?,?,?)",
                (row.key, row.count, row.last_at.timestamp()),
            )

    def clear_failures(self, key: str | None, before: datetime | None = None) -> None:
        """Forgets those of a key, or all that are older."""
        with self._file.write() as connection:
            connection.execute(
                "DELETE FROM failure WHERE key = ? OR last_at < ?",
                (key, before.timestamp() if before else None),
            )

    def _stamp(self, column: str, token_id: int, at: datetime) -> None:
        with self._file.write() as connection:
            connection.execute(
                f"UPDATE token SET {column} = ? WHERE id = ?", (at.timestamp(), token_id)
            )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _account(row: sqlite3.Row) -> AccountRow:
    return AccountRow(
        row[0], row[1], tuple(row[2].split()), _instant(row[3]), _instant(row[4]), bool(row[5])
    )


def _token(row: sqlite3.Row) -> TokenRow:
    used, revoked = (None if at is None else _instant(at) for at in (row[7], row[8]))
    roles = tuple(row[4].split())
    return TokenRow(
        row[0], row[1], row[2], row[3], roles, _instant(row[5]), _instant(row[6]), used, revoked
    )
