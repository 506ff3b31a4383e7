"""The home directory: where a collector keeps everything, and who may write there now.

Knows paths and locks only; what is in the files is their owners' business.
"""

import errno
import fcntl
import hashlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

# sun_path holds 108 bytes with its closing NUL (unix(7)); gRPC needs a few for itself.
_SOCKET_PATH_BYTES = 100

# Somebody who only asks who holds a lock has it for a moment: that is waited out.
_LOCK_PAUSES_S = (0.01, 0.03, 0.06, 0.1)

PATIENCE = timedelta(seconds=5)
"""For how long a command waits for another to end."""
_LOOK_EVERY_S = 0.05
_MOST_HOLDER_BYTES = 200

T = TypeVar("T")

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class HomeError(Exception):
    """The home directory cannot be used; the message says why and what to do.

    HomeError
    ├── HomeForeign  a file in it is another program's, or a newer version's: use that
    ├── HomeFull     no room on its disk: free some
    ├── HomeLocked   another process works on it: stop that one, or use another home
        └── HomeBusy another command works on it, or a server starts: wait, or use another home
    """


class HomeForeign(HomeError):
    """A file in the home is another program's, or of a newer version; nothing was done."""


class HomeFull(HomeError):
    """There is no room on the disk of the home."""


class HomeLocked(HomeError):
    """Another process works on this home; `pid` names it, or is 0 where that is not known."""

    def __init__(self, path: Path, name: str, pid: int) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{holder} already works as {name} on {path}; stop it, or use another home (--home)"
        )


class HomeBusy(HomeLocked):
    """A process works on this home and answers nobody: a command, or a server not yet there.

    `doing` is the command, such as 'stocktake import observations'; empty: a server.
    """

    def __init__(self, path: Path, name: str, pid: int, doing: str = "") -> None:
        super().__init__(path, name, pid)
        holder = f"process {pid}" if pid else "another process"
        what = (
            f"the command '{doing}', which ends by itself"
            if doing
            else "a server that starts or stops"
        )
        self.args = (
            f"{holder} uses {path}: {what}; try again when it is done, or use another home"
            " (--home)",
        )


@dataclass(frozen=True)
class Home:
    """One collector's directory."""

    path: Path

    @classmethod
    def resolve(
        cls, option: str | Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> "Home":
        """The home that was asked for: `option`, else STOCKTAKE_HOME, else the usual place."""
        chosen = option or environ.get("STOCKTAKE_HOME") or _usual_place(environ)
        return cls(Path(chosen).expanduser().absolute())

    @property
    def journal_path(self) -> Path:
        """The intake's file: journal, enrolment, jobs."""
        return self.path / "journal.db"

    @property
    def record_path(self) -> Path:
        """The reconciler's file: ledger and view."""
        return self.path / "record.db"

    @property
    def desk_path(self) -> Path:
        """The API's file: what people work with."""
        return self.path / "desk.db"

    @property
    def authority_dir(self) -> Path:
        """The certificate authority and the server's certificates."""
        return self.path / "authority"

    @property
    def run_dir(self) -> Path:
        """Sockets and locks of running processes."""
        return self.path / "run"

    @property
    def door_path(self) -> Path:
        """The socket on which the intake serves the processes of this home.

        Lies in the temporary directory when the home's own path is too long for a socket.
        """
        near = self.run_dir / "intake.sock"
        if len(os.fsencode(near)) <= _SOCKET_PATH_BYTES:
            return near
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"stocktake-{os.getuid()}-{digest}" / "intake.sock"

    def is_made(self) -> bool:
        """Whether anything was ever kept in it.

        Raises:
            HomeError: it cannot be looked into, or cannot be a directory.
        """
        files = {self.record_path, self.journal_path, self.desk_path}
        try:
            return not files.isdisjoint(self.path.iterdir())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise HomeError(f"cannot make or read {self.path}: {error.strerror}") from error

    def create(self) -> "Home":
        """Make the directories that are not there yet, for the owner alone.

        Raises:
            HomeError: a directory cannot be made or belongs to somebody else.
        """
        for directory in (self.path, self.run_dir, self.door_path.parent):
            _make_private(directory)
        return self

    @contextmanager
    def lock(self, name: str, doing: str = "") -> Iterator[None]:
        """Be the only process that works as `name` on this home, until the block ends.

        The kernel releases the lock when the process ends, however it ends. A command, which ends
        by itself, says by `doing` what others that wait are told.

        Raises:
            HomeLocked: another process holds it; HomeBusy: a command does.
            HomeError: the directory cannot be written.
        """
        self.create()
        path = self.run_dir / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeError(
                f"cannot write {path}: {error.strerror}; also a command that only reads keeps a"
                " lock there: use a copy of the home that can be written (--home)"
            ) from error
        try:
            self._take(descriptor, name)
            _write_holder(descriptor, path, doing)
            yield
        finally:
            os.close(descriptor)

    def holder(self, name: str) -> int | None:
        """The process that works as `name` now; None for nobody, 0 where that is not known."""
        try:
            with self.lock(name):
                return None
        except HomeLocked as locked:
            return locked.pid

    def _take(self, descriptor: int, name: str) -> None:
        for pause_s in (*_LOCK_PAUSES_S, None):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if pause_s is None:
                    pid, doing = _read_holder(descriptor)
                    if doing:
                        raise HomeBusy(self.path, name, pid, doing) from error
                    raise HomeLocked(self.path, name, pid) from error
                time.sleep(pause_s)
            else:
                return


def _usual_place(environ: Mapping[str, str]) -> Path:
    checkout = Path(__file__).resolve().parents[1]
    with suppress(OSError):
        if 'name = "stocktake"' in (checkout / "pyproject.toml").read_text(encoding="utf-8"):
            return checkout / "var"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "stocktake"
    if os.geteuid() == 0:
        return Path("/var/lib/stocktake")
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "stocktake"


def patiently(enter: Callable[[], T], patience: timedelta = PATIENCE) -> T:
    """What `enter` gives, tried again for some time while a command has the home.

    Raises:
        HomeBusy: It still has.
    """
    until = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return enter()
        except HomeBusy:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOK_EVERY_S)


def _read_holder(descriptor: int) -> tuple[int, str]:
    """Process, 0 where that is not known, and what it does where it is a command."""
    text = os.pread(descriptor, _MOST_HOLDER_BYTES, 0).decode("utf-8", "replace")
    pid, _, doing = text.partition(" ")
    return (int(pid) if pid.isascii() and pid.isdecimal() else 0), doing


def _write_holder(descriptor: int, path: Path, doing: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {doing}".strip().encode()[:_MOST_HOLDER_BYTES], 0)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise HomeFull(f"no room on the disk of {path}: free some and try again") from error
        raise HomeError(f"cannot write {path}: {error.strerror}") from error


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError as error:
        raise HomeError(f"cannot make {directory}: {error.strerror}") from error
    if found.st_uid != os.geteuid():
        raise HomeError(
            f"{directory} belongs to user {found.st_uid}; run as that user, or use another home"
            " (--home)"
        )
    if found.st_mode & _OTHERS:
        _tighten(directory, found.st_mode)


def _tighten(directory: Path, mode: int) -> None:
    # Run as root, /tmp and / are "ours" too: closed to all others, they would stop the machine.
    if mode & stat.S_ISVTX or directory.resolve() == Path(directory.anchor):
        raise HomeError(
            f"{directory} is shared with others; name a folder of its own as home (--home)"
        )
    try:
        directory.chmod(0o700)
    except OSError as error:
        raise HomeError(f"cannot make {directory} private: {error.strerror}") from error
