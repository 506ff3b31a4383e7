"""Sign-ins that fail make the next one wait: longer each time, per account and address.

A second, higher limit counts one address over all accounts (names are tried, too). An account
as a whole is never locked: anybody could then lock anybody out.
"""

from __future__ import annotations

from datetime import timedelta

from cmdb.people.errors import SignInThrottled
from cmdb.people.secrets import digest
from cmdb.store.desk import FailureRow, PeopleDesk
from cmdb.store.port import Clock

_FREE_PAIR = 4
_FREE_ADDRESS = 30
_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=15)
_FORGET_AFTER = timedelta(hours=24)


class Throttle:
    """The failures of the last day, kept in the desk so that a restart forgives nothing."""

    def __init__(self, desk: PeopleDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    def admit(self, account: str, address: str) -> None:
        """Passes if a try is allowed now.

        Raises:
            SignInThrottled: it is not yet.
        """
        now = self._clock()
        for key, free in _keys(account, address):
            row = self._desk.failure(key)
            if row is None or now - row.last_at >= _FORGET_AFTER:
                continue
            remaining = row.last_at + wait_after(row.count, free) - now
            if remaining > timedelta(0):
                raise SignInThrottled(remaining)

    def failed(self, account: str, address: str) -> None:
        """Counts a failure."""
        now = self._clock()
        self._desk.clear_failures(None, before=now - _FORGET_AFTER)
        for key, _ in _keys(account, address):
            row = self._desk.failure(key)
            self._desk.put_failure(FailureRow(key, (row.count if row else 0) + 1, now))

    def succeeded(self, account: str, address: str) -> None:
        """Forgets the failures of the account from that address."""
        (key, _), *_ = _keys(account, address)
        self._desk.clear_failures(key)


def wait_after(failures: int, free: int) -> timedelta:
    """How long the next try waits after so many failures, the first `free` of them being free."""
    if failures < free:
        return timedelta(0)
    doublings = min(failures - free, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def _keys(account: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    # Digested: people type passwords into the field for the name.
    pair = digest(f"{account}\n{address}").hex()
    return (pair, _FREE_PAIR), (digest(f"\n{address}").hex(), _FREE_ADDRESS)
