"""Work that observers are asked to do: queued, taken by one, followed to its end.

Knows no transport. Jobs are few, so all are held in memory; what changes is on disk first.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from collector.enrolment.errors import NotKnown, RequestRefused
from collector.enrolment.registry import Observer
from collector.enrolment.sealing import Sealed
from collector.enrolment.tokens import checked_prefixes
from collector.journal.file import Connection, JournalFile
from collector.plain import decode, encode

LEASE = timedelta(minutes=15)
"""A job that one took and of which nothing was heard for so long is offered again."""

KEPT = timedelta(days=90)
_MESSAGE_LIMIT = 1000
_TECHNIQUES = frozenset({"tcp", "names", "arp", "banner", "tls"})


class State(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.REFUSED})


@dataclass(frozen=True)
class ReportNow:
    """Look at everything now and hand it in; all of it when `full`."""

    full: bool = False


@dataclass(frozen=True)
class Scan:
    """Scan prefixes in a scope. Empty ports and techniques: the observer's own lists."""

    prefixes: tuple[str, ...]
    scope: str
    ports: tuple[int, ...] = ()
    techniques: tuple[str, ...] = ()
    rate_per_s: int | None = None
    timeout: timedelta | None = None
    credentials: tuple[Sealed, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A job as it is asked for: for one observer, or for any probe of the scan's scope."""

    made_by: str
    lasts: timedelta = timedelta(days=1)
    observer_id: str | None = None
    report_now: ReportNow | None = None
    scan: Scan | None = None


@dataclass(frozen=True)
class Job:
    """A job and how it stands."""

    id: str
    wanted: Wanted
    made_at: datetime
    expires_at: datetime
    updated_at: datetime
    state: State = State.QUEUED
    taken_by: str | None = None
    cancel: bool = False
    done: int = 0
    total: int = 0
    message: str = ""


@dataclass(frozen=True)
class Progress:
    """What an observer says of a job."""

    job_id: str
    state: State
    done: int = 0
    total: int = 0
    message: str = ""


class JobQueue:
    """The jobs of one home. Methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        rows = file.write(lambda db: db.execute("SELECT id, body FROM job").fetchall())
        self._jobs = {name: decode(Job, body) for name, body in rows}

    def queue(self, wanted: Wanted, now: datetime) -> Job:
        """Ask for a job.

        Raises:
            RequestRefused: it is not in order.
        """
        wanted = _checked(wanted)
        name = "job-" + secrets.token_hex(6)
        job = Job(name, wanted, now, now + wanted.lasts, now)
        with self._lock:
            return self._keep(job)

    def all(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return tuple(sorted(self._jobs.values(), key=lambda job: job.made_at, reverse=True))

    def cancel(self, job_id: str, now: datetime) -> Job:
        """Stop a job: at once if nobody has it, else by telling the one who does.

        Raises:
            NotKnown: there is no such job.
        """
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                raise NotKnown(f"there is no job {job_id}")
            if job.state in ENDED:
                return job
            if job.taken_by is None:
                return self._keep(replace(job, state=State.CANCELLED, updated_at=now))
            return self._keep(replace(job, cancel=True))

    def offered(self, observer: Observer, now: datetime) -> tuple[Job, ...]:
        """The jobs that an observer should have, oldest first; free ones become its own."""
        with self._lock:
            self._sweep(now)
            mine = []
            for job in sorted(self._jobs.values(), key=lambda job: job.made_at):
                if job.state in ENDED:
                    continue
                if job.taken_by == observer.id:
                    # Once begun it is told again only to stop it.
                    if job.state is State.QUEUED or job.cancel:
                        mine.append(job)
                elif job.taken_by is None and _fits(job, observer):
                    mine.append(self._keep(replace(job, taken_by=observer.id, updated_at=now)))
            return tuple(mine)

    def progress(self, observer_id: str, said: Progress, now: datetime) -> Job:
        """Note how a job stands.

        Raises:
            NotKnown: there is no such job, or another observer has it.
        """
        with self._lock:
            job = self._jobs.get(said.job_id)
            if job is None or job.taken_by != observer_id:
                raise NotKnown(f"{observer_id} has no job {said.job_id}")
            if job.state in ENDED:
                return job
            return self._keep(
                replace(
                    job,
                    state=said.state,
                    done=said.done,
                    total=said.total,
                    message=said.message[:_MESSAGE_LIMIT],
                    updated_at=now,
                )
            )

    def _sweep(self, now: datetime) -> None:
        """End what expired, free what was taken and not heard of, forget what ended long ago."""
        for job in list(self._jobs.values()):
            if job.state in ENDED:
                if now - job.updated_at > KEPT:
                    self._forget(job)
            elif now >= job.expires_at:
                self._keep(replace(job, state=State.FAILED, message="expired", updated_at=now))
            elif job.taken_by is not None and now - job.updated_at > LEASE:
                state = State.CANCELLED if job.cancel else State.QUEUED
                self._keep(replace(job, state=state, taken_by=None, updated_at=now))

    def _keep(self, job: Job) -> Job:
        body = encode(job).decode()
        self._write(
            lambda db: db.execute("INSERT OR REPLACE INTO job VALUES (?, ?)", (job.id, body))
        )
        self._jobs[job.id] = job
        return job

    def _forget(self, job: Job) -> None:
        self._write(lambda db: db.execute("DELETE FROM job WHERE id = ?", (job.id,)))
        del self._jobs[job.id]

    def _write(self, work: Callable[[Connection], object]) -> None:
        self._file.write(work)


def _checked(wanted: Wanted) -> Wanted:
    if (wanted.report_now is None) == (wanted.scan is None):
        raise RequestRefused("a job is either a report or a scan")
    if wanted.lasts <= timedelta(0):
        raise RequestRefused("a job must last longer than no time")
    if wanted.scan is None:
        if wanted.observer_id is None:
            raise RequestRefused("a report is asked of one observer")
        return wanted
    return replace(wanted, scan=_checked_scan(wanted.scan, wanted.observer_id))


def _checked_scan(scan: Scan, observer_id: str | None) -> Scan:
    if not scan.prefixes or not scan.scope:
        raise RequestRefused("a scan names at least one prefix and its scope")
    if scan.credentials and observer_id is None:
        raise RequestRefused("credentials are sealed to one observer: name it")
    if not all(0 < port < 65536 for port in scan.ports):  # noqa: PLR2004  # RFC 793
        raise RequestRefused("a port lies between 1 and 65535")
    if not set(scan.techniques) <= _TECHNIQUES:
        raise RequestRefused(f"techniques are {', '.join(sorted(_TECHNIQUES))}")
    return replace(scan, prefixes=checked_prefixes(scan.prefixes))


def _fits(job: Job, observer: Observer) -> bool:
    wanted = job.wanted
    if wanted.observer_id is not None:
        return wanted.observer_id == observer.id
    scan = wanted.scan
    if scan is None or "scan" not in observer.kinds or scan.scope != observer.scope:
        return False
    return all(_inside(prefix, observer.scan_prefixes) for prefix in scan.prefixes)


def _inside(prefix: str, allowed: tuple[str, ...]) -> bool:
    return any(_within(ip_network(prefix), ip_network(other)) for other in allowed)


def _within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False
