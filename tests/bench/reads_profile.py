# ruff: noqa: T201  # A program: it prints what it found.
"""What a question costs the store by itself: no network, no HTTP, on a record that is kept.

    python -m tests.bench.reads_profile build FOLDER --endpoints 8000
    python -m tests.bench.reads_profile reads FOLDER [--writes 500] [--profile page]
    python -m tests.bench.reads_profile answers FOLDER > answers.jsonl

The endpoints are those of bench_ingest. `build` gives everyone a first report and a small change,
and a few machines a year of days; `reads` tells the times of each kind of question, while a process
of its own writes so many changes a second; `answers` are for comparing two versions of the product.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import multiprocessing
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from cmdb.query.assets import asset_page, list_assets
from cmdb.query.encode import to_json
from cmdb.query.programs import VersionRange, program_holders
from cmdb.store.port import Record, Search
from cmdb.store.sqlite.record import open_record
from collector import ingest
from collector.journal.port import ITEM_FORM, Entry
from reconcile.explain import attributes
from reconcile.past_answers import attributes_then
from reconcile.past_record import as_record, opened
from reconcile.pipeline import Pipeline
from tests.bench.ingest.figures import p95
from tests.bench.ingest.machines import Estate, Machine, name_of
from tests.bench.ingest.reports import HASHES, Reports, hashes_bytes
from tests.bench.ingest.titles import TITLES, Titles

_OBSERVERS = 64
_GROUP = 64
_AGED, _DAYS = 50, 365
"""Machines that carry so many days of changes."""
_SEED = 7
Question = Callable[[Record], object]
Round = tuple[int, int, datetime]
"""Endpoint, generation, and when it says so."""


class _Maker:
    """Entries of the journal, as the intake leaves them there."""

    def __init__(self, folder: Path, size: int) -> None:
        path = folder / HASHES
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(hashes_bytes(size + _AGED))
        self.estate = Estate(_SEED, size)
        self._reports = Reports(self.estate, folder, size + _AGED, "profile")

    def bodies(self, rounds: list[Round]) -> list[tuple[datetime, bytes]]:
        """Of these endpoints and generations, in order."""
        found = []
        last: Machine | None = None
        for number, generation, at in rounds:
            if last is not None and (last.number, last.generation + 1) == (number, generation):
                machine = last
                self.estate.change(machine)
            else:
                machine = self.estate.machine(number, generation)
            last = machine
            found.append((at, self._body(machine, at)))
        return found

    def _body(self, machine: Machine, at: datetime) -> bytes:
        observer = f"observer-{machine.number % _OBSERVERS:02}"
        make = self._reports.changed if machine.generation else self._reports.whole
        item = make(observer, machine, at=at).items[0]
        item.observation.source.kind, item.observation.source.instance = "agent", observer
        item.observation.scope = "bench"
        return item.SerializeToString()


_maker: _Maker | None = None


def _begin(folder: Path, size: int) -> None:
    global _maker  # noqa: PLW0603 - one a process
    _maker = _Maker(folder, size)


def _made(rounds: list[Round]) -> list[tuple[datetime, bytes]]:
    assert _maker is not None
    return _maker.bodies(rounds)


def build(folder: Path, size: int) -> None:
    """Makes the record."""
    folder.mkdir(parents=True, exist_ok=True)
    _Maker(folder, size)
    now = datetime.now(UTC)
    (folder / "size").write_text(f"{size} {now.isoformat()}")
    first: list[Round] = [(n, 0, now - timedelta(days=2)) for n in range(size)]
    order = np.random.default_rng(_SEED).permutation(size).tolist()
    second: list[Round] = [(n, 1, now - timedelta(days=1)) for n in order]
    years: list[Round] = [
        (n, day, now - timedelta(days=_DAYS - day))
        for n in range(size, size + _AGED)
        for day in range(_DAYS + 1)
    ]
    with (
        closing(open_record(folder / "record.db")) as record,
        multiprocessing.get_context("spawn").Pool(1, _begin, (folder, size)) as pool,
    ):
        pipeline = Pipeline(record)
        for name, rounds in (("first", first), ("changes", second), ("years", years)):
            began, used = time.monotonic(), time.process_time()
            lots = [rounds[at : at + _GROUP] for at in range(0, len(rounds), _GROUP)]
            for lot in pool.imap(_made, lots):
                _apply(pipeline, lot)
            took, cpu = time.monotonic() - began, time.process_time() - used
            print(f"{name}: {len(rounds)} in {took:.1f} s, {cpu:.1f} s of the pipeline", flush=True)


def _apply(pipeline: Pipeline, lot: list[tuple[datetime, bytes]]) -> None:
    entries = [Entry("observer/x", ITEM_FORM, at, body) for at, body in lot]
    pipeline.apply([ingest.statement(entry) for entry in entries], max(at for at, _ in lot))


def _write(folder: Path, size: int, rate: float, ready: object, stop: object) -> None:
    """Applies small changes at a pace, made before; a group a turn."""
    generation = time.time_ns() // 1_000_000_000 % 1_000_000
    rng = np.random.default_rng(generation)
    lots = []
    maker = _Maker(folder, size)
    for _ in range(60):
        numbers = rng.permutation(size)[:_GROUP].tolist()
        lots.append(maker.bodies([(n, 2 + generation % 7, datetime.now(UTC)) for n in numbers]))
    with closing(open_record(folder / "record.db")) as record:
        pipeline = Pipeline(record)
        _apply(pipeline, lots[0])
        ready.set()  # type: ignore[attr-defined]
        began, sent = time.monotonic(), 0
        for lot in islice(iter(lots * 100), 1, None):
            if stop.is_set():  # type: ignore[attr-defined]
                break
            now = datetime.now(UTC)
            _apply(pipeline, [(now, body) for _, body in lot])
            sent += len(lot)
            wait = began + sent / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
        print(f"writer: {sent / (time.monotonic() - began):.0f} changes/s", file=sys.stderr)


def _built(folder: Path) -> tuple[int, datetime]:
    """Endpoints, and when the record was made."""
    size, at = (folder / "size").read_text().split()
    return int(size), datetime.fromisoformat(at)


def questions(size: int, built: datetime) -> dict[str, Iterator[Question]]:
    """Endless questions of each kind, as bench_ingest asks them."""
    rng = np.random.default_rng([_SEED, 6])
    titles = Titles(_SEED)
    return {
        "programs": _programs(titles, rng),
        "page": _pages(size, rng),
        "search": _searches(size, rng),
        "as_of": _as_of(size, built),
    }


def _programs(titles: Titles, rng: np.random.Generator) -> Iterator[Question]:
    while True:
        for title in range(100):
            for chosen in (title, int(rng.integers(TITLES))):
                newest = titles.version(chosen, int(titles.counts[chosen]) - 1)
                yield partial(_holders, titles.names[chosen], VersionRange(older_than=newest))


def _holders(name: str, wanted: VersionRange, record: Record) -> object:
    return program_holders(record.view, name, wanted)


def _pages(size: int, rng: np.random.Generator) -> Iterator[Question]:
    while True:
        yield partial(_page, name_of(int(rng.integers(size))))


def _page(name: str, record: Record) -> object:
    now = datetime.now(UTC)
    return asset_page(record, name, lambda asset: attributes(record, asset, now), now)


def _searches(size: int, rng: np.random.Generator) -> Iterator[Question]:
    while True:
        n = int(rng.integers(size))
        for search in (
            Search(text=name_of(n)),
            Search(text=name_of(n)[:9]),
            Search(text="poweredge", order="-last_seen"),
            Search(cls="Computer", where=(("os_version", f"12.{n % 12}"),)),
            Search(where=(("vendor", "LENOVO"),), text=f"10.16.{n >> 8 & 255}"),
        ):
            yield partial(_list, replace(search, limit=50))


def _list(search: Search, record: Record) -> object:
    return list_assets(record.view, search)


def _as_of(size: int, built: datetime) -> Iterator[Question]:
    then = built - timedelta(days=_DAYS - 1)
    while True:
        for number in range(size, size + _AGED):
            yield partial(_page_then, name_of(number), then)


def _page_then(name: str, then: datetime, record: Record) -> object:
    with opened(record, then, None, datetime.now(UTC)) as past:
        return asset_page(
            as_record(past), name, lambda asset: attributes_then(past, asset), past.past.clock
        )


def reads(folder: Path, kinds: list[str], seconds: float, writes: float, profile: str) -> None:
    """Asks and tells."""
    size, built = _built(folder)
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    with ExitStack() as stack:
        if writes:
            writer = context.Process(target=_write, args=(folder, size, writes, ready, stop))
            writer.start()
            stack.callback(writer.join)
            stack.callback(stop.set)
            ready.wait()
        record = stack.enter_context(closing(open_record(folder / "record.db", readonly=True)))
        asked = {k: q for k, q in questions(size, built).items() if not kinds or k in kinds}
        _tell(record, asked, seconds, profile)


def _tell(
    record: Record, asked: dict[str, Iterator[Question]], seconds: float, profile: str
) -> None:
    times: dict[str, list[float]] = {kind: [] for kind in asked}
    used: dict[str, list[float]] = {kind: [] for kind in asked}
    watch = cProfile.Profile()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for kind, each in asked.items():
            question = next(each)
            if kind == profile and times[kind]:
                watch.enable()
            began, before = time.perf_counter(), time.thread_time()
            with record.snapshot():
                answer = question(record)
            json.dumps(to_json(answer))
            times[kind].append(time.perf_counter() - began)
            used[kind].append(time.thread_time() - before)
            watch.disable()
    for kind, (first, *found) in times.items():
        middle = sorted(found)[len(found) // 2] * 1000
        print(
            f"{kind:9} {len(found):5}  first {first * 1000:7.1f}  p50 {middle:6.1f}"
            f"  p95 {p95(found):6.1f}  most {max(found) * 1000:6.1f} ms;"
            f" of the processor p50 {sorted(used[kind])[len(found) // 2] * 1000:.1f}"
            f" p95 {p95(used[kind]):.1f}"
        )
    if profile:
        pstats.Stats(watch).sort_stats("cumtime").print_stats(45)
        pstats.Stats(watch).sort_stats("tottime").print_stats(30)


def answers(folder: Path, count: int) -> None:
    """The first answers of each kind, a line each."""
    size, built = _built(folder)
    with closing(open_record(folder / "record.db", readonly=True)) as record:
        for kind, each in questions(size, built).items():
            for question in islice(each, count):
                told = to_json(question(record))
                if isinstance(told, dict) and kind == "page":
                    told.pop("as_of")
                print(json.dumps([kind, told], sort_keys=True))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("build", "reads", "answers"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--endpoints", type=int, default=8_000)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=[])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--writes", type=float, default=0)
    parser.add_argument("--profile", default="")
    parser.add_argument("--count", type=int, default=60)
    told = parser.parse_args()
    if told.act == "build":
        build(told.folder, told.endpoints)
    elif told.act == "reads":
        reads(told.folder, told.kinds, told.seconds, told.writes, told.profile)
    else:
        answers(told.folder, told.count)


if __name__ == "__main__":
    main()
