"""Present, missing, retired: what may be said of a thing that nobody sees.

Not observed is not absent. A source that goes over places says that a thing is gone only with a
complete run that covered its place, began after it was seen last, and did not see it. A source
that speaks when it likes is gone when it has been silent for long. A thing is missing when every
source that looks at things says so, and retired when it has been missing for long.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cmdb.model.observation import RecordKey, Source
from cmdb.store.port import RunRow
from reconcile.account import Account, normal_address
from reconcile.rules.model import SILENCE

PRESENT, MISSING, RETIRED = "present", "missing", "retired"
_LOOKS = frozenset({"agent", "scan", "snmp", "cloud", "demo"})
"""Kinds that look at things; lists and people only tell of them."""

Runs = Callable[[RecordKey, datetime], Sequence[RunRow]]
"""Complete runs of a record's source and scope that began after a time."""


@dataclass(frozen=True, slots=True)
class Life:
    """State of a thing."""

    state: str
    since: datetime | None
    """Since when it is missing."""
    next_at: datetime | None
    """When time alone may change it."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Vote:
    gone_at: datetime | None
    until: datetime | None
    """When silence makes it gone."""
    why: str


@dataclass(frozen=True, slots=True)
class Lapse:
    """After how long nothing more is believed; None: never."""

    retire_after: timedelta | None
    silence: Mapping[str, timedelta | None] = field(default_factory=lambda: SILENCE)
    """By kind of source."""


def life(accounts: Sequence[Account], runs: Runs, now: datetime, lapse: Lapse) -> Life:
    """The state of a thing of which these accounts tell."""
    looking = [account for account in accounts if looks(account.row.key.source)]
    votes = [_vote(account, runs, now, lapse.silence) for account in looking or accounts]
    gone = [vote.gone_at for vote in votes if vote.gone_at is not None]
    if not votes or len(gone) < len(votes):
        ends = [vote.until for vote in votes if vote.gone_at is None and vote.until]
        return Life(PRESENT, None, min(ends, default=None))
    since = max(gone)
    why = "; ".join(dict.fromkeys(vote.why for vote in votes))
    if lapse.retire_after is None:
        return Life(MISSING, since, None, why)
    if now >= since + lapse.retire_after:
        return Life(RETIRED, since, None, f"{why}; missing for {told(lapse.retire_after)}")
    return Life(MISSING, since, since + lapse.retire_after, why)


def looks(source: Source) -> bool:
    """Whether a source looks at things, and does not only tell of them."""
    return source.kind in _LOOKS


class Word(Protocol):
    """A person's word that something is retired."""

    @property
    def at(self) -> datetime:
        """When it was said."""
        ...

    @property
    def why(self) -> str:
        """Who said it, with which reason."""
        ...


def retired(accounts: Sequence[Account], said: Mapping[RecordKey, Word]) -> Life | None:
    """The state of a thing that a person retired, until something sees it after that.

    Args:
        accounts: Those who tell of it.
        said: Words by records: that what they are about is retired.
    """
    words = [said[account.row.key] for account in accounts if account.row.key in said]
    if not words:
        return None
    at, why = max((word.at, word.why) for word in words)
    looking = (account for account in accounts if looks(account.row.key.source))
    if any(account.said_at > at for account in looking):
        return None
    return Life(RETIRED, at, None, why)


def told(time: timedelta) -> str:
    """A time in words."""
    hours = int(time.total_seconds()) // 3600
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _vote(
    account: Account, runs: Runs, now: datetime, silence: Mapping[str, timedelta | None]
) -> _Vote:
    key, seen = account.row.key, account.said_at
    for run in runs(key, seen):
        if covers(run, places(account)):
            why = f"{key.source.kind} {key.source.instance}: run {run.run} did not see it"
            # Missing since the run began, as nobody knows better; the feed tells it at the end.
            times = f"the run began {_instant(run.began_at)}, ended {_instant(run.ended_at)}"
            return _Vote(run.began_at, None, f"{why} ({times})")
    silent = silence.get(key.source.kind)
    if silent is None:
        return _Vote(None, None, "")
    if now >= seen + silent:
        why = f"{key.source.kind} {key.source.instance}: silent for {told(silent)}"
        return _Vote(seen + silent, None, why)
    return _Vote(None, seen + silent, "")


def places(account: Account) -> tuple[str, ...]:
    """The addresses at which a source looks for a record."""
    written = account.row.key.native_key.partition("/")[0]
    address = normal_address(written)
    return (address,) if address else ()


def covers(run: RunRow, addresses: Iterable[str]) -> bool:
    """Whether a run looked where a record is."""
    if run.covers_all:
        return True
    networks = _networks(run.prefixes)
    return any(
        parsed.version == network.version and parsed in network
        for parsed in map(_address, addresses)
        for network in networks
    )


@functools.lru_cache(maxsize=1_024)
def _networks(
    prefixes: tuple[str, ...],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Run after run looks at the same."""
    return tuple(ipaddress.ip_network(prefix, strict=False) for prefix in prefixes)


@functools.lru_cache(maxsize=65_536)
def _address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(written)
