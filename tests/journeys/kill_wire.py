# ruff: noqa: T201  # A program: it prints what it found.
"""Kills collector and agent at random points; compares what was acknowledged and journalled.

    python tests/journeys/kill_wire.py --kills 200 --seed 7

Prints the seed first and one JSON line last; exits 1 when anything was lost or doubled.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 60.0
_LONGEST_LIFE_S = 0.6


@dataclass(frozen=True)
class Account:
    """What the agent said of itself: keys it was about to keep, kept, and saw acknowledged."""

    tried: frozenset[str]
    kept: frozenset[str]
    acknowledged: frozenset[str]


def faults(account: Account, found: Iterable[str]) -> list[str]:
    """What is wrong when these keys were found at the end, one for each time it was found."""
    times = Counter(found)
    wrong = [f"doubled: {key} x{count}" for key, count in times.items() if count > 1]
    wrong += [f"lost though acknowledged: {key}" for key in account.acknowledged - times.keys()]
    wrong += [f"lost though kept: {key}" for key in account.kept - times.keys()]
    wrong += [f"never made: {key}" for key in times.keys() - account.tried]
    if not account.acknowledged or not times:
        wrong.append("nothing was acknowledged: nothing was compared")
    return sorted(wrong)


def journalled(home: Path) -> list[str]:
    """The native keys in the journal, in order."""
    from collector.home import Home
    from collector.journal.sqlite import SqliteReader
    from stocktake.v1.intake_pb2 import Item

    reader = SqliteReader(Home(home).journal_path)
    try:
        entries = reader.read(0, 1 << 30, 1 << 40)
    finally:
        reader.close()
    return [Item.FromString(found.entry.body).observation.native_key for found in entries]


def account_of(folder: Path) -> Account:
    """What the agent's log says."""
    said: dict[str, set[str]] = {"tried": set(), "kept": set(), "acknowledged": set()}
    for line in (folder / "log").read_text(encoding="utf-8").splitlines():
        word, _, keys = line.partition(" ")
        # A line that a kill cut short has no full stop, and says nothing.
        if keys.endswith("."):
            said[word].update(keys.removesuffix(".").split(","))
    return Account(*(frozenset(said[word]) for word in ("tried", "kept", "acknowledged")))


def outbox_files(folder: Path) -> list[str]:
    """Batches that still wait."""
    return [path.name for path in (folder / "outbox").iterdir() if path.name.endswith(".batch")]


class Victims:
    """The two processes, started again after each kill."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "collector"
        self.agent_folder = folder / "agent"
        self.ports = (0, 0)
        self.collector = self._start_collector()
        self._enrol()
        self.agent = self._start_agent()

    def kill(self, *, collector: bool) -> None:
        """SIGKILL one and start it again."""
        if collector:
            _killed(self.collector)
            self.collector = self._start_collector()
        else:
            _killed(self.agent)
            self.agent = self._start_agent()

    def finish(self) -> None:
        """Let the agent deliver what is left, and end both."""
        (self.agent_folder / "enough").touch()
        self.agent.wait(_DEADLINE_S)
        self.collector.send_signal(signal.SIGTERM)
        self.collector.wait(10)
        if self.agent.returncode or self.collector.returncode:
            raise SystemExit(f"ended with {self.agent.returncode}, {self.collector.returncode}")

    def clear(self) -> None:
        """Leave nothing running."""
        for process in (self.agent, self.collector):
            if process.poll() is None:
                _killed(process)

    def _start_collector(self) -> "subprocess.Popen[str]":
        port, enrol_port = map(str, self.ports)
        words = ["-m", "collector.intake_process", "--home", str(self.home)]
        process = subprocess.Popen(
            [sys.executable, *words, "--port", port, "--enrol-port", enrol_port],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        word, *ports = process.stdout.readline().split() or ["nothing"]
        if word != "ready":
            raise SystemExit("the collector did not start")
        self.ports = (int(ports[0]), int(ports[1]))
        return process

    def _start_agent(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, str(Path(__file__)), "--agent", str(self.agent_folder)], cwd=ROOT
        )

    def _enrol(self) -> None:
        from agent.uplink.enrol import enrol
        from collector.door_client import Door
        from collector.enrolment.tokens import Grants
        from collector.home import Home

        with Door(Home(self.home)) as door:
            grants = Grants(frozenset({"agent"}), "kills")
            made = door.make_token(grants, timedelta(hours=1), "person/test")
        enrol(self.agent_folder, made.text)


def _killed(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--agent", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.agent:
        return _be_agent(options.agent)
    seed = options.seed if options.seed is not None else random.randrange(1 << 31)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="stocktake-kill-") as folder:
        return _kill_and_compare(Path(folder), options.kills, random.Random(seed), seed)


def _kill_and_compare(folder: Path, kills: int, chance: random.Random, seed: int) -> int:
    victims = Victims(folder)
    try:
        for _ in range(kills):
            # Not a wait for something: the moment of the kill is what varies.
            time.sleep(chance.uniform(0.0, _LONGEST_LIFE_S))
            victims.kill(collector=chance.random() < 0.5)
        victims.finish()
    finally:
        victims.clear()
    account, found = account_of(victims.agent_folder), journalled(victims.home)
    wrong = faults(account, found) + outbox_files(victims.agent_folder)
    told = {
        "seed": seed,
        "kills": kills,
        "kept": len(account.kept),
        "acknowledged": len(account.acknowledged),
        "journalled": len(found),
        "faults": wrong[:20],
    }
    print(json.dumps(told), flush=True)
    return 1 if wrong else 0


def _be_agent(folder: Path) -> int:
    """Make items, deliver them, log each step; until told that it is enough."""
    from agent.errors import CollectorUnreachable
    from agent.uplink.client import Client
    from agent.uplink.delivery import Delivery
    from agent.uplink.identity import load
    from agent.uplink.outbox import Outbox
    from stocktake.v1.intake_pb2 import Item, ReportRequest, ReportResponse
    from stocktake.v1.observation_pb2 import Observation

    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(word: str, keys: Iterable[str]) -> None:
        os.write(log, f"\n{word} {','.join(keys)}.\n".encode())

    class Told(Client):
        def report(self, request: ReportRequest) -> ReportResponse:
            answer = super().report(request)
            say("acknowledged", (item.observation.native_key for item in request.items))
            return answer

    identity, outbox = load(folder), Outbox(folder)
    delivery, client = Delivery(folder, outbox), Told(identity, timeout_s=5)
    prefix = f"{identity.key_prefix}/{os.getpid()}-{time.time_ns()}"
    deadline = time.monotonic() + _DEADLINE_S
    number = 0
    while time.monotonic() < deadline:
        enough = (folder / "enough").exists()
        if not enough:
            keys = [f"{prefix}-{number + index}" for index in range(3)]
            number += len(keys)
            say("tried", keys)
            outbox.put(Item(observation=Observation(native_key=key)) for key in keys)
            say("kept", keys)
        with contextlib.suppress(CollectorUnreachable):
            delivery.flush(client)
        if enough and not outbox.waiting():
            return 0
    return 1


if __name__ == "__main__":
    # Run as a file, not as a module: the packages lie at the root and the stubs under proto.
    sys.path[:0] = [str(ROOT), str(ROOT / "proto")]
    raise SystemExit(main())
