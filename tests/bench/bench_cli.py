# ruff: noqa: T201  # A program: it prints what it found.
"""CPU time of the help text and of every command that reads, with a server and without.

    python tests/bench/bench_cli.py --rounds 5

On the sample estate. User and system time of the command's own process, in milliseconds, median
of the rounds; the last line is one JSON object. Exits 1 when a command fails or prints nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_BIN = Path(sys.executable).parent
_MACHINES, _PROGRAMS = 40, 600
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("assets",),
    ("show", "ASSET"),
    ("show", "ASSET", "--programs"),
    ("explain", "ASSET"),
    ("explain", "ASSET", "name"),
    ("history",),
    ("history", "ASSET"),
    ("agents",),
    ("status",),
    ("impact", "ASSET"),
    ("position",),
    ("position", "Microsoft Visio (sample estate)"),
    ("alerts",),
    ("alerts", "channels"),
    ("export", "identity"),
    ("export", "assets"),
    ("token", "list"),
    ("user", "list"),
)
"""What is measured; ASSET stands for one machine of the estate."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stocktake-bench-") as folder:
        home = Path(folder) / "home"
        with _served(home):
            estate = _load(home, Path(folder))
            asset = _first_machine(home)
            served, missing = _measured(home, asset, options.rounds)
        offline, _ = _measured(home, asset, options.rounds)
        size = (home / "record.db").stat().st_size
    told = {
        "cpu_ms": {f"{name} (server)": value for name, value in served.items()} | offline,
        "rounds": options.rounds,
        "estate": estate,
        "record_bytes": size,
        "not_there_yet": missing,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }
    for name, value in sorted(told["cpu_ms"].items(), key=lambda item: -item[1]):
        print(f"{value:7.0f} ms  {name}")
    print(json.dumps(told))
    return 0


def cpu_ms(words: Sequence[str]) -> tuple[float, str]:
    """CPU time of one run, and what it printed.

    Raises:
        SystemExit: It failed or printed nothing.
    """
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=_environment())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode("utf-8")
    if process.returncode or not text.strip():
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}: {text[-500:]!r}")
    return (used.ru_utime + used.ru_stime) * 1000, text


def _measured(home: Path, asset: str, rounds: int) -> tuple[dict[str, float], list[str]]:
    there = _commands(home)
    times: dict[str, float] = {}
    missing = []
    for words in COMMANDS:
        if words[0] not in there and words[0] != "--help":
            missing.append(words[0])
            continue
        command = [asset if word == "ASSET" else word for word in words]
        line = [str(_BIN / "stocktake"), "--home", str(home), *command]
        found = [cpu_ms(line)[0] for _ in range(rounds)]
        times[" ".join(words)] = round(statistics.median(found), 1)
    return times, missing


def _commands(home: Path) -> set[str]:
    """Commands that the help text lists."""
    return set(_stocktake(home, "--help").split())


@contextmanager
def _served(home: Path) -> Iterator[None]:
    words = ["--home", str(home), "serve", "--port", "0", "--grpc-port", "0", "--enrol-port", "0"]
    process = subprocess.Popen(
        [str(_BIN / "stocktake"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        yield
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()


def _load(home: Path, folder: Path) -> str:
    """The sample estate; an import of the same size where there is none yet."""
    done = subprocess.run(
        [str(_BIN / "stocktake"), "--home", str(home), "demo", "load"],
        capture_output=True, text=True, env=_environment(), check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return "demo"
    file = folder / "estate.jsonl"
    file.write_text("".join(_lines()), "utf-8")
    _stocktake(home, "import", "observations", str(file), "--now")
    return f"import of {_MACHINES} machines with {_PROGRAMS} programs"


def _lines() -> Iterator[str]:
    for number in range(_MACHINES):
        name = f"machine-{number:02}"
        addresses = [f"10.0.0.{number + 1}/24"]
        row = {
            "type": "observation", "at": "2026-01-01T00:00:00Z", "full": True,
            "source": {"kind": "import", "instance": "bench"}, "scope": "bench",
            "native_key": name, "class": "Computer",
            "attributes": {"name": name, "system_serial": f"SN{number:06}", "vendor": "Acme"},
            "interfaces": [{"name": "eth0", "kind": "ethernet", "addresses": addresses}],
            "programs": [
                {"name": f"program-{place}", "version": f"1.{(place + number) % 7}",
                 "package_system": "deb"}
                for place in range(_PROGRAMS)
            ],
        }  # fmt: skip
        yield json.dumps(row) + "\n"


def _first_machine(home: Path) -> str:
    found = json.loads(_stocktake(home, "assets", "--class", "Computer", "--json"))
    return str(found["assets"][0]["asset"])


def _stocktake(home: Path, *words: str) -> str:
    done = subprocess.run(
        [str(_BIN / "stocktake"), "--home", str(home), *words],
        capture_output=True, text=True, env=_environment(), check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{words}: {done.returncode} {done.stderr}")
    return done.stdout


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STOCKTAKE")}


if __name__ == "__main__":
    raise SystemExit(main())
