"""Files of one system, live or captured, read safely.

A reader asks a `Root` for files by their usual absolute path. Under a captured root no link
leads out of it, no read is longer than its bound, and nothing but plain files is opened: a
captured system may be hostile. What could not be read is kept as a complaint for people.
Knows nothing about what is in the files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from agent.errors import UsageError

T = TypeVar("T")

DEFAULT_LIMIT_BYTES = 1 << 20
"""Enough for every small file of the system; readers of large ones say how large."""

_MOST_LINKS = 40
_MOST_DIGITS = 20
_MOST_NAMES = 200_000
_MOST_COMPLAINTS = 100
# The kernel's way to say "this attribute has no value now", which is no complaint.
_NO_VALUE = frozenset(
    {errno.EINVAL, errno.ENODEV, errno.ENXIO, errno.ENODATA, errno.EOPNOTSUPP, errno.ESRCH}
)
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


class Root:
    """One system's files, read once: make a new one for each report.

    `path` is the folder that stands for `/`. Raises `UsageError` when it is no folder.
    """

    def __init__(self, path: Path | str = "/") -> None:
        self.path = Path(os.path.realpath(path))
        if not os.path.isdir(self.path):  # noqa: PTH112 - a closed folder is none, and no error
            raise UsageError(f"{path} is not a folder; name the root folder of a system.")
        self.is_live = self.path == Path("/")
        self._complaints: dict[str, None] = {}
        self._once: dict[object, object] = {}

    @property
    def complaints(self) -> tuple[str, ...]:
        """What could not be read and why, in the order of finding, each once."""
        return tuple(self._complaints)

    def complain(self, sentence: str) -> None:
        """Keeps a sentence for people; a repeated one counts once."""
        if len(self._complaints) < _MOST_COMPLAINTS:
            self._complaints.setdefault(sentence)

    def once(self, read: Callable[[Root], T]) -> T:
        """The result of `read` on this root, computed once: tables share what they need."""
        if read not in self._once:
            self._once[read] = read(self)
        return cast("T", self._once[read])

    def data(
        self, path: str, limit_bytes: int = DEFAULT_LIMIT_BYTES, *, quiet: bool = False
    ) -> bytes | None:
        """A file's first `limit_bytes`; None where there is none or it cannot be read.

        Says so among the complaints when it was cut or could not be read, unless `quiet`.
        """
        try:
            content = _read_plain_file(self._locate(path), limit_bytes + 1)
        except OSError as error:
            if not quiet:
                self._complain_of(path, error)
            return None
        if content is not None and len(content) > limit_bytes:
            self.complain(f"{path} is longer than {limit_bytes} bytes; the rest was not read.")
            content = content[:limit_bytes]
        return content

    def text(
        self, path: str, limit_bytes: int = DEFAULT_LIMIT_BYTES, *, quiet: bool = False
    ) -> str | None:
        """As `data`, decoded as UTF-8; what is not UTF-8 is replaced."""
        content = self.data(path, limit_bytes, quiet=quiet)
        return None if content is None else content.decode("utf-8", "replace")

    def value(self, path: str, *, quiet: bool = False) -> str | None:
        """A one-value file without the blanks, NULs and control characters around and in it."""
        content = self.text(path, 4096, quiet=quiet)
        return None if content is None else printable(content)

    def number(self, path: str) -> int | None:
        """A one-number file, decimal or 0x; None where it holds no number."""
        content = self.value(path)
        if not content or len(content) > _MOST_DIGITS:
            return None
        try:
            return int(content, 0)
        except ValueError:
            return None

    def names(self, path: str, *, quiet: bool = False) -> tuple[str, ...]:
        """The sorted names in a folder; none where there is no such folder."""
        try:
            with os.scandir(self._locate(path)) as entries:
                names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
        except OSError as error:
            if not quiet:
                self._complain_of(path, error)
            return ()
        return tuple(sorted(names))

    def exists(self, path: str) -> bool:
        """Whether something is there, as far as one may look."""
        try:
            return self._locate(path).exists()
        except OSError:
            return False

    def link(self, path: str) -> str | None:
        """What a symbolic link says, unresolved; None where there is no link to be read."""
        try:
            folder, _, name = path.rpartition("/")
            return str((self._locate(folder or "/") / name).readlink())
        except OSError:
            return None

    def resolved(self, path: str) -> str:
        """Where a path leads inside this system, as an absolute path of it."""
        try:
            located = self._locate(path)
            inside = located.resolve() if self.is_live else located
        except OSError:
            return path
        return "/" + str(inside.relative_to(self.path)) if inside != self.path else "/"

    def modified_at(self, path: str) -> datetime | None:
        """When a file was last written."""
        try:
            return datetime.fromtimestamp(self._locate(path).stat().st_mtime, UTC)
        except (OSError, ValueError, OverflowError):
            return None

    def is_denied(self, path: str) -> bool:
        """Whether a path is there and closed to us."""
        try:
            return not os.access(self._locate(path), os.R_OK) and self.exists(path)
        except OSError:
            return False

    def _locate(self, path: str) -> Path:
        if self.is_live:
            return Path(path)
        return self.path / _resolve_inside(self.path, path)

    def _complain_of(self, path: str, error: OSError) -> None:
        if error.errno in _ABSENT or error.errno in _NO_VALUE:
            return
        if error.errno in _DENIED:
            self.complain(f"permission denied reading {path}; run as root")
        else:
            self.complain(f"cannot read {path}: {error.strerror or error}")


def printable(text: str) -> str:
    """The text on one line: no control characters, no blanks around it."""
    return "".join(c if c.isprintable() else " " for c in text.rstrip("\0")).strip()


def whole(text: str) -> int | None:
    """A whole number of up to twenty plain digits; None for anything else, such as "²"."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else None


def _read_plain_file(path: Path, limit_bytes: int) -> bytes | None:
    # Not blocking: a pipe that somebody put there must not hold the agent for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        parts = []
        left = limit_bytes
        # Files of /proc come a page at a time, whatever was asked for.
        while left > 0 and (part := file.read(left)):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)


def _resolve_inside(root: Path, path: str) -> str:
    """Follows links as if `root` were `/`; the result is relative to it."""
    todo = [part for part in reversed(path.split("/")) if part]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "." or (part == ".." and not done):
            continue
        if part == "..":
            done.pop()
            continue
        here = root.joinpath(*done, part)
        if not here.is_symlink():
            done.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, "too many links", path)
        target = str(here.readlink())
        if target.startswith("/"):
            done.clear()
        todo.extend(part for part in reversed(target.split("/")) if part)
    return "/".join(done)
