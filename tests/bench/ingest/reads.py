"""How long people wait for answers while changes come in.

One reader, one question after the other over a kept connection, each kind by turns; the changes
are sent by a process of their own.
"""

from __future__ import annotations

import http.client
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.bench.ingest.identities import Identity
from tests.bench.ingest.machines import name_of
from tests.bench.ingest.sender import Sender
from tests.bench.ingest.server import Rest
from tests.bench.ingest.titles import TITLES, Titles

MOST_INSTALLED = 100
Question = tuple[str, Mapping[str, object]]
_NOT_THERE = (http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED)


@dataclass(frozen=True)
class Load:
    """Changes that come in meanwhile."""

    address: str
    identities: Sequence[Identity]
    spools: Sequence[Path]
    rate_per_s: float


def under_load(
    load: Load, rest: Rest, kinds: Mapping[str, Iterator[Question]]
) -> tuple[dict[str, list[float]], float]:
    """Seconds of each question by kind, and the changes a second that were acknowledged.

    A kind that the server does not offer has no times.
    """
    context = multiprocessing.get_context("spawn")
    done = context.SimpleQueue()
    writer = context.Process(target=_write, args=(load, done))
    writer.start()
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    begun = done.get()
    assert begun == "begun"
    absent: set[str] = set()
    while writer.is_alive():
        for kind, questions in kinds.items():
            if kind in absent:
                continue
            took = asked(rest, next(questions))
            if took is None:
                absent.add(kind)
            else:
                times[kind].append(took)
    writer.join()
    if writer.exitcode:
        raise RuntimeError(f"the changes ended with {writer.exitcode}")
    return times, float(done.get())


def _write(load: Load, done: multiprocessing.SimpleQueue[object]) -> None:
    with Sender(load.address, load.identities) as sender:
        done.put("begun")
        began = time.monotonic()
        sent = sender.run(load.spools, load.rate_per_s)
    done.put(sent.acknowledged / (time.monotonic() - began))


def asked(rest: Rest, question: Question) -> float | None:
    """Seconds until the whole answer is there; None where there is no such question.

    Raises:
        RuntimeError: the answer is an error.
    """
    path, params = question
    began = time.perf_counter()
    status, body = rest.ask(path, params)
    took = time.perf_counter() - began
    if status in _NOT_THERE:
        return None
    if status != http.client.OK:
        raise RuntimeError(f"{path} {params}: {status} {body[:500]!r}")
    return took


def program_questions(titles: Titles, rng: np.random.Generator) -> Iterator[Question]:
    """Who has P older than its newest version: the most installed and any others by turns."""
    while True:
        for title in range(MOST_INSTALLED):
            for chosen in (title, int(rng.integers(TITLES))):
                newest = titles.version(chosen, int(titles.counts[chosen]) - 1)
                yield "/programs", {"name": titles.names[chosen], "older_than": newest}


def page_questions(size: int, rng: np.random.Generator) -> Iterator[Question]:
    """Any asset, all that its page shows."""
    while True:
        yield f"/assets/{name_of(int(rng.integers(size)))}", {}


def search_questions(size: int, rng: np.random.Generator) -> Iterator[Question]:
    """Words, beginnings of words, filters, and both."""
    while True:
        number = int(rng.integers(size))
        yield "/assets", {"text": name_of(number)}
        yield "/assets", {"text": name_of(number)[:9]}
        yield "/assets", {"text": "poweredge", "order": "-last_seen"}
        yield "/assets", {"cls": "Computer", "where": f"os_version=12.{number % 12}"}
        yield "/assets", {"where": "vendor=LENOVO", "text": f"10.16.{number >> 8 & 255}"}


def as_of_questions(first: int, count: int, days: int) -> Iterator[Question]:
    """Assets that carry so many days of changes, as they were at the first of them."""
    then = datetime.now(UTC) - timedelta(days=days - 1)
    while True:
        for number in range(first, first + count):
            yield f"/assets/{name_of(number)}", {"as_of": then.isoformat()}


def offers_as_of(rest: Rest) -> bool:
    """Whether the server can tell how an asset was."""
    said = rest.get("/openapi.json")
    parameters = said["paths"]["/api/v1/assets/{ref}"]["get"].get("parameters", [])
    return any(each["name"] == "as_of" for each in parameters)


def timed(ask: Callable[[], float | None], count: int) -> list[float]:
    """So many answers, one after the other."""
    return [took for _ in range(count) if (took := ask()) is not None]
