"""One scan from its start to its end, as items for the outbox, in order.

Says "complete" only when every address was tried: a collector takes the silence of a complete
run for absence. Sends nothing itself.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.errors import UsageError
from agent.facts.root import Root
from agent.scan import names, neighbours
from agent.scan import scope as scopes
from agent.scan.account import Account, Device
from agent.scan.ports import PORTS
from agent.scan.scope import Network
from agent.scan.sweep import Found, Settings, Sweep
from stocktake.v1 import intake_pb2
from stocktake.v1.intake_pb2 import Item

TECHNIQUES = ("tcp", "names", "arp", "banner", "tls")
DEFAULT_RATE_PER_S = 500
MOST_RATE_PER_S = 10_000
DEFAULT_TIMEOUT = timedelta(hours=4)
_GROUP = 64
_NAMES_WITHIN = timedelta(seconds=20)
_PROGRESS_EVERY_S = 0.5
_MOST_PORT = 65535


def run_scan(  # noqa: PLR0913 - what a scan job of the contract says, and its two callbacks
    prefixes: Sequence[str],
    allowed: Sequence[str],
    scope: str,
    instance: str,
    *,
    ports: Sequence[int] = (),
    techniques: Collection[str] = (),
    rate_per_s: float | None = None,
    timeout: timedelta | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Item]:
    """The run's start, an observation for each live address, the run's end.

    `progress` is told how many connects of how many are done, `cancelled` asked before each.

    Raises:
        NotAllowed: a prefix is not inside an allowed one, or there are too many addresses.
        UsageError: a prefix, port or technique makes no sense.
    """
    plan = _Plan.of(prefixes, ports, techniques, rate_per_s)
    scopes.admit(plan.networks, allowed)
    account = Account(
        run_id=f"scan-{uuid.uuid4().hex}",
        instance=instance,
        scope=scope,
        prefixes=tuple(str(network) for network in plan.networks),
    )
    watch = _Watch(timeout or DEFAULT_TIMEOUT, plan.total, progress, cancelled)
    return _items(plan, account, watch)


@dataclass(frozen=True)
class _Plan:
    networks: tuple[Network, ...]
    settings: Settings
    techniques: frozenset[str]

    @property
    def total(self) -> int:
        return scopes.address_count(self.networks) * len(self.settings.ports)

    @staticmethod
    def of(
        prefixes: Sequence[str],
        ports: Sequence[int],
        techniques: Collection[str],
        rate_per_s: float | None,
    ) -> _Plan:
        chosen = frozenset(techniques or TECHNIQUES)
        if strange := sorted(chosen - set(TECHNIQUES)):
            known = ", ".join(TECHNIQUES)
            raise UsageError(f"{strange[0]!r} is no scan technique; there are {known}.")
        numbers = tuple(dict.fromkeys(ports)) or tuple(port.number for port in PORTS)
        if wrong := [number for number in numbers if not 0 < number <= _MOST_PORT]:
            raise UsageError(f"{wrong[0]} is no port; ports are 1 to {_MOST_PORT}.")
        if rate_per_s is not None and not rate_per_s > 0:
            raise UsageError(f"{rate_per_s:g} connects a second is no rate; name one above 0.")
        settings = Settings(
            ports=numbers if "tcp" in chosen else (),
            rate_per_s=min(rate_per_s or DEFAULT_RATE_PER_S, MOST_RATE_PER_S),
            with_banners="banner" in chosen,
            with_certificates="tls" in chosen,
        )
        return _Plan(scopes.networks(prefixes), settings, chosen)


class _Watch:
    """When to stop, and whom to tell how far it is."""

    def __init__(
        self,
        timeout: timedelta,
        total: int,
        progress: Callable[[int, int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.reason = ""
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout.total_seconds()
        self._total = total
        self._progress = progress
        self._cancelled = cancelled
        self._told_at = 0.0

    def is_over(self) -> bool:
        if not self.reason and self._cancelled():
            self.reason = "cancelled"
        elif not self.reason and time.monotonic() > self._deadline:
            self.reason = f"gave up after {self._timeout}"
        return bool(self.reason)

    def tell(self, done: int) -> None:
        now = time.monotonic()
        if done >= self._total or now - self._told_at >= _PROGRESS_EVERY_S:
            self._told_at = now
            self._progress(done, self._total)


def _items(plan: _Plan, account: Account, watch: _Watch) -> Iterator[Item]:
    yield account.run(intake_pb2.RUN_STATE_STARTED, datetime.now(UTC))
    sweep = Sweep(plan.settings, watch)
    addresses = (str(address) for address in scopes.addresses(plan.networks))
    with asyncio.Runner() as runner:
        while group := list(itertools.islice(addresses, _GROUP)):
            if watch.is_over():
                break
            found = runner.run(sweep.look(group))
            for device in _devices(found, plan.techniques):
                # Without an answer about the name, an earlier one keeps its word.
                is_whole = device.name is not None and plan.techniques == set(TECHNIQUES)
                yield account.device(device, datetime.now(UTC), is_whole=is_whole)
    yield _end(account, sweep, watch, plan.total)


def _devices(found: Sequence[Found], techniques: frozenset[str]) -> Iterator[Device]:
    macs = neighbours.read(Root()) if "arp" in techniques else {}
    live = [one for one in found if one.is_live or one.address in macs]
    named = (
        names.look_up([one.address for one in live], _NAMES_WITHIN) if "names" in techniques else {}
    )
    for one in live:
        yield Device(one, macs.get(one.address), named.get(one.address))


def _end(account: Account, sweep: Sweep, watch: _Watch, total: int) -> Item:
    now = datetime.now(UTC)
    if watch.reason:
        state = intake_pb2.RUN_STATE_PARTIAL if sweep.tally.done else intake_pb2.RUN_STATE_FAILED
        return account.run(state, now, watch.reason)
    if unable := sweep.tally.unable:
        state = intake_pb2.RUN_STATE_FAILED if unable == total else intake_pb2.RUN_STATE_PARTIAL
        return account.run(state, now, f"{unable} of {total} connects found no way there")
    return account.run(intake_pb2.RUN_STATE_COMPLETE, now)
