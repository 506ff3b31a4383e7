"""Progress of long work on a terminal's standard error; nothing where that is no terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_QUIET_S = 0.5
"""Work that is done sooner draws nothing."""
_WIDTH = 40


def bar(done: int, steps: int) -> None:
    """Draws how much is done."""
    if not sys.stderr.isatty():
        return
    filled = _WIDTH * done // max(steps, 1)
    end = "\n" if done >= steps else ""
    drawn = f"{'█' * filled}{'░' * (_WIDTH - filled)}"
    _write(f"{drawn} {100 * done // max(steps, 1)} %{end}")


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Says for how long something has been going on of which nobody knows how much is left."""
    if not sys.stderr.isatty():
        yield
        return
    ended, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not ended.wait(_QUIET_S):
            _write(f"{doing}, {time.monotonic() - began:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        _write("")


def upgrading(name: str, number: int, last: int) -> None:
    """Says that a file is brought to a schema, which may take minutes where it is large."""
    if sys.stderr.isatty():
        sys.stderr.write(f"bringing {name} to schema {number} of {last}\n")
        sys.stderr.flush()


def _write(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
