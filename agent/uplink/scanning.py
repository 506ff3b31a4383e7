"""One scan job in a thread of its own, beside the loop that reports and checks in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Protocol

from agent.errors import AgentError, NotAllowed, UsageError
from agent.uplink.identity import Identity
from agent.uplink.outbox import Outbox
from stocktake.v1 import dispatch_pb2 as pb
from stocktake.v1.intake_pb2 import Item

_log = logging.getLogger(__name__)


class ScanFunction(Protocol):
    """Scans, and gives items in order: the run's start, what was seen, the run's end."""

    def __call__(  # noqa: PLR0913  # what a scan job of the contract says, and its two callbacks
        self,
        prefixes: Sequence[str],
        allowed: Sequence[str],
        scope: str,
        instance: str,
        *,
        ports: Sequence[int] = (),
        techniques: Collection[str] = (),
        rate_per_s: float | None = None,
        timeout: timedelta | None = None,
        progress: Callable[[int, int], None] = ...,
        cancelled: Callable[[], bool] = ...,
    ) -> Iterator[Item]:
        """Scan; see agent.scan.job.run_scan."""


class Scanning:
    """A scan job under way; start it, ask how it stands, stop it."""

    def __init__(self, job: pb.Job, identity: Identity, outbox: Outbox, scan: ScanFunction) -> None:
        self.job_id = job.job_id
        self._job = job
        self._identity = identity
        self._outbox = outbox
        self._scan = scan
        self._cancel = threading.Event()
        self._state: pb.JobState.ValueType = pb.JOB_STATE_ACCEPTED
        self._done, self._total, self._message = 0, 0, ""
        self._thread = threading.Thread(target=self._run, name=job.job_id, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end soon; what was found until then is kept."""
        self._cancel.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout_s)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self._state not in {pb.JOB_STATE_ACCEPTED, pb.JOB_STATE_RUNNING}

    def progress(self) -> pb.JobProgressRequest:
        """How it stands, for the collector."""
        return pb.JobProgressRequest(
            job_id=self.job_id,
            state=self._state,
            done=self._done,
            total=self._total,
            message=self._message,
        )

    def _run(self) -> None:
        try:
            self._state = pb.JOB_STATE_RUNNING
            self._outbox.put(self._items())
        except (NotAllowed, UsageError) as error:
            self._end(pb.JOB_STATE_REFUSED, str(error))
        except (AgentError, OSError) as error:
            _log.exception("scan job %s failed", self.job_id)
            self._end(pb.JOB_STATE_FAILED, str(error))
        else:
            cancelled = self._cancel.is_set()
            self._end(pb.JOB_STATE_CANCELLED if cancelled else pb.JOB_STATE_DONE, "")

    def _items(self) -> Iterator[Item]:
        work = self._job.scan
        if work.scope not in {"", self._identity.scope}:
            raise NotAllowed(f"this probe is in scope {self._identity.scope}, not {work.scope}")
        return self._scan(
            tuple(work.prefixes),
            self._identity.scan_prefixes,
            self._identity.scope,
            self._identity.observer_id,
            ports=tuple(work.ports),
            techniques=tuple(work.techniques),
            rate_per_s=work.rate_per_s if work.HasField("rate_per_s") else None,
            timeout=work.timeout.ToTimedelta() if work.HasField("timeout") else None,
            progress=self._progressed,
            cancelled=self._cancel.is_set,
        )

    def _progressed(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def _end(self, state: pb.JobState.ValueType, message: str) -> None:
        self._message = message
        self._state = state
