# ruff: noqa: T201  # A program: it prints what it found.
"""From endpoints to the view and back: what the embedded store does at the size of an enterprise.

    python tests/bench/bench_ingest.py --endpoints 20000 --seed 1 [--phases load,reads]

`stocktake serve` on a home of its own, real enrolment, protobuf over gRPC with mutual TLS; client
and server share the cores. Batches are made before the clock starts; it stops when the last
report is in the view. Each figure stands beside its goal; the last line is one JSON object.
Exits 1 when an acknowledged report is lost or doubled, whatever the pace.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.ingest.figures import surroundings
from tests.bench.ingest.phases import Bench, Settings

PHASES = ("load", "changes", "unchanged", "connections", "reads", "as_of", "kills")
_NEED_LOAD = frozenset(PHASES) - {"load", "kills"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell."""
    options = _options(arguments)
    began = time.monotonic()
    # Ended from outside it leaves nothing running, as when it ends by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True)

    settings = Settings(
        options.endpoints, options.seed, options.senders, options.identities, options.read_seconds,
        options.changes_per_s, options.kill_endpoints, options.kills, options.as_of_assets,
        options.as_of_days,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="stocktake-ingest-", dir=options.folder) as folder,
        closing(Bench(settings, Path(folder), say)) as bench,
    ):
        for phase in options.phases:
            getattr(bench, phase)()
        bench.finish()
    figures = bench.figures
    told = {
        **figures.json(), "endpoints": options.endpoints, "seed": options.seed,
        "phases": options.phases, "seconds": round(time.monotonic() - began, 1), **surroundings(),
    }  # fmt: skip
    print(f"{options.endpoints} endpoints, seed {options.seed}")
    for line in figures.lines():
        print(line)
    print(json.dumps(told))
    return 1 if figures.values.get("lost") or figures.values.get("doubled") else 0


def _some(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one endpoint")
    return count


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=_some, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phases", type=_phases, default=list(PHASES), help=",".join(PHASES))
    parser.add_argument("--senders", type=int, default=16, help="calls under way at once")
    parser.add_argument("--identities", type=int, default=64, help="enrolled observers")
    parser.add_argument("--read-seconds", type=float, default=30.0)
    parser.add_argument("--changes-per-s", type=float, default=500.0, help="while reading")
    parser.add_argument("--kill-endpoints", type=int, default=2_000, help="at most")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--as-of-assets", type=int, default=1_000)
    parser.add_argument("--as-of-days", type=int, default=365)
    parser.add_argument("--folder", type=Path, default=None, help="for the home; several GB")
    return parser.parse_args(arguments)


def _phases(text: str) -> list[str]:
    wanted = set(text.split(","))
    if unknown := wanted - set(PHASES):
        raise argparse.ArgumentTypeError(f"no phase {', '.join(sorted(unknown))}")
    if wanted & _NEED_LOAD:
        wanted.add("load")
    return [phase for phase in PHASES if phase in wanted]


if __name__ == "__main__":
    raise SystemExit(main())
