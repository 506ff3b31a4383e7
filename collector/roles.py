"""What each process of the server does; started by collector/server.py, one role each."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from collector.home import Home
from collector.server import FAILED, READY, Options

if TYPE_CHECKING:
    from reconcile.asking import Asked

_PR_SET_NAME = 15  # prctl(2)
_YIELDING = frozenset({"intake", "reconcile"})
"""Roles whose work can wait a moment while a person is answered."""
_NICENESS = 10
_GROUP_NICENESS = Path("/proc/self/autogroup")
"""Where Linux weighs sessions and not processes, and each role has a session of its own."""
_log = logging.getLogger(__name__)


def main() -> int:
    """Runs the role that the arguments name, until a signal or the end of standard input."""
    # What is written is for its owner alone, also what SQLite lays beside its files.
    os.umask(0o077)
    role, path, options = sys.argv[1:4]
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {role} %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    settings = json.loads(options)
    settings["names"] = tuple(settings["names"])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    _take_name()
    if role in _YIELDING:
        _yield_to_others()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_watch_parent, args=(stop,), daemon=True).start()
    try:
        _ROLES[role](Home(_path(path)), Options(**settings), stop)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells the user
        if not isinstance(error, _expected()):
            _log.exception("%s failed", role)
        _say(FAILED, str(error) or type(error).__name__)
        return 1
    return 0


def _yield_to_others() -> None:
    """Lets whoever answers people go first where the processor is short."""
    os.nice(_NICENESS)
    # Not every system weighs sessions.
    with contextlib.suppress(OSError):
        _GROUP_NICENESS.write_text(str(_NICENESS), encoding="ascii")


def _intake(home: Home, options: Options, stop: threading.Event) -> None:
    from collector.intake_process import Serving, serve_intake
    from collector.listen import Listen
    from collector.names import reachable_names
    from collector.readers import Readers

    readers = Readers(home.record_path)

    def ready(serving: Serving) -> None:
        _say(READY, {"port": serving.port, "enrol_port": serving.enrol_port})

    names = reachable_names(options.host, options.names)
    listen = Listen(options.host, options.grpc_port, options.enrol_port, names)
    serve_intake(home, listen, ready=ready, stop=stop, applied=readers.applied)


def _reconcile(home: Home, _options: Options, stop: threading.Event) -> None:
    from cmdb.store.sqlite.record import open_record
    from collector.clock import utc_now
    from collector.door_client import Door, DoorClosed
    from collector.journal.port import JournalError
    from collector.journal.sqlite import SqliteReader
    from collector.reconciler import Reconciler

    def forget(asked: Asked) -> bool:
        try:
            with Door(home) as door:
                door.forget_sections(*asked)
        except (DoorClosed, JournalError) as error:
            _log.warning("who has to send all again is not told yet: %s", error)
            return False
        return True

    with home.lock("reconcile"):
        record = open_record(home.record_path)
        journal = SqliteReader(home.journal_path)
        _say(READY, {})
        try:
            Reconciler(record, journal, forget).run(stop, utc_now)
        finally:
            journal.close()
            record.close()


def _api(home: Home, options: Options, stop: threading.Event) -> None:
    from collector.api_process import serve

    def ready(url: str, password: str | None) -> None:
        _say(READY, {"url": url, "first_password": password})

    serve(home, options, ready=ready, stop=stop)


def _take_name() -> None:
    """Calls the process stocktake for those who list processes; python3 says nothing to them."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"stocktake", 0, 0, 0)


def _say(word: str, what: object) -> None:
    text = what if isinstance(what, str) else json.dumps(what)
    sys.stdout.write(f"{word}{text}\n".replace("\n\n", "\n"))
    sys.stdout.flush()


def _watch_parent(stop: threading.Event) -> None:
    """The parent holds the other end of standard input: its end is ours."""
    try:
        while os.read(0, 4096):
            continue
    except OSError:
        _log.warning("standard input is closed")
    stop.set()


def _path(text: str) -> Path:
    return Path(text)


def _expected() -> tuple[type[Exception], ...]:
    """Errors whose message is the whole story."""
    from cmdb.store.port import StoreError
    from collector.api_serve import ApiError
    from collector.enrolment.errors import EnrolmentError
    from collector.home import HomeError
    from collector.journal.port import JournalError
    from collector.listen import ListenError
    from collector.server import ServerError

    return (ApiError, StoreError, EnrolmentError, HomeError, JournalError, ListenError, ServerError)


_ROLES: dict[str, Callable[[Home, Options, threading.Event], None]] = {
    "intake": _intake,
    "reconcile": _reconcile,
    "api": _api,
}

if __name__ == "__main__":
    sys.exit(main())
