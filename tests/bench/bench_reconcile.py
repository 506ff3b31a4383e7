# ruff: noqa: T201  # A program: it prints what it found.
"""How well the engine tells which lines are about one thing, on an estate with known truth.

    python -m tests.bench.bench_reconcile --endpoints 20000 --seed 1

Makes an estate of some sixty days with faults at stated rates, sends it through the import form
into a home of its own, and compares the exports with the truth: precision, recall and F1 over
pairs of lines, false merges, needless questions, states and values; the same for a plain engine
that takes the first key that matches. The last line is one JSON object. Exits 1 when the product
fails, 0 whatever the figures.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.reconcile import product
from tests.bench.reconcile.baseline import FirstMatch
from tests.bench.reconcile.days import tell
from tests.bench.reconcile.estate import DAYS, Estate, populate
from tests.bench.reconcile.faults import FAILED_RUNS, afflict, fail_runs, share_of_things
from tests.bench.reconcile.faults_changing import CHANGING
from tests.bench.reconcile.faults_lists import LISTED
from tests.bench.reconcile.faults_shared import SHARED
from tests.bench.reconcile.judge import Placed, Thing, Verdict, judge, verdict_of
from tests.bench.reconcile.stretches import Object

FAULTS = (*SHARED, *CHANGING, *LISTED)
_SHOWN = 15


@dataclass
class Told:
    """An estate's lines in a file, and what is true of each."""

    sample: Path
    about: array[int] = field(default_factory=lambda: array("i"))
    """For each observation the number of its thing, -1 where it speaks of no one thing."""
    things: dict[str, Thing] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    numbers: array[int] = field(default_factory=lambda: array("i"))
    """Number of each observation's line in the file, from 1."""

    def observed(self) -> Iterator[tuple[Object, str | None]]:
        """Each observation with its thing."""
        seen = (line for line in product.objects(self.sample) if line["type"] == "observation")
        for line, thing in zip(seen, self.about, strict=True):
            yield line, None if thing < 0 else f"t-{thing:06d}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, tell, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for sample, truth and exports")
    parser.add_argument("--only-make", action="store_true", help="sample and truth, no product")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stocktake-bench-") as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        try:
            found = _bench(options, place, Path(folder) / "home")
        except product.ProductFailed as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps(found))
    return 0


def _bench(options: argparse.Namespace, place: Path, home: Path) -> dict[str, Any]:
    seconds = {}
    started = time.monotonic()
    told, plain = make(options.endpoints, options.seed, place / "sample.jsonl.gz")
    write_truth(told, place / "truth.jsonl.gz")
    seconds["make"] = time.monotonic() - started
    found: dict[str, Any] = {
        "seed": options.seed, "endpoints": options.endpoints, "days": DAYS,
        "things": len(told.things), "lines": told.lines, "observations": len(told.about),
        "fault_groups": told.groups,
        "fault_groups_per_10_000": {fault.name: fault.groups_per_10_000 for fault in FAULTS},
    }  # fmt: skip
    if not options.only_make:
        started = time.monotonic()
        answer, found["import_rss_bytes"] = product.import_lines(home, told.sample)
        found["refused"] = len(answer["refused"])
        seconds["import"] = time.monotonic() - started
        started = time.monotonic()
        engine = _judged(told, home, place)
        seconds["judge"] = time.monotonic() - started
        found |= {"engine": shown(engine), "met": _met(engine)}
        _print(engine)
    found |= {"baseline": shown(plain)}
    found["seconds"] = {name: round(took, 1) for name, took in seconds.items()}
    return found


def make(endpoints: int, seed: int, sample: Path) -> tuple[Told, Verdict]:
    """Writes an estate's lines, and judges the plain engine on the way."""
    rng = random.Random(seed)
    estate = populate(round(endpoints * max(0.3, 1 - share_of_things(FAULTS))), rng)
    fail_runs(estate)
    told = Told(sample, groups=afflict(estate, FAULTS, endpoints))
    plain, placed = FirstMatch(), Placed({})
    with gzip.open(sample, "wt", compresslevel=1, encoding="utf-8") as out:
        for line, name in tell(estate):
            told.lines += 1
            out.write(json.dumps(line) + "\n")
            if line["type"] == "observation":
                told.about.append(int(name[2:]) if name else -1)
                told.numbers.append(told.lines)
                asset = plain.place(line)
                if name:
                    placed.put(name, asset)
    told.things = _truth(estate, set(placed.cells))
    return told, verdict_of(placed, told.things, plain.assets())


def _truth(estate: Estate, spoken_of: set[str]) -> dict[str, Thing]:
    return {
        thing.name: Thing(
            thing.name, tuple(thing.faults), thing.twin_ok, thing.states, thing.classes,
            thing.expect,
        )
        for thing in estate.things
        if thing.name in spoken_of
    }  # fmt: skip


def write_truth(told: Told, path: Path) -> None:
    """The truth in the form that other scorers read."""
    why = {fault.name: fault.why for fault in FAULTS}
    why[FAILED_RUNS] = "the last runs over its place failed or broke off"
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as out:
        for number, thing in zip(told.numbers, told.about, strict=True):
            name = None if thing < 0 else f"t-{thing:06d}"
            out.write(json.dumps({"line": number, "thing": name}) + "\n")
        for entry in told.things.values():
            expect = {
                "state": list(entry.states), "class": list(entry.classes),
                "attributes": entry.attributes,
            }  # fmt: skip
            out.write(json.dumps({
                "thing": entry.name, "faults": list(entry.faults), "twin_ok": entry.twin_ok,
                "expect": {part: value for part, value in expect.items() if value},
                "why": "; ".join(why[fault] for fault in entry.faults) or "ordinary",
            }) + "\n")  # fmt: skip


def _judged(told: Told, home: Path, place: Path) -> Verdict:
    identity, assets = place / "identity.jsonl", place / "assets.jsonl"
    product.export(home, "identity", identity)
    product.export(home, "assets", assets)
    return judge(told.observed(), told.things, product.objects(identity), product.objects(assets))


def shown(verdict: Verdict) -> dict[str, Any]:
    """A verdict as one JSON object."""
    faults = {name: figures.shown() for name, figures in sorted(verdict.faults.items())}
    return verdict.overall.shown() | {"unassigned": verdict.unassigned, "faults": faults}


def _met(verdict: Verdict) -> dict[str, bool]:
    told = verdict.overall.shown()
    return {
        "false_merges": told["false_merges"] == 0,
        "recall": (told["recall"] or 0) >= 0.999,
        "questions": (told["questions_share"] or 0) <= 0.001,
        "state": (told["state"] or 0) >= 0.99,
        "value": (told["value"] or 0) >= 0.99,
    }


def _print(verdict: Verdict) -> None:
    def badness(item: tuple[str, Any]) -> tuple[float, ...]:
        told = item[1].shown()
        misses = [1 - (told[name] if told[name] is not None else 1) for name in _SHARES]
        return (-told["false_merges"], *(-miss for miss in misses), -told["questions"])

    for name, figures in sorted(verdict.faults.items(), key=badness)[:_SHOWN]:
        told = figures.shown()
        example = next(iter(figures.examples.values()), "")
        shares = "  ".join(f"{part} {told[part]}" for part in _SHARES)
        print(f"{name}: merges {told['false_merges']}  {shares}  {example}")


_SHARES = ("recall", "state", "value")

if __name__ == "__main__":
    sys.exit(main())
