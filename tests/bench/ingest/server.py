"""The server under test: `stocktake serve` on a home of its own, its REST interface, its size."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

_STOP_S = 60.0
_LOOK_EVERY_S = 0.1
_PATIENCE_S = 3_600.0


class Server:
    """A home and the processes that serve it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[str] | None = None
        self._ports = (0, 0, 0)
        self._rss_bytes = 0
        self.start_s = 0.0
        """How long the last start took, until a search was answered."""

    @property
    def address(self) -> str:
        """Where observers report."""
        return f"127.0.0.1:{self._ports[1]}"

    def start(self) -> None:
        """Starts it; a second time on the ports of the first."""
        began = time.monotonic()
        words = ["--home", str(self.home), "serve", "--json"]
        for option, port in zip(
            ("--port", "--grpc-port", "--enrol-port"), self._ports, strict=True
        ):
            words += [option, str(port)]
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "stocktake"), *words],
                stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(),
            )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start:\n{self.log()}")
        said = json.loads(line)
        http_port = urlsplit(said["url"]).port
        assert http_port is not None
        self._ports = (http_port, said["grpc_port"], said["enrol_port"])
        with self.rest() as rest:
            rest.get("/assets", limit=1)
        self.start_s = time.monotonic() - began

    def log(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(encoding="utf-8")[-4_000:]

    def stop(self) -> None:
        """Ends it as a person does; the stores are checkpointed and closed then."""
        process = self._process
        if process is None:
            return
        self.note_rss()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        code = process.wait(_STOP_S)
        psutil.wait_procs(children, _STOP_S)
        self._close()
        if code:
            raise RuntimeError(f"the server ended with {code}:\n{self.log()}")

    def kill(self) -> None:
        """SIGKILL to all of it, at once."""
        process = self._process
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(process.pid)
            victims = [parent, *parent.children(recursive=True)]
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            psutil.wait_procs(victims, _STOP_S)
        process.wait(_STOP_S)
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def note_rss(self) -> int:
        """Resident memory of all its processes; the largest seen is kept."""
        if self._process is not None:
            parent = psutil.Process(self._process.pid)
            found = [parent, *parent.children(recursive=True)]
            total = sum(process.memory_info().rss for process in found)
            self._rss_bytes = max(self._rss_bytes, total)
        return self._rss_bytes

    def cpu_s(self) -> dict[str, float]:
        """CPU time that each of its processes used, by role."""
        if self._process is None:
            return {}
        children = psutil.Process(self._process.pid).children(recursive=True)
        return {_role(child): sum(child.cpu_times()[:2]) for child in children}

    def bytes_of(self, *names: str) -> int:
        """Bytes of all files of the home, or of those that begin with one of the names."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        return sum(
            path.stat().st_size for path in files if not names or path.name.startswith(names)
        )

    def table_bytes(self) -> dict[str, int]:
        """Bytes of each table and index of record.db, what is not checkpointed included."""
        with closing(sqlite3.connect(self.home / "record.db")) as db:
            return dict(db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY 1"))

    @contextmanager
    def rest(self) -> Iterator[Rest]:
        """One kept connection to its REST interface, as the local administrator."""
        token = (self.home / "run" / "admin.token").read_text(encoding="ascii").strip()
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[0], timeout=600)
        try:
            yield Rest(connection, token)
        finally:
            connection.close()

    def wait_applied(self, sequence: int) -> None:
        """Until everything up to a place in the journal is in the view."""
        with self.rest() as rest:
            end = time.monotonic() + _PATIENCE_S
            while rest.applied() < sequence:
                if time.monotonic() > end:
                    raise RuntimeError(f"journal entry {sequence} never came to the view")
                time.sleep(_LOOK_EVERY_S)


class Rest:
    """Questions over one connection."""

    def __init__(self, connection: http.client.HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def get(self, path: str, **params: object) -> Any:
        """The answer, parsed.

        Raises:
            RuntimeError: it is an error.
        """
        status, body = self.ask(path, params)
        if status != http.client.OK:
            raise RuntimeError(f"{path} {params}: {status} {body[:500]!r}")
        return json.loads(body)

    def ask(self, path: str, params: Mapping[str, object]) -> tuple[int, bytes]:
        """Status and body."""
        query = f"?{urlencode(params)}" if params else ""
        self._connection.request("GET", f"/api/v1{path}{query}", headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def applied(self) -> int:
        """Up to which place in the journal everything is in the view."""
        return int(self.get("/import/wait", sequence=0)["applied"])


class Watch:
    """Notes over time how far the view is."""

    def __init__(self, server: Server, every_s: float = 0.25) -> None:
        self._server = server
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")
        self.points: list[tuple[float, int]] = []

    def __enter__(self) -> Watch:
        with self._server.rest() as rest:
            self._note(rest.applied())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        with self._server.rest() as rest:
            while not self._stop.is_set():
                self._note(rest.applied())
                self._server.note_rss()
                self._stop.wait(self._every_s)

    def wait(self, sequence: int) -> float:
        """Waits until the view holds everything up to a place; says when that was.

        Raises:
            RuntimeError: it never came there.
        """
        end = time.monotonic() + _PATIENCE_S
        while self.points[-1][1] < sequence:
            if time.monotonic() > end or not self._thread.is_alive():
                raise RuntimeError(f"journal entry {sequence} never came to the view")
            time.sleep(_LOOK_EVERY_S)
        return self.points[-1][0]

    def _note(self, applied: int) -> None:
        """A group of reports gets there all at once: only moves are kept."""
        if not self.points or applied > self.points[-1][1]:
            self.points.append((time.monotonic(), applied))

    def reached(self, sequence: float) -> float:
        """When the view was that far; within a group in proportion."""
        before = self.points[0]
        for point in self.points:
            if point[1] >= sequence:
                step = point[1] - before[1]
                share = (sequence - before[1]) / step if step else 0.0
                return before[0] + share * (point[0] - before[0])
            before = point
        return before[0]


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    return next((role for role in ("intake", "reconcile", "api") if role in words), "other")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STOCKTAKE")}
