"""The agent's life: report when due, check in, do what the collector asks, never lose anything.

Single-threaded but for a scan. What was put into the outbox survives any end of the process.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from agent.errors import AgentError, CollectorUnreachable, NotAllowed
from agent.report.build import delta
from agent.report.programs import outline
from agent.uplink import identity as identities
from agent.uplink.backoff import Backoff
from agent.uplink.checkin import CheckIns
from agent.uplink.client import Client, RequestRefused
from agent.uplink.delivery import Delivered, Delivery
from agent.uplink.enrol import renew
from agent.uplink.identity import Identity
from agent.uplink.memory import Memory
from agent.uplink.outbox import DEFAULT_LIMIT_BYTES, Outbox, OutboxFull
from agent.uplink.scanning import ScanFunction, Scanning
from stocktake.v1 import dispatch_pb2 as pb
from stocktake.v1.intake_pb2 import Item
from stocktake.v1.observation_pb2 import Observation

Observe = Callable[[Identity, pb.ObserverSettings], tuple[Observation, Sequence[str]]]

_LEAST_REPORT_S = 10.0
_LEAST_CHECK_IN_S = 1.0
_PROGRESS_EVERY_S = 2.0
_JOBS_REMEMBERED = 1000
_log = logging.getLogger(__name__)


class _Stopped(BaseException):
    """A signal said stop. Raised wherever the loop is: the outbox survives it by design."""


def run(home: Path, observe: Observe, scan: ScanFunction, *, once: bool) -> int:
    """Report and do what is asked until a signal says stop, or `once`: one report, acknowledged.

    Returns the exit code.

    Raises:
        NotEnrolled: there is no identity.
        CollectorUnreachable: with `once`, nobody took the report; it waits in the outbox.
        NotAllowed: with `once`, the collector does not let us speak.
    """
    loop = Loop(home, observe, scan)
    try:
        with _signals():
            if once:
                loop.report_once()
            else:
                loop.run_until(threading.Event())
    except _Stopped:
        _log.info("stopped by a signal")
    finally:
        loop.close()
    return 0


class Loop:
    """One agent at work."""

    def __init__(
        self,
        home: Path,
        observe: Observe,
        scan: ScanFunction,
        *,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`clock` gives seconds that only grow, `uniform` random numbers between two.

        Raises:
            NotEnrolled: there is no identity.
        """
        self._home = home
        self._observe = observe
        self._scan = scan
        self._clock = clock
        self._memory = Memory(home)
        self._identity = identities.load(home)
        self._settings, self._told = self._memory.settings()
        self._outbox = Outbox(home, self._settings.outbox_bytes or DEFAULT_LIMIT_BYTES)
        self._delivery = Delivery(home, self._outbox)
        self._client = Client(self._identity)
        self._backoff = Backoff(uniform)
        self._complaints: tuple[str, ...] = ()
        self._full: str | None = None
        self._scans = True
        self._trouble = ""
        self._scanning: Scanning | None = None
        self._finished: dict[str, pb.JobProgressRequest] = {}
        now = clock()
        self._report_at = self._check_in_at = self._send_at = now

    def close(self) -> None:
        """End a scan and let go of the connection."""
        if self._scanning is not None:
            self._scanning.stop()
        self._client.close()

    def report_once(self) -> None:
        """Report and see it acknowledged; see `run`."""
        self._scans = False  # One would not live to its end.
        if self._told:
            # What may be looked at is known: the report waits in the outbox if nobody answers.
            self.make_report()
            self._check_in()
        else:
            self._check_in()
            self.make_report()
        if self._flush().resend_full:
            self.make_report()
            self._flush()
        if self._complaints:
            self._check_in()

    def run_until(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.wait(self.step()):
            pass

    def step(self) -> float:
        """Do what is due; returns the seconds until something is due again."""
        now = self._clock()
        if self._told and now >= self._report_at:
            self._report_at = now + self._report_every_s()
            self.make_report()
        if now >= self._send_at:
            self._speak(now)
        # What may be looked at is the collector's to say: before its first word nothing is.
        report_at = self._report_at if self._told else math.inf
        due = min(report_at, max(self._send_at, self._next_word()))
        return max(0.0, due - self._clock())

    def make_report(self) -> None:
        """Look at everything and put what changed into the outbox."""
        observation, complaints = self._observe(self._identity, self._settings)
        known = self._memory.acknowledged(observation.native_key)
        said = delta(observation, known, self._memory.outlines())
        for section in observation.sections:
            if section.HasField("programs") and section.content_hash:
                self._memory.keep_outline(section.content_hash, outline(section.programs))
        try:
            self._outbox.put_state(Item(observation=said))
            self._full = None
        except OutboxFull as error:
            self._full = str(error)
            _log.error("%s", error)  # the sentence says it all
        for complaint in complaints:
            if complaint not in self._complaints:
                _log.warning("could not look: %s", complaint)
        self._complaints = tuple(complaints)

    def _next_word(self) -> float:
        """When something is to be said, if the collector listens."""
        if self._outbox.waiting():
            return self._send_at
        busy = self._scanning is not None
        soon = self._clock() + _PROGRESS_EVERY_S
        return min(self._check_in_at, soon) if busy else self._check_in_at

    def _speak(self, now: float) -> None:
        """Say what is to be said; after a failure wait longer each time."""
        try:
            if self._flush().resend_full:
                self.make_report()
                self._flush()
            self._tell_progress()
            if now >= self._check_in_at:
                self._check_in_at = now + self._check_in_every_s()
                self._check_in()
        except (CollectorUnreachable, NotAllowed, RequestRefused) as error:
            wait_s = self._backoff.failed()
            self._send_at = self._clock() + wait_s
            self._note_trouble(error)
        else:
            self._backoff.succeeded()
            self._send_at = now
            self._note_trouble(None)

    def _note_trouble(self, error: AgentError | None) -> None:
        """Log the way into trouble and out of it, and not each try."""
        text = "" if error is None else str(error)
        if text and text != self._trouble:
            _log.warning("%s; it is tried again, what is to be sent is kept", text)
        elif self._trouble and not text:
            _log.info("the collector answers again")
        self._trouble = text

    def _flush(self) -> Delivered:
        return self._delivery.flush(self._client)

    def _check_in(self) -> None:
        complaints = (*((self._full,) if self._full else ()), *self._complaints)
        checks = CheckIns(self._home, self._identity, self._outbox)
        answer = checks.ask(self._client, complaints)
        self._settings, self._told = self._memory.settings()
        self._outbox.limit_bytes = self._settings.outbox_bytes or DEFAULT_LIMIT_BYTES
        self._identity = identities.load(self._home)
        if answer.renew or self._identity.due_for_renewal(identities.utc_now()):
            self._renew()
        for job in answer.jobs:
            self._take(job)

    def _renew(self) -> None:
        self._identity = renew(self._home, self._identity, self._client)
        self._client.close()
        self._client = Client(self._identity)
        _log.info("the certificate was renewed; it holds until %s", self._identity.not_after)

    def _take(self, job: pb.Job) -> None:
        if job.job_id in self._finished:
            # It is offered again: the word that it ended was lost.
            self._client.job_progress(self._finished[job.job_id])
        elif job.cancel:
            self._cancel(job)
        elif job.HasField("report_now"):
            self._report_now(job)
        elif job.HasField("scan"):
            self._begin(job)
        else:
            self._end(_word(job.job_id, pb.JOB_STATE_REFUSED, "this agent knows no such job"))

    def _report_now(self, job: pb.Job) -> None:
        if job.report_now.full:
            self._memory.acknowledge(self._identity.key_prefix, {})
        self.make_report()
        self._flush()
        done = _word(job.job_id, pb.JOB_STATE_DONE)
        if job.report_now.full:
            # Asked for as often as needed, so never taken for one that is done.
            self._client.job_progress(done)
        else:
            self._end(done)

    def _begin(self, job: pb.Job) -> None:
        """One scan at a time; others are offered again at the next check-in."""
        if self._scanning is None and self._scans:
            self._scanning = Scanning(job, self._identity, self._outbox, self._scan)
            self._client.job_progress(self._scanning.progress())
            self._scanning.start()

    def _cancel(self, job: pb.Job) -> None:
        if self._scanning is not None and self._scanning.job_id == job.job_id:
            self._scanning.stop()
        else:
            self._end(_word(job.job_id, pb.JOB_STATE_CANCELLED))

    def _tell_progress(self) -> None:
        scanning = self._scanning
        if scanning is None:
            return
        ended = scanning.ended
        if ended:
            self._flush()
            self._scanning = None
            self._end(scanning.progress())
        elif self._client.job_progress(scanning.progress()).cancel:
            scanning.stop()

    def _end(self, word: pb.JobProgressRequest) -> None:
        self._finished[word.job_id] = word
        while len(self._finished) > _JOBS_REMEMBERED:
            del self._finished[next(iter(self._finished))]
        self._client.job_progress(word)

    def _report_every_s(self) -> float:
        return max(_LEAST_REPORT_S, self._settings.report_every.ToTimedelta().total_seconds())

    def _check_in_every_s(self) -> float:
        return max(_LEAST_CHECK_IN_S, self._settings.check_in_every.ToTimedelta().total_seconds())


def _word(job_id: str, state: pb.JobState.ValueType, message: str = "") -> pb.JobProgressRequest:
    return pb.JobProgressRequest(job_id=job_id, state=state, message=message)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the block at once; elsewhere than in the main thread, nothing does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, _stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt the way out.
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    raise _Stopped(number)
