"""Reverse names, asked of the system's resolver by a bounded number of threads."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta

_THREADS = 16
_MOST_CHARACTERS = 253  # RFC 1035


def look_up(addresses: Iterable[str], within: timedelta) -> Mapping[str, str]:
    """Names by address; empty for an address without one.

    Addresses whose answer did not come `within` the time, or whose server failed, are not in it.
    """
    todo: queue.Queue[str] = queue.Queue()
    count = 0
    for address in addresses:
        todo.put(address)
        count += 1
    # Not a SimpleQueue: where its timeout ends between two looks, CPython 3.11 waits for ever.
    answers: queue.Queue[tuple[str, str | None]] = queue.Queue()
    for _ in range(min(_THREADS, count)):
        # Daemons: a resolver that hangs cannot be stopped, and must not hold the program.
        threading.Thread(target=_work, args=(todo, answers), daemon=True).start()
    return _gather(answers, count, time.monotonic() + within.total_seconds())


def name_of(address: str) -> str | None:
    """The address's name; empty for none, None when nobody could tell."""
    try:
        name, _ = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)
    except socket.gaierror as error:
        return "" if error.errno == socket.EAI_NONAME else None
    except OSError:
        return None
    clean = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-._"))
    return clean.rstrip(".")[:_MOST_CHARACTERS]


def _work(todo: queue.Queue[str], answers: queue.Queue[tuple[str, str | None]]) -> None:
    while True:
        try:
            address = todo.get_nowait()
        except queue.Empty:
            return
        answers.put((address, name_of(address)))


def _gather(
    answers: queue.Queue[tuple[str, str | None]], count: int, deadline: float
) -> dict[str, str]:
    names = {}
    for _ in range(count):
        try:
            address, name = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if name is not None:
            names[address] = name
    return names
