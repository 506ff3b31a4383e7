"""The observers that this collector knows, and the steps by which they come, renew and go.

All are held in memory, so that each call can ask; what changes is on disk before it is told.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from collector.enrolment import tokens
from collector.enrolment.errors import NotKnown, RequestRefused
from collector.journal.file import Connection, JournalFile
from collector.plain import decode, encode

if TYPE_CHECKING:
    from collector.enrolment.authority import Authority, Issued

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TEXT_LIMIT = 255
_SEALING_KEY_BYTES = 32
# A check-in that tells nothing new is written this seldom; a restart may forget as much.
_SEEN_STEP = timedelta(minutes=5)


@dataclass(frozen=True)
class Observer:
    """One observer: what it may say, and how it stands.

    `clock_offset` is its clock less the collector's.
    """

    id: str
    kinds: frozenset[str]
    key_prefix: str
    scope: str
    enrolled_at: datetime
    certificate_serial: str
    certificate_sha256: str
    certificate_ends_at: datetime
    scan_prefixes: tuple[str, ...] = ()
    hostname: str = ""
    agent_version: str = ""
    sealing_key: bytes = b""
    last_seen: datetime | None = None
    clock_offset: timedelta | None = None
    outbox_batches: int = 0
    complaints: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Applicant:
    """What one who enrols says of itself."""

    request_der: bytes
    hostname: str = ""
    agent_version: str = ""
    sealing_key: bytes = b""


@dataclass(frozen=True)
class CheckedIn:
    """What an observer says of itself at a check-in."""

    at: datetime
    clock_offset: timedelta | None
    agent_version: str
    outbox_batches: int
    complaints: tuple[str, ...]
    capabilities: tuple[str, ...]


class Registry:
    """Observers of one home. Methods may be called from any thread."""

    def __init__(self, file: JournalFile, authority: Callable[[], Authority]) -> None:
        """`authority` is asked for when a certificate is to be issued: lists need none."""
        self._file = file
        self._authority = authority
        self._lock = threading.Lock()
        rows = file.write(lambda db: db.execute("SELECT id, body FROM observer").fetchall())
        self._observers = {name: decode(Observer, body) for name, body in rows}
        self._written = dict(self._observers)

    @property
    def authority(self) -> Authority:
        """Who issues the certificates."""
        return self._authority()

    def get(self, observer_id: str) -> Observer | None:
        """The observer of that id, revoked or not."""
        return self._observers.get(observer_id)

    def all(self) -> tuple[Observer, ...]:
        """All observers, in the order in which they came."""
        return tuple(sorted(self._observers.values(), key=lambda o: (o.enrolled_at, o.id)))

    def enrol(self, secret: str, applicant: Applicant, now: datetime) -> tuple[Observer, Issued]:
        """A new observer for a token. The same key with the same token again is the same observer.

        Raises:
            TokenRefused: the token is wrong, expired, used up or revoked.
            RequestRefused: the certificate request or the sealing key is not in order.
        """
        from cryptography.hazmat.primitives import serialization

        from collector.enrolment.authority import requested_key

        key = requested_key(applicant.request_der)
        key_sha256 = hashlib.sha256(
            key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).digest()
        _check_sealing_key(applicant.sealing_key)
        with self._lock:
            # An answer that was lost is asked for again: that must not use the token up.
            known = self._file.write(
                lambda db: db.execute(
                    "SELECT id FROM observer WHERE token_id = ? AND key_sha256 = ?",
                    (tokens.usable(db, secret, now).id, key_sha256),
                ).fetchone()
            )
            if known is not None and (same := self._observers[known[0]]).revoked_at is None:
                return self._reissued(same, applicant.request_der, now)
            return self._new(secret, key_sha256, applicant, now)

    def renew(
        self, observer_id: str, request_der: bytes, sealing_key: bytes, now: datetime
    ) -> tuple[Observer, Issued]:
        """The next certificate of an observer.

        Raises:
            NotKnown: there is no such observer, or it was revoked.
            RequestRefused: the certificate request or the sealing key is not in order.
        """
        _check_sealing_key(sealing_key)
        with self._lock:
            observer = self._known(observer_id)
            if observer.revoked_at is not None:
                raise NotKnown(f"observer {observer_id} was revoked; enrol again")
            if sealing_key:
                observer = replace(observer, sealing_key=sealing_key)
            return self._reissued(observer, request_der, now)

    def revoke(self, observer_id: str, now: datetime) -> Observer:
        """Take an observer's right to speak; what it said stays.

        Raises:
            NotKnown: there is no such observer.
        """
        with self._lock:
            observer = self._known(observer_id)
            return self._keep(replace(observer, revoked_at=observer.revoked_at or now))

    def allow_scan(self, observer_id: str, prefixes: Sequence[str]) -> Observer:
        """Set the prefixes that an observer may scan; it becomes a probe if it was none.

        Raises:
            NotKnown: there is no such observer.
            RequestRefused: one is not a prefix.
        """
        wanted = tokens.checked_prefixes(prefixes)
        with self._lock:
            observer = self._known(observer_id)
            kinds = observer.kinds | {"scan"} if wanted else observer.kinds
            return self._keep(replace(observer, scan_prefixes=wanted, kinds=kinds))

    def checked_in(self, observer_id: str, said: CheckedIn) -> Observer:
        """Note a check-in.

        Raises:
            NotKnown: there is no such observer.
        """
        with self._lock:
            now = replace(
                self._known(observer_id),
                last_seen=said.at,
                clock_offset=said.clock_offset,
                agent_version=_shortened(said.agent_version),
                outbox_batches=said.outbox_batches,
                complaints=said.complaints,
                capabilities=said.capabilities,
            )
            if _tells_news(self._written[observer_id], now):
                return self._keep(now)
            self._observers[observer_id] = now
            return now

    def _new(
        self, secret: str, key_sha256: bytes, applicant: Applicant, now: datetime
    ) -> tuple[Observer, Issued]:
        from collector.enrolment.authority import Subject

        name = "obs-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))

        def admit(db: Connection) -> tuple[Observer, Issued]:
            token = tokens.spend(db, secret, now)
            subject = Subject(name, token.grants.kinds, token.grants.scope, name)
            issued = self.authority.issue(applicant.request_der, subject, now)
            observer = _first_entry(name, token.grants, applicant, issued, now)
            db.execute(
                "INSERT INTO observer VALUES (?, ?, ?, ?)",
                (name, token.id, key_sha256, encode(observer).decode()),
            )
            return observer, issued

        observer, issued = self._file.write(admit)
        self._observers[name] = self._written[name] = observer
        return observer, issued

    def _reissued(
        self, observer: Observer, request_der: bytes, now: datetime
    ) -> tuple[Observer, Issued]:
        from collector.enrolment.authority import Subject

        subject = Subject(observer.id, observer.kinds, observer.scope, observer.key_prefix)
        issued = self.authority.issue(request_der, subject, now)
        renewed = replace(
            observer,
            certificate_serial=issued.serial,
            certificate_sha256=issued.sha256.hex(),
            certificate_ends_at=issued.not_after,
        )
        return self._keep(renewed), issued

    def _known(self, observer_id: str) -> Observer:
        observer = self._observers.get(observer_id)
        if observer is None:
            raise NotKnown(f"there is no observer {observer_id}")
        return observer

    def _keep(self, observer: Observer) -> Observer:
        body = encode(observer).decode()
        self._file.write(
            lambda db: (
                db.execute(
                    "UPDATE observer SET body = ? WHERE id = ?", (body, observer.id)
                ).rowcount
            )
        )
        self._observers[observer.id] = self._written[observer.id] = observer
        return observer


def _first_entry(
    name: str, grants: tokens.Grants, applicant: Applicant, issued: Issued, now: datetime
) -> Observer:
    return Observer(
        id=name,
        kinds=grants.kinds,
        key_prefix=name,
        scope=grants.scope,
        scan_prefixes=grants.scan_prefixes,
        enrolled_at=now,
        certificate_serial=issued.serial,
        certificate_sha256=issued.sha256.hex(),
        certificate_ends_at=issued.not_after,
        hostname=_shortened(applicant.hostname),
        agent_version=_shortened(applicant.agent_version),
        sealing_key=applicant.sealing_key,
    )


def _tells_news(written: Observer, now: Observer) -> bool:
    same = replace(
        now,
        last_seen=written.last_seen,
        clock_offset=written.clock_offset,
        outbox_batches=written.outbox_batches,
    )
    if same != written or written.last_seen is None or now.last_seen is None:
        return True
    return now.last_seen - written.last_seen >= _SEEN_STEP


def _check_sealing_key(key: bytes) -> None:
    if key and len(key) != _SEALING_KEY_BYTES:
        raise RequestRefused(f"a sealing key has {_SEALING_KEY_BYTES} bytes")


def _shortened(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_TEXT_LIMIT])
