"""The server: three processes of one home, started, watched and stopped together.

intake receives and journals, reconcile moves the record along the journal, api answers people and
scripts. Each is a process of its own with a file of its own to write. One that dies is started
again; a home is served once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import IO
from urllib.parse import urlsplit

from collector.home import Home, HomeBusy, HomeLocked, patiently

LOCK = "serve"
ROLES = ("intake", "reconcile", "api")
READY = "ready "
FAILED = "failed "

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 7.0
_AGAIN_AFTER_S = (0.2, 1.0, 5.0, 15.0)
_LOOK_EVERY_S = 0.2

_log = logging.getLogger(__name__)


class ServerError(Exception):
    """The server cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """Where to listen. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    http_port: int = 8440
    grpc_port: int = 8441
    enrol_port: int = 8442
    names: tuple[str, ...] = ()
    """Names and addresses by which others reach this machine, for certificates and tokens."""


@dataclass(frozen=True)
class Started:
    """What listens where."""

    url: str
    grpc_port: int
    enrol_port: int
    first_password: str | None
    """Password of the account admin, told at the first start only."""


class Child:
    """One role's process."""

    def __init__(self, role: str, home: Home, options: Options) -> None:
        self.role = role
        self._home = home
        self._options = options
        self._failures = 0
        self._next_try = 0.0
        self.process: subprocess.Popen[str] | None = None
        self.said: dict[str, object] = {}

    def start(self) -> None:
        """Starts it and waits until it says that it is ready.

        Raises:
            ServerError: It ended or said why it cannot; the message is its own.
        """
        # Its standard input is a pipe that it watches: when this process dies, however it dies,
        # the pipe closes and the child ends.
        self._close_pipes()
        words = ["-m", "collector.roles", self.role, str(self._home.path)]
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *words, json.dumps(asdict(self._options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = _read_ready(self.role, self.process, self.process.stdout)
        self._options = _with_ports(self._options, self.said)
        threading.Thread(target=_drain, args=(self.process.stdout,), daemon=True).start()

    def revive(self) -> None:
        """Starts it again if it died; each try that fails puts the next one off for longer."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if now < self._next_try:
            return
        _log.error("%s ended with %s; starting it again", self.role, self.process.returncode)
        try:
            self.start()
        except ServerError as error:
            _log.error("%s", error)
            wait_s = _AGAIN_AFTER_S[min(self._failures, len(_AGAIN_AFTER_S) - 1)]
            self._next_try = time.monotonic() + wait_s
            self._failures += 1
        else:
            self._failures = 0

    def ask_to_stop(self) -> None:
        """Asks it to end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, until: float) -> None:
        """Waits for its end, and ends it when the time is up."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("%s does not end; it is killed", self.role)
            self.process.kill()
            self.process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        """Those of the process that was: one that is started again has its own."""
        if self.process is None:
            return
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def serve(
    home: Home,
    options: Options,
    *,
    stop: threading.Event,
    ready: Callable[[Started], None],
    roles: Sequence[str] = ROLES,
    agent: bool = False,
) -> None:
    """Serves a home until `stop` is set; with `agent` an agent observes this machine, too.

    Raises:
        ServerError: A part cannot start, such as for a port in use.
        HomeError: The home cannot be used, or is served already.
    """
    name = LOCK if tuple(roles) == ROLES else f"{LOCK}-{roles[0]}"
    with ExitStack() as held:
        patiently(lambda: held.enter_context(home.lock(name)))
        _check_ports(options, roles)
        _prepare(home)
        children = [Child(role, home, options) for role in roles]
        with _running(children):
            started = _started(children, options)
            with _announced(home, started), _observing(home, wanted=agent):
                ready(started)
                _watch(children, stop)


def server_of(home: Home) -> str | None:
    """Where the server that works on this home answers; None when none does.

    Raises:
        HomeBusy: A command works on it, or a server that does not answer yet.
        HomeError: The home cannot be used.
    """
    try:
        with home.lock(LOCK):
            return None
    except HomeBusy:
        raise
    except HomeLocked as locked:
        busy = HomeBusy(home.path, LOCK, locked.pid)
    try:
        said = json.loads((home.run_dir / "server.json").read_text(encoding="utf-8"))
        url, served_by = str(said["url"]), int(said["pid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise busy from error
    if busy.pid and served_by != busy.pid:
        # Left by a server that was killed; another starts.
        raise busy
    return url


def _prepare(home: Home) -> None:
    """Makes the record, so that those who only read find it."""
    from cmdb.store.port import StoreError
    from cmdb.store.sqlite.record import open_record
    from collector.files import check_files
    from collector.journal.port import JournalError
    from collector.working import upgrading

    try:
        check_files(home)
        open_record(home.record_path, told=partial(upgrading, "record.db")).close()
    except (StoreError, JournalError) as error:
        raise ServerError(str(error)) from error


def _check_ports(options: Options, roles: Sequence[str]) -> None:
    """Refuses a port in use before anything is started: one sentence, no half server."""
    import socket

    wanted = {"intake": (options.grpc_port, options.enrol_port), "api": (options.http_port,)}
    options_of = {8440: "--port", 8441: "--grpc-port", 8442: "--enrol-port"}
    names = {options.http_port: "--port", options.grpc_port: "--grpc-port"}
    for port in (port for role in roles for port in wanted.get(role, ()) if port):
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((options.host, port))
            except OSError as error:
                flag = names.get(port) or options_of.get(port, "--enrol-port")
                raise ServerError(
                    f"cannot listen on {options.host} port {port}: {error.strerror}; "
                    f"stop what uses it, or choose another with {flag}"
                ) from error


@contextmanager
def _running(children: Sequence[Child]) -> Iterator[None]:
    try:
        for child in children:
            child.start()
        yield
    finally:
        # Those who ask first, then those who are asked: nobody sees the other gone.
        until = time.monotonic() + _STOP_WITHIN_S
        for child in reversed(children):
            child.ask_to_stop()
        for child in children:
            child.wait(until)


@contextmanager
def _announced(home: Home, started: Started) -> Iterator[None]:
    path = home.run_dir / "server.json"
    said = {"url": started.url, "pid": os.getpid(), "grpc_port": started.grpc_port}
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(said), encoding="utf-8")
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _observing(home: Home, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    from collector.local_agent import local_agent

    with local_agent(home):
        yield


def _with_ports(options: Options, said: Mapping[str, object]) -> Options:
    """The ports that were taken: one who is started again is found where it was."""
    return replace(
        options,
        http_port=urlsplit(str(said.get("url", ""))).port or options.http_port,
        grpc_port=int(str(said.get("port", options.grpc_port))),
        enrol_port=int(str(said.get("enrol_port", options.enrol_port))),
    )


def _started(children: Sequence[Child], options: Options) -> Started:
    said = {child.role: child.said for child in children}
    intake, api = said.get("intake", {}), said.get("api", {})
    password = api.get("first_password")
    return Started(
        url=str(api.get("url", "")),
        grpc_port=int(str(intake.get("port", options.grpc_port))),
        enrol_port=int(str(intake.get("enrol_port", options.enrol_port))),
        first_password=str(password) if password else None,
    )


def _watch(children: Sequence[Child], stop: threading.Event) -> None:
    while not stop.wait(_LOOK_EVERY_S):
        for child in children:
            child.revive()


def _read_ready(role: str, process: subprocess.Popen[str], stream: IO[str]) -> dict[str, object]:
    timer = threading.Timer(_READY_WITHIN_S, process.kill)
    timer.daemon = True
    timer.start()
    try:
        for line in stream:
            if line.startswith(READY):
                found = json.loads(line.removeprefix(READY))
                return dict(found)
            if line.startswith(FAILED):
                process.wait()
                raise ServerError(line.removeprefix(FAILED).strip())
    finally:
        timer.cancel()
    raise ServerError(f"{role} ended with {process.wait()} before it was ready; see its messages")


def _drain(stream: IO[str]) -> None:
    """Reads on, so that the child never waits for room."""
    try:
        for _ in stream:
            continue
    except ValueError:
        return  # closed on our side: the server stops
