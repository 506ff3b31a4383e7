"""The product as a user has it: `stocktake serve`, its command line, real agents; on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

_BIN = Path(sys.executable).parent
_READY_S = 60.0
_DEADLINE_S = 30.0
_LOOK_EVERY_S = 0.05

Done = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """This process's own, without what would point the product elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STOCKTAKE")}


def until(condition: Callable[[], Any], what: str, deadline_s: float = _DEADLINE_S) -> Any:
    """The first true value of a condition; fails when it does not come."""
    end = time.monotonic() + deadline_s
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s:.0f} s for: {what}")
        time.sleep(_LOOK_EVERY_S)
    return found


def command(*words: object, stdin: str | bytes | None = None, timeout_s: float = 120) -> Done:
    """One run of a program of the product."""
    program, *rest = map(str, words)
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [str(_BIN / program), *rest], input=data, capture_output=True, timeout=timeout_s,
        env=environment(), check=False,
    )  # fmt: skip
    out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


class Estate:
    """A home and the command line on it, whether a server works there or not."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: object, stdin: str | bytes | None = None) -> Done:
        return command("stocktake", "--home", self.home, *words, stdin=stdin)

    def ok(self, *words: object, stdin: str | bytes | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words: object, stdin: str | bytes | None = None) -> Any:
        return json.loads(self.ok(*words, "--json", stdin=stdin))

    def lines(self, *words: object) -> list[Any]:
        """Answers that are JSON Lines."""
        return [json.loads(line) for line in self.ok(*words).splitlines()]

    def assets(self, *words: object) -> list[Any]:
        found: list[Any] = self.json("assets", "--limit", 500, *words)["assets"]
        return found

    def take_in(self, *rows: dict[str, Any]) -> Any:
        """Imports observations that arrive now."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        return self.json("import", "observations", "-", "--now", stdin=text)


class Agent:
    """An observer in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: object) -> Done:
        return command("stocktake-agent", "--home", self.home, *words)

    def ok(self, *words: object) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def status(self) -> Any:
        return json.loads(self.ok("status", "--json"))

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The agent at work while the block lasts."""
        process = subprocess.Popen(
            [str(_BIN / "stocktake-agent"), "--home", str(self.home), "run"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, env=environment(),
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(10) == 0


class Server(Estate):
    """A home that is served."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder / "home")
        self.folder = folder
        self.options = options
        self.said = ""
        self.process: subprocess.Popen[str] | None = None
        self.ports = (0, 0, 0)

    def start(self) -> Server:
        """Starts it; a second time on the ports of the first."""
        http, grpc, enrol = self.ports
        with (self.folder / "server.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [
                    str(_BIN / "stocktake"), "--home", str(self.home), "serve",
                    "--port", str(http), "--grpc-port", str(grpc), "--enrol-port", str(enrol),
                    *self.options,
                ],
                stdout=subprocess.PIPE, stderr=log, text=True, env=environment(),
            )  # fmt: skip
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(f"it did not start: {self.said}\n{self.log()}")
        found = re.search(r"console +http://127\.0\.0\.1:(\d+)", self.said)
        others = re.search(r"port (\d+), enrolment port (\d+)", self.said)
        assert found
        assert others
        self.ports = (int(found[1]), int(others[1]), int(others[2]))
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def password(self) -> str:
        """The first password, as told at the first start."""
        found = re.search(r"sign in as admin with (\S+)", self.said)
        assert found, self.said
        return found[1]

    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stops it as a person does; seconds that it took."""
        process = self.process
        assert process is not None
        began = time.monotonic()
        process.send_signal(number)
        try:
            code = process.wait(30)
        finally:
            self.clear()
        assert code == 0, self.log()
        return time.monotonic() - began

    def clear(self) -> None:
        """Leaves nothing running, whatever happened."""
        if self.process is None:
            return
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def processes(self) -> list[psutil.Process]:
        """Those that work on this home, the children of children, too."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if any(str(self.home) in word for word in words) and process.pid != os.getpid():
                found.append(process)
        return found

    def agent(self, name: str) -> Agent:
        """An agent that is not enrolled."""
        return Agent(self.folder / name)

    def enrol(self, name: str, *options: object) -> Agent:
        """An agent that enrolled with a token of `stocktake token`."""
        agent = self.agent(name)
        agent.ok("enrol", self.ok("token", "--only-token", *options).strip())
        return agent

    def settled(self) -> Any:
        """How it stands once all that is journalled is in the record."""

        def applied() -> Any:
            found = self.json("status")
            return found if found["applied"] == found["journalled"] else None

        return until(applied, "everything journalled is in the record")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """A server that runs while the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, *options)
    try:
        yield server.start()
    finally:
        server.clear()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a module, without an agent."""
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found
        assert found.stop() < 10
        assert found.processes() == []


@pytest.fixture
def start() -> Callable[..., Any]:
    """Starts a server in a folder, for tests that stop or kill it: a context manager."""
    return serving


@pytest.fixture
def wait() -> Callable[..., Any]:
    """Waits for a condition."""
    return until


@pytest.fixture
def home(tmp_path: Path) -> Estate:
    """A home that nobody serves."""
    return Estate(tmp_path / "home")
