"""Where the agent keeps what it must not lose, and how to write it so that a crash cannot."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.errors import AgentError


class HomeUnusable(AgentError):
    """The agent's directory cannot be read or written."""


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The agent's directory: STOCKTAKE_AGENT_HOME, else the usual place for the account."""
    if chosen := environ.get("STOCKTAKE_AGENT_HOME"):
        return Path(chosen).expanduser()
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/stocktake-agent")
    return Path.home() / ".local" / "share" / "stocktake-agent"


def make_home(home: Path) -> None:
    """Make the directory, for the owner alone, if it is not there.

    Raises:
        HomeUnusable: it cannot be made.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(
            f"cannot make {home}: {error.strerror}; choose another --home"
        ) from error


def write_durably(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for the owner alone; on disk when it returns.

    Raises:
        OSError: it could not be written; what was there before stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries: names that came and went."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes while the block runs; the kernel frees it after a crash."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
