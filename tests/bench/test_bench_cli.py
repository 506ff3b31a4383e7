"""The bench runs, and every command it measures prints something. Times are not judged here."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.bench_cli import COMMANDS


def test_one_round_measures_every_command_both_ways() -> None:
    program = Path(__file__).with_name("bench_cli.py")
    done = subprocess.run(
        [sys.executable, str(program), "--rounds", "1"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    names = {" ".join(words) for words in COMMANDS if words[0] not in told["not_there_yet"]}
    assert len(names) > 10
    assert set(told["cpu_ms"]) == names | {f"{name} (server)" for name in names}
    assert all(value > 0 for value in told["cpu_ms"].values())
