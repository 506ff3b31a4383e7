"""Batches made before the clock starts, in files: endpoints make theirs on machines of their own.

One file for each sender. What is in them follows from the seed; the client needs no memory for
them, whatever the number of endpoints.
"""

from __future__ import annotations

import multiprocessing
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.ingest.machines import Estate, Machine
from tests.bench.ingest.reports import Reports

_HEAD = struct.Struct("<IIIII")
_ALL_CHANGED = ("programs", "listening_services", "operating_system")


class Parcel(NamedTuple):
    """One batch, ready to be sent."""

    first: int
    """Number of its first endpoint."""
    generation: int
    identity: int
    items: int
    body: bytes


@dataclass(frozen=True)
class Plan:
    """What is to be sent in one phase."""

    kind: str
    """first, change, unchanged, marked (the system's version tells the generation), or daily (a
    generation is a day, the last is today)."""
    run: str
    """Begins the names of its batches."""
    numbers: Sequence[tuple[int, int]]
    """Endpoint and generation, in the order of sending."""
    batch: int = 1
    today: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Workshop:
    """Where batches are made, and for whom."""

    folder: Path
    seed: int
    size: int
    prefixes: tuple[str, ...]
    """Of the identities: endpoint n is spoken for by identity n modulo their number."""
    senders: int
    processes: int = 2

    def make(self, plan: Plan) -> list[Path]:
        """The batches of a plan, a file for each sender; on disk, so that nothing is left to it."""
        shares = [range(start, self.senders, self.processes) for start in range(self.processes)]
        jobs = [(self, plan, list(share)) for share in shares]
        if len(plan.numbers) < _WORTH_PROCESSES:
            for job in jobs:
                _make(*job)
        else:
            with multiprocessing.get_context("spawn").Pool(self.processes) as pool:
                pool.starmap(_make, jobs)
        os.sync()
        return [self.file(plan, sender) for sender in range(self.senders)]

    def file(self, plan: Plan, sender: int) -> Path:
        """The batches of one sender."""
        return self.folder / f"{plan.run}-{sender}.spool"

    def identity(self, number: int) -> int:
        """Who speaks for an endpoint."""
        return number % len(self.prefixes)


_WORTH_PROCESSES = 2_000


def parcels(path: Path) -> Iterator[Parcel]:
    """What a file holds, in order; the file is gone afterwards."""
    with path.open("rb") as file:
        path.unlink()
        while head := file.read(_HEAD.size):
            first, generation, identity, items, size = _HEAD.unpack(head)
            yield Parcel(first, generation, identity, items, file.read(size))


@cache
def _estate(seed: int, size: int) -> Estate:
    return Estate(seed, size)


def _make(shop: Workshop, plan: Plan, senders: Sequence[int]) -> None:
    estate = _estate(shop.seed, shop.size)
    for sender in senders:
        run = f"{plan.run}-{sender:03}"
        reports = Reports(estate, shop.folder, shop.size, run)
        with shop.file(plan, sender).open("wb") as file:
            for parcel in _parcels(shop, plan, sender, reports):
                head = _HEAD.pack(*parcel[:4], len(parcel.body))
                file.write(head + parcel.body)


def _parcels(shop: Workshop, plan: Plan, sender: int, reports: Reports) -> Iterator[Parcel]:
    mine: dict[int, list[int]] = {}
    machine: Machine | None = None
    for number, generation in plan.numbers:
        identity = shop.identity(number)
        if identity % shop.senders != sender:
            continue
        if plan.kind != "unchanged":
            machine = _next(plan, reports.estate, machine, number, generation)
            yield _single(plan, reports, machine, shop.prefixes[identity], identity)
            continue
        waiting = mine.setdefault(identity, [])
        waiting.append(number)
        if len(waiting) == plan.batch:
            yield _several(reports, mine.pop(identity), shop.prefixes[identity], identity)
    for identity, waiting in mine.items():
        yield _several(reports, waiting, shop.prefixes[identity], identity)


def _next(
    plan: Plan, estate: Estate, last: Machine | None, number: int, generation: int
) -> Machine:
    """The machine of that day, from the one of the day before where that is at hand."""
    if last is not None and (last.number, last.generation + 1) == (number, generation):
        estate.change(last)
        return last
    return estate.machine(number, generation, marked=plan.kind == "marked")


def _single(plan: Plan, reports: Reports, machine: Machine, prefix: str, identity: int) -> Parcel:
    at = None
    if plan.kind == "daily":
        at = plan.today - timedelta(days=plan.numbers[-1][1] - machine.generation)
    if machine.generation == 0:
        request = reports.whole(prefix, machine, at)
    elif plan.kind == "marked":
        request = reports.changed(prefix, machine, _ALL_CHANGED, at)
    else:
        request = reports.changed(prefix, machine, at=at)
    body = request.SerializeToString()
    return Parcel(machine.number, machine.generation, identity, 1, body)


def _several(reports: Reports, numbers: Sequence[int], prefix: str, identity: int) -> Parcel:
    machines = [Machine(number, {}, []) for number in numbers]
    request = reports.unchanged(prefix, machines)
    return Parcel(numbers[0], 0, identity, len(machines), request.SerializeToString())


def random_order(seed: int, size: int, count: int, generation: int) -> list[tuple[int, int]]:
    """So many small changes: every endpoint once in random order, then each a second time ..."""
    rng = np.random.default_rng([seed, 5, generation])
    found: list[tuple[int, int]] = []
    while len(found) < count:
        found += [(number, generation) for number in rng.permutation(size).tolist()]
        generation += 1
    return found[:count]
