"""The intake as a process: journal, gRPC servers, door, housekeeping; wired, started, stopped.

`python -m collector.intake_process --home DIR` runs it alone.
"""

import argparse
import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import grpc

from cmdb.store.port import StoreError
from collector.dispatch import Dispatch
from collector.door import door_server
from collector.enrolment.service import Enrolment
from collector.home import Home
from collector.intake import Backlog, Intake
from collector.intake_desk import Addresses, Clock, IntakeDesk, utc_now
from collector.journal.port import JournalError
from collector.listen import Listen, enrolment_server, observer_server

LOCK = "intake"
"""The name of the home's lock that the writer of journal.db holds."""

_HOUSEKEEPING_S = 5.0
"""What is applied leaves the journal this soon: at full load it is gigabytes an hour."""
_STOP_S = 1.5
_APPLIED_HOLDS_S = 0.1
_BATCHES_KEPT = timedelta(days=90)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """What listens where."""

    port: int
    enrol_port: int
    desk: IntakeDesk


def serve_intake(
    home: Home,
    listen: Listen,
    *,
    ready: Callable[[Serving], None],
    stop: threading.Event,
    applied: Callable[[], int] | None = None,
    clock: Clock = utc_now,
) -> None:
    """Serve until `stop` is set; `ready` is called once observers and the door are served.

    `applied` says up to which place of the journal the record has it, for back-pressure and
    trimming; without it nothing is refused as busy and nothing trimmed.

    Raises:
        HomeError: the home cannot be used, or another process serves it.
        ListenError: a port is in use or cannot be had.
        JournalError, AuthorityBroken: the intake's files cannot be used.
    """
    with home.lock(LOCK):
        desk = IntakeDesk(home, clock)
        try:
            _serve(desk, listen, ready, stop, applied)
        finally:
            desk.close()


def _serve(
    desk: IntakeDesk,
    listen: Listen,
    ready: Callable[[Serving], None],
    stop: threading.Event,
    applied: Callable[[], int] | None,
) -> None:
    house = Housekeeping(desk, applied)
    intake = Intake(desk, house.backlog)
    enrolment = Enrolment(desk.registry, desk.clock, lambda: desk.addresses().collectors)
    with_certificate = (intake.handlers(), Dispatch(desk).handlers(), enrolment.renew_handlers())
    servers: list[grpc.Server] = []
    try:
        server, port = observer_server(with_certificate, listen, desk.authority, desk.clock)
        servers.append(server)
        without = (enrolment.enrol_handlers(),)
        server, enrol_port = enrolment_server(without, listen, desk.authority, desk.clock)
        servers.append(server)
        servers.append(door_server(desk))
        desk.set_addresses(_addresses(listen, port, enrol_port))
        for server in servers:
            server.start()
        ready(Serving(port, enrol_port, desk))
        while not stop.wait(_HOUSEKEEPING_S):
            house.keep()
    finally:
        for ended in [server.stop(_STOP_S) for server in servers]:
            ended.wait(_STOP_S * 2)
        house.tidy()
        desk.home.door_path.unlink(missing_ok=True)


class Housekeeping:
    """Trims what is applied, forgets old batch ids, counts what waits."""

    def __init__(self, desk: IntakeDesk, applied: Callable[[], int] | None) -> None:
        self._desk = desk
        self._applied = applied
        self._trim_next = 0
        self._known: int | None = None
        self._known_at = 0.0
        self._forgot_at: datetime | None = None

    def backlog(self) -> Backlog:
        """What is journalled and not applied."""
        if self._applied is None:
            return Backlog(0, 0)
        # Asked for every batch; to look into the record each time would cost as much as to admit.
        if self._known is None or time.monotonic() - self._known_at > _APPLIED_HOLDS_S:
            self._look(self._applied)
        journal, known = self._desk.journal, self._known or 0
        return Backlog(journal.last() - known, journal.bytes_after(known))

    def _look(self, applied: Callable[[], int]) -> int:
        self._known_at, self._known = time.monotonic(), applied()
        return self._known

    def keep(self) -> None:
        """One round; a failing disk is logged and tried again at the next."""
        try:
            self._trim()
            now = self._desk.clock()
            if self._forgot_at is None or now - self._forgot_at > timedelta(hours=6):
                self._desk.journal.forget_batches(now - _BATCHES_KEPT)
                self._forgot_at = now
        except JournalError:
            _log.exception("housekeeping of the journal failed; it is tried again")

    def tidy(self) -> None:
        """Leaves no more in the journal than is needed, before the server ends."""
        try:
            if self._applied is not None:
                self._desk.journal.trim(self._look(self._applied))
                self._desk.journal.shrink()
        except (JournalError, StoreError):
            _log.exception("the journal was not trimmed; it is at the next start")

    def _trim(self) -> None:
        """Trim what was applied a round ago: by then the record has flushed it, too."""
        if self._applied is None:
            return
        if self._trim_next:
            self._desk.journal.trim(self._trim_next)
        self._trim_next = self._look(self._applied)


def _addresses(listen: Listen, port: int, enrol_port: int) -> Addresses:
    hosts = listen.advertised or (listen.host,)
    return Addresses(
        collectors=tuple(_address(host, port) for host in hosts),
        enrolment=tuple(_address(host, enrol_port) for host in hosts),
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def main() -> None:
    """Serve one home until a signal says stop."""
    parser = argparse.ArgumentParser(description="The intake of a Stocktake collector.")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8441)
    parser.add_argument("--enrol-port", type=int, default=8442)
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listen = Listen(options.host, options.port, options.enrol_port)
    serve_intake(Home.resolve(options.home), listen, ready=_announce, stop=stop)


def _announce(serving: Serving) -> None:
    print(f"ready {serving.port} {serving.enrol_port}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
