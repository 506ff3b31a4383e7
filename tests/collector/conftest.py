"""A real intake for tests: journal, both gRPC ports, door; and observers that enrolled with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.uplink.client import Client
from agent.uplink.enrol import enrol
from agent.uplink.identity import Identity
from collector.enrolment.tokens import Grants
from collector.home import Home
from collector.intake_process import Serving, serve_intake
from collector.journal.port import Numbered
from collector.journal.sqlite import SqliteReader
from collector.listen import Listen
from stocktake.v1.intake_pb2 import Item

AGENT = Grants(frozenset({"agent"}), "office")
PROBE = Grants(frozenset({"scan"}), "office", ("10.0.4.0/24", "fd00::/64"))


@dataclass
class Clock:
    """A clock that tests move."""

    offset: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class Running:
    """A collector's intake that serves."""

    home: Home
    serving: Serving
    clock: Clock
    folder: Path
    applied: int = 0
    clients: list[Client] = field(default_factory=list)

    def token(self, grants: Grants = AGENT, max_uses: int = 1) -> str:
        made = self.serving.desk.make_token(grants, timedelta(hours=1), "person/test", max_uses)
        return made.text

    def enrolled(self, name: str = "a", grants: Grants = AGENT) -> tuple[Identity, Client]:
        identity = enrol(self.folder / name, self.token(grants))
        client = Client(identity, timeout_s=10)
        self.clients.append(client)
        return identity, client

    def entries(self) -> list[Numbered]:
        reader = SqliteReader(self.home.journal_path)
        try:
            return reader.read(0, 10_000, 1 << 30)
        finally:
            reader.close()

    def items(self) -> list[Item]:
        return [Item.FromString(found.entry.body) for found in self.entries()]


@contextmanager
def running(folder: Path, listen: Listen | None = None) -> Iterator[Running]:
    home, clock = Home(folder / "collector"), Clock()
    up, stop = threading.Event(), threading.Event()
    served: list[Serving] = []
    failed: list[Exception] = []
    result: list[Running] = []

    def ready(serving: Serving) -> None:
        served.append(serving)
        up.set()

    def serve() -> None:
        try:
            serve_intake(
                home,
                listen or Listen(port=0, enrol_port=0),
                ready=ready,
                stop=stop,
                clock=clock,
            )
        except Exception as error:  # noqa: BLE001  # told to the test, which waits for it
            failed.append(error)
            up.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert up.wait(20)
        if failed:
            raise failed[0]
        result.append(Running(home, served[0], clock, folder))
        yield result[0]
    finally:
        for client in result[0].clients if result else ():
            client.close()
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as found:
        yield found


@pytest.fixture
def start() -> Callable[..., object]:
    """Starts an intake in a folder, for tests that need two or restart one."""
    return running
