"""Everything that may be done to the intake's file, whoever asks: the door, the command line.

The one writer of journal.db. Knows no transport.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from collector.enrolment import tokens
from collector.enrolment.errors import RequestRefused
from collector.enrolment.registry import Observer, Registry
from collector.enrolment.tokens import Grants, Token
from collector.home import Home
from collector.jobs import Job, JobQueue, Wanted
from collector.journal import sqlite
from collector.journal.file import Connection, JournalFile
from collector.journal.port import Appended, Entry
from collector.plain import decode, encode

if TYPE_CHECKING:
    from collector.enrolment.authority import Authority

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The collector's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Addresses:
    """Where observers reach this collector, host:port: with a certificate, and to get one."""

    collectors: tuple[str, ...] = ("127.0.0.1:8441",)
    enrolment: tuple[str, ...] = ("127.0.0.1:8442",)


@dataclass(frozen=True)
class Settings:
    """How an observer is to behave. `sections` None: all."""

    report_every: timedelta = timedelta(hours=4)
    check_in_every: timedelta = timedelta(seconds=60)
    outbox_bytes: int = 256 * 1024 * 1024
    sections: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Line:
    """One line to journal; without an instant it arrives now."""

    body: bytes
    received_at: datetime | None = None


@dataclass(frozen=True)
class MadeToken:
    """A new token, and the text that is typed on the endpoint; it is told this once."""

    token: Token
    text: str


@dataclass(frozen=True)
class Status:
    """How the intake stands."""

    last: int
    observers: int
    addresses: Addresses
    fingerprint: str


class IntakeDesk:
    """The intake's file with all that is done to it."""

    def __init__(self, home: Home, clock: Clock = utc_now) -> None:
        """Open or create it. The caller holds the home's lock.

        Raises:
            JournalError: journal.db cannot be opened.
        """
        self.home = home
        self.clock = clock
        self._file = JournalFile(home.journal_path)
        self.journal = sqlite.SqliteJournal(self._file)
        self.registry = Registry(self._file, lambda: self.authority)
        self.queue = JobQueue(self._file)
        rows = self._file.write(lambda db: db.execute("SELECT name, body FROM setting").fetchall())
        self._settings: dict[str, str] = dict(rows)

    @cached_property
    def authority(self) -> Authority:
        """The home's certificate authority, made when there is none.

        Raises:
            AuthorityBroken: its files are damaged.
        """
        from collector.enrolment.authority import Authority

        return Authority.open(self.home.authority_dir)

    def close(self) -> None:
        """Finish what is under way and close the file."""
        self._file.close()

    def append(self, origin: str, form: str, lines: tuple[Line, ...]) -> Appended:
        """Journal lines; on disk when it returns."""
        now = self.clock()
        entries = [Entry(origin, form, line.received_at or now, line.body) for line in lines]
        return self.journal.append(entries)

    def make_token(
        self,
        grants: Grants,
        lasts: timedelta,
        by: str,
        max_uses: int = 1,
        note: str = "",
    ) -> MadeToken:
        """Make an enrolment token.

        Raises:
            RequestRefused: what it grants makes no sense.
        """
        if lasts <= timedelta(0) or max_uses < 0:
            raise RequestRefused("a token lasts for some time and is used at least once")
        now = self.clock()
        token = Token(
            id="tok-" + secrets.token_hex(5),
            grants=tokens.checked(grants),
            made_at=now,
            expires_at=now + lasts,
            made_by=by,
            note=note,
            max_uses=max_uses,
        )
        secret = self._file.write(lambda db: tokens.add(db, token))
        addresses = self.addresses().enrolment
        return MadeToken(token, tokens.token_text(addresses, self.authority.fingerprint, secret))

    def list_tokens(self) -> tuple[Token, ...]:
        """All tokens, newest first; their secrets are not known any more."""
        return self._file.write(tokens.listed)

    def revoke_token(self, token_id: str) -> Token:
        """Let nobody in with a token any more."""
        now = self.clock()
        return self._file.write(lambda db: tokens.revoke(db, token_id, now))

    def list_observers(self) -> tuple[Observer, ...]:
        """All observers, in the order in which they came."""
        return self.registry.all()

    def revoke_observer(self, observer_id: str) -> Observer:
        """Take an observer's right to speak."""
        return self.registry.revoke(observer_id, self.clock())

    def allow_scan(self, observer_id: str, prefixes: tuple[str, ...]) -> Observer:
        """Set the prefixes that an observer may scan."""
        return self.registry.allow_scan(observer_id, prefixes)

    def queue_job(self, wanted: Wanted) -> Job:
        """Ask an observer, or any probe of a scope, for something."""
        return self.queue.queue(wanted, self.clock())

    def list_jobs(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return self.queue.all()

    def cancel_job(self, job_id: str) -> Job:
        """Stop a job."""
        return self.queue.cancel(job_id, self.clock())

    def forget_sections(self, sender: str | None = None, record: str | None = None) -> None:
        """Have sections sent whole again: of all, one observer or one record (after an erasure)."""
        self.journal.forget_sections(sender, record)

    def status(self) -> Status:
        """How the intake stands."""
        return Status(
            last=self.journal.last(),
            observers=len(self.registry.all()),
            addresses=self.addresses(),
            fingerprint=self.authority.fingerprint,
        )

    def settings(self, observer_id: str) -> Settings:
        """How an observer is to behave: its own settings, else those of all, else the usual."""
        body = self._settings.get(f"observer/{observer_id}") or self._settings.get("observers")
        return decode(Settings, body) if body else Settings()

    def set_settings(self, settings: Settings, observer_id: str | None = None) -> Settings:
        """Say how one observer, or all without settings of their own, are to behave."""
        if min(settings.report_every, settings.check_in_every) < timedelta(seconds=1):
            raise RequestRefused("observers report and check in at most once a second")
        self._set(f"observer/{observer_id}" if observer_id else "observers", settings)
        return settings

    def addresses(self) -> Addresses:
        """Where observers reach this collector, as it last listened."""
        body = self._settings.get("addresses")
        return decode(Addresses, body) if body else Addresses()

    def set_addresses(self, addresses: Addresses) -> None:
        """Keep where observers reach this collector, for tokens made while it does not run."""
        self._set("addresses", addresses)

    def _set(self, name: str, value: object) -> None:
        body = encode(value).decode()

        def work(db: Connection) -> None:
            db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, body))

        self._file.write(work)
        self._settings[name] = body
