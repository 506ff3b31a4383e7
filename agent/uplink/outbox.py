"""Batches on disk until a collector acknowledges them, in the order in which they were made.

One file a batch, named by its sequence number, which never comes again. Several processes may
use one outbox: the agent's loop, and a scan from the command line.
"""

from __future__ import annotations

import errno
import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from agent.errors import AgentError
from agent.uplink.config import HomeUnusable, locked, make_home, sync_folder, write_durably
from stocktake.v1.intake_pb2 import Item, ReportRequest

ITEM_BYTES = 15 * 1024 * 1024
BATCH_BYTES = 4 * 1024 * 1024
BATCH_ITEMS = 500
DEFAULT_LIMIT_BYTES = 256 * 1024 * 1024

_SUFFIX = ".batch"
_STATE_SUFFIX = ".state.batch"
_log = logging.getLogger(__name__)


class OutboxFull(AgentError):
    """There is no room for more: the bound is reached, or the disk is full."""


@dataclass(frozen=True)
class Waiting:
    """A batch on disk. `state`: one full account of one thing, which a newer one replaces."""

    sequence: int
    state: bool
    path: Path


class Outbox:
    """The outbox of one home."""

    def __init__(self, home: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        """Open it, and clear away what a crash left half written.

        Raises:
            HomeUnusable: the directory cannot be made.
        """
        make_home(home)
        self.limit_bytes = limit_bytes
        self._folder = home / "outbox"
        self._lock = home / "outbox.lock"
        self._next = home / "sequence"
        make_home(self._folder)

    def put(self, items: Iterable[Item]) -> int:
        """Keep items in as many batches as they need; returns how many. On disk when it returns.

        Raises:
            OutboxFull: there is no room; batches before the one without room are kept.
        """
        count = 0
        for batch in _batches(items):
            self._keep(batch, _SUFFIX)
            count += 1
        return count

    def put_state(self, item: Item) -> None:
        """Keep one full observation; older ones of the same thing that wait are replaced.

        Raises:
            OutboxFull: there is no room; what waited still waits.
        """
        key = item.observation.native_key
        older = [w for w in self.waiting() if w.state and _state_key(self.read(w)) == key]
        self._keep([item], _STATE_SUFFIX, replaces=older)

    def waiting(self) -> list[Waiting]:
        """The batches that wait, oldest first."""
        found = []
        for path in self._folder.iterdir():
            number = path.name.partition(".")[0]
            if path.name.endswith(_SUFFIX) and number.isdecimal():
                found.append(Waiting(int(number), path.name.endswith(_STATE_SUFFIX), path))
        return sorted(found, key=lambda waiting: waiting.sequence)

    def read(self, waiting: Waiting) -> ReportRequest | None:
        """A batch that waits; None if it was sent or replaced meanwhile, or is damaged."""
        try:
            return ReportRequest.FromString(waiting.path.read_bytes())
        except FileNotFoundError:
            return None
        except DecodeError:
            _log.error("%s is damaged and is dropped", waiting.path)
            waiting.path.unlink(missing_ok=True)
            return None

    def remove(self, waiting: Waiting) -> None:
        """Forget a batch that was acknowledged or refused for good."""
        waiting.path.unlink(missing_ok=True)
        sync_folder(self._folder)

    def size_bytes(self) -> int:
        """Bytes of all batches that wait."""
        total = 0
        for waiting in self.waiting():
            try:
                total += waiting.path.stat().st_size
            except FileNotFoundError:
                continue  # Sent meanwhile.
        return total

    def _keep(self, items: list[Item], suffix: str, replaces: Iterable[Waiting] = ()) -> None:
        try:
            with locked(self._lock):
                sequence = self._take_sequence()
                request = ReportRequest(
                    batch_id=f"{sequence}-{uuid.uuid4().hex}", sequence=sequence, items=items
                )
                content = request.SerializeToString()
                self._make_room(len(content), replaces)
                write_durably(self._folder / f"{sequence:020d}{suffix}", content)
                for old in replaces:
                    old.path.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise OutboxFull(
                    f"no room on the disk of {self._folder}: nothing new is kept until there is"
                ) from error
            raise HomeUnusable(f"cannot write in {self._folder}: {error.strerror}") from error

    def _make_room(self, needed_bytes: int, replaces: Iterable[Waiting]) -> None:
        spared = sum(old.path.stat().st_size for old in replaces if old.path.exists())
        if self.size_bytes() - spared + needed_bytes > self.limit_bytes:
            raise OutboxFull(
                f"the outbox holds its {self.limit_bytes} bytes; nothing new is kept until a "
                "collector takes some"
            )

    def _take_sequence(self) -> int:
        """The next number; on disk before it is used, so that it never comes again."""
        waiting = self.waiting()
        highest = waiting[-1].sequence if waiting else 0
        try:
            kept = int(self._next.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            kept = 0
        sequence = max(highest, kept) + 1
        write_durably(self._next, str(sequence).encode())
        return sequence


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size_bytes = 0
    for item in items:
        item_bytes = item.ByteSize()
        if item_bytes > ITEM_BYTES:
            _log.error("an item of %d bytes is too large to send and is dropped", item_bytes)
            continue
        if batch and (size_bytes + item_bytes > BATCH_BYTES or len(batch) >= BATCH_ITEMS):
            yield batch
            batch, size_bytes = [], 0
        batch.append(item)
        size_bytes += item_bytes
    if batch:
        yield batch


def _state_key(request: ReportRequest | None) -> str | None:
    return request.items[0].observation.native_key if request and request.items else None
