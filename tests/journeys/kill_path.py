# ruff: noqa: T201  # A program: it prints what it found.
"""Kills agent and server at random points; compares agent, journal and record item by item.

    python tests/journeys/kill_path.py --kills 200 --seed 7

Prints the seed first and one JSON line last; exits 1 when anything was lost or doubled. The server
is `stocktake serve` with its own children, which it starts again itself; the supervisor is started
again here. Every item carries a value that no other has.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.journeys.kill_compare import JournalWatch, account_of, faults, found_in

if TYPE_CHECKING:
    import psutil

T = TypeVar("T")
BIN = Path(sys.executable).parent
_DEADLINE_S = 120.0
_LONGEST_LIFE_S = 1.0
_VICTIMS = {"agent": 4, "intake": 6, "reconcile": 6, "supervisor": 1, "everything": 2}
"""What is killed, and how often; everything is the supervisor with its children at once."""


class Stage:
    """Server and agent, and their kills."""

    def __init__(self, folder: Path) -> None:
        self.home, self.agent_folder = folder / "home", folder / "agent"
        self._log = folder / "server.log"
        self._ports = ("0", "0", "0")
        self.server = self._start_server()
        token = self._stocktake("token", "--only-token", "--scope", "kills").strip()
        subprocess.run(
            [BIN / "stocktake-agent", "--home", self.agent_folder, "enrol", token],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.agent = self._start_agent()
        self.watch = JournalWatch(self.home / "journal.db")

    def kill(self, victim: str) -> None:
        """SIGKILL to one; what nobody else starts again is started here."""
        if victim == "agent":
            self.agent.kill()
            self.agent.wait(10)
            self.agent = self._start_agent()
        elif victim in ("supervisor", "everything"):
            children = self._children() if victim == "everything" else []
            self.server.kill()
            for child in children:
                _kill(child)
            self._ended()
            self.server = self._start_server()
        else:
            _kill(_until(lambda: self._child(victim), f"{victim} to be started again"))

    def backlog(self) -> int:
        """How many entries are received and not reconciled."""
        self.watch.poll()
        return self.watch.last - self._applied()

    def finish(self) -> None:
        """Lets the agent hand in what is left, the server apply it, and ends both."""
        (self.agent_folder / "enough").touch()
        self.agent.wait(_DEADLINE_S)
        if self.agent.returncode:
            raise SystemExit(f"the agent ended with {self.agent.returncode}")
        _until(lambda: self.backlog() == 0, "the server to apply all that is journalled")
        self.server.send_signal(signal.SIGINT)
        if self.server.wait(15):
            raise SystemExit(f"the server ended with {self.server.returncode}\n{self.log()}")
        self._ended()

    def clear(self) -> None:
        """Leaves nothing running."""
        for process in (self.agent, self.server):
            if process.poll() is None:
                process.kill()
                process.wait(10)
        if self.server.stdout is not None:
            self.server.stdout.close()

    def log(self) -> str:
        """The end of what the server wrote."""
        return self._log.read_text(encoding="utf-8")[-4_000:]

    def _applied(self) -> int:
        from cmdb.store.sqlite.record import open_record

        record = open_record(self.home / "record.db", readonly=True)
        try:
            return record.ledger.applied()
        finally:
            record.close()

    def _children(self) -> list[psutil.Process]:
        import psutil

        try:
            return psutil.Process(self.server.pid).children(recursive=True)
        except psutil.Error:
            return []

    def _child(self, role: str) -> psutil.Process | None:
        import psutil

        for child in self._children():
            try:
                if f"collector.roles {role} " in " ".join(child.cmdline()) + " ":
                    return child
            except psutil.Error:
                continue
        return None

    def _ended(self) -> None:
        """Waits until no process works on the home, and takes what the supervisor left."""
        self.server.wait(10)
        if self.server.stdout is not None:
            self.server.stdout.close()
        _until(lambda: not _working_on(self.home), "orphans to end")

    def _start_server(self) -> subprocess.Popen[str]:
        http, grpc, enrol = self._ports
        with self._log.open("a", encoding="utf-8") as log:
            server = subprocess.Popen(
                [
                    BIN / "stocktake", "--home", self.home, "serve", "--port", http,
                    "--grpc-port", grpc, "--enrol-port", enrol,
                ],
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert server.stdout is not None
        said = ""
        for line in server.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        numbers = re.findall(r"127\.0\.0\.1:(\d+)|port (\d+)", said)
        if len(numbers) != len(self._ports):
            raise SystemExit(f"the server did not start: {said}\n{self.log()}")
        first, second, third = (one or other for one, other in numbers)
        self._ports = (first, second, third)
        return server

    def _start_agent(self) -> subprocess.Popen[bytes]:
        program = Path(__file__).with_name("kill_agent.py")
        return subprocess.Popen([sys.executable, str(program), str(self.agent_folder)])

    def _stocktake(self, *words: str) -> str:
        command = [str(BIN / "stocktake"), "--home", str(self.home), *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout


def _working_on(home: Path) -> list[int]:
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(home) in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _kill(process: psutil.Process) -> None:
    import psutil

    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _until(condition: Callable[[], T | None], what: str) -> T:
    end = time.monotonic() + _DEADLINE_S
    while not (found := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"waited {_DEADLINE_S:.0f} s for {what}")
        time.sleep(0.02)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.randrange(1 << 31)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="stocktake-kill-") as folder:
        return _kill_and_compare(Path(folder), options.kills, random.Random(seed), seed)


def _kill_and_compare(folder: Path, kills: int, chance: random.Random, seed: int) -> int:
    stage, times, between = Stage(folder), Counter[str](), 0
    try:
        for _ in range(kills):
            # Not a wait for something: the moment of the kill is what varies.
            time.sleep(chance.uniform(0.0, _LONGEST_LIFE_S))
            (victim,) = chance.choices(list(_VICTIMS), list(_VICTIMS.values()))
            between += stage.backlog() > 0
            stage.kill(victim)
            times[victim] += 1
        stage.finish()
    finally:
        stage.clear()
    account = account_of(stage.agent_folder)
    found = found_in(stage.home, stage.watch)
    waiting = [path.name for path in (stage.agent_folder / "outbox").glob("[0-9]*.batch")]
    wrong = faults(account, found) + stage.watch.gaps + [f"still waits: {x}" for x in waiting]
    told = {
        "seed": seed,
        "kills": kills,
        "killed": dict(sorted(times.items())),
        "between_receipt_and_reconcile": between,
        "kept": len(account.kept),
        "acknowledged": len(account.acknowledged),
        "journalled": len(found.journal),
        "applied": len(found.record),
        "changes": len(found.feed),
        "faults": wrong[:20],
    }
    print(json.dumps(told), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
