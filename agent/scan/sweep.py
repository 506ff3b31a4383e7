"""Tries ports of addresses by TCP connect, bounded in rate and in number at once.

An address lives when it accepted or refused: both are its own words.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from agent.scan.ports import port
from agent.scan.voices import Said, hear

_AT_ONCE = 200
_REFUSED = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
# Our own machine or its network cannot reach the address at all.
_UNABLE = frozenset({errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL})


@dataclass(frozen=True)
class Settings:
    """How to try."""

    ports: tuple[int, ...]
    rate_per_s: float = 500.0
    connect_wait_s: float = 1.5
    hear_wait_s: float = 2.0
    with_banners: bool = True
    with_certificates: bool = True


@dataclass
class Found:
    """What one address answered."""

    address: str
    open_ports: dict[int, Said] = field(default_factory=dict)
    refused: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it said anything at all."""
        return self.refused or bool(self.open_ports)


class Pace:
    """Gives out the moments at which to connect, evenly, across all that share it."""

    def __init__(self, rate_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap_s = 1.0 / rate_per_s
        self._clock = clock
        self._next = clock()

    def delay_s(self) -> float:
        """Takes the next moment; how long to wait for it."""
        now = self._clock()
        at = max(self._next, now)
        self._next = at + self._gap_s
        return at - now


@dataclass
class Tally:
    """How far a sweep is."""

    done: int = 0
    unable: int = 0


class Watch(Protocol):
    """Who says when to stop, and is told how far it is."""

    def is_over(self) -> bool:
        """Whether to stop now."""

    def tell(self, done: int) -> None:
        """How many connects are done."""


class Sweep:
    """One sweep over many groups of addresses, which share its pace and its tally."""

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self.tally = Tally()
        self._settings = settings
        self._pace = Pace(settings.rate_per_s)
        self._watch = watch

    async def look(self, addresses: Iterable[str]) -> tuple[Found, ...]:
        """What each address answered; when it is over early, what was heard until then."""
        found = {address: Found(address) for address in addresses}
        # Port by port: the load goes round the hosts.
        todo = ((one, number) for number in self._settings.ports for one in found.values())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(found) * len(self._settings.ports))):
                group.create_task(self._work(todo))
        return tuple(found.values())

    async def _work(self, todo: Iterator[tuple[Found, int]]) -> None:
        while not self._watch.is_over() and (next_one := next(todo, None)) is not None:
            await asyncio.sleep(self._pace.delay_s())
            await self._try(*next_one)
            self.tally.done += 1
            self._watch.tell(self.tally.done)

    async def _try(self, found: Found, number: int) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_wait_s):
                _, writer = await asyncio.open_connection(found.address, number)
        except TimeoutError:
            return
        except OSError as error:
            found.refused |= error.errno in _REFUSED
            self.tally.unable += error.errno in _UNABLE
            return
        writer.transport.abort()
        found.open_ports[number] = await self._hear(found.address, number)

    async def _hear(self, address: str, number: int) -> Said:
        if not (self._settings.with_banners or self._settings.with_certificates):
            return Said()
        said = await hear(address, number, port(number).voice, self._settings.hear_wait_s)
        return Said(
            banner=said.banner if self._settings.with_banners else None,
            certificate=said.certificate if self._settings.with_certificates else None,
        )
