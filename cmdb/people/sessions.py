"""Sessions of browsers: made at sign-in, kept on the server, over when idle or old."""

from __future__ import annotations

from datetime import timedelta

from cmdb.people.identity import Identity, Via
from cmdb.people.secrets import digest, new_secret
from cmdb.store.desk import PeopleDesk, SessionRow
from cmdb.store.port import Clock

IDLE = timedelta(hours=12)
LIFETIME = timedelta(days=7)
_NOTE_EVERY = timedelta(minutes=1)


class Sessions:
    """The sessions of all accounts."""

    def __init__(self, desk: PeopleDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    def start(self, account: str, address: str) -> str:
        """Makes a session; the secret that is returned goes into the browser's cookie."""
        now = self._clock()
        self._desk.expire_sessions(now - IDLE, now - LIFETIME)
        secret = new_secret()
        row = SessionRow(digest(secret), account, new_secret(), now, now, address)
        self._desk.put_session(row)
        return secret

    def resume(self, secret: str) -> Identity | None:
        """Who the session belongs to; None when there is none, or it is over."""
        row = self._desk.session(digest(secret))
        now = self._clock()
        if row is None or now - row.seen_at >= IDLE or now - row.started_at >= LIFETIME:
            return None
        account = self._desk.account(row.account)
        if account is None or account.disabled:
            return None
        if now - row.seen_at >= _NOTE_EVERY:
            noted = SessionRow(row.digest, row.account, row.csrf, row.started_at, now, row.address)
            self._desk.put_session(noted)
        return Identity(account.name, account.roles, Via.SESSION, row.csrf, row.digest)

    def end(self, secret: str) -> None:
        """Ends it."""
        self._desk.end_session(digest(secret))
