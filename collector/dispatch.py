"""gRPC DispatchService: what observers are asked, and how it goes.

Knows protobuf; settings and jobs are kept elsewhere.
"""

import hashlib
from datetime import UTC, datetime, timedelta

import grpc

from collector.answers import Refused, parsed, unary
from collector.bounds import HASH_BYTES, OutOfBounds, bound
from collector.enrolment.registry import CheckedIn, Observer
from collector.intake_desk import IntakeDesk
from collector.jobs import Job, Progress, Scan, State
from collector.peer import observer_of
from stocktake.v1 import dispatch_pb2
from stocktake.v1.dispatch_pb2 import (
    CheckInRequest,
    CheckInResponse,
    JobProgressRequest,
    JobProgressResponse,
    ObserverSettings,
    ScanJob,
    SealedCredential,
)

SERVICE = "stocktake.v1.DispatchService"
PROTOCOL_VERSION = 1

_LIST_LIMIT = 100
_RENEW_BEFORE = timedelta(days=10)
_RESYNC = "resync"
_STATES = {
    dispatch_pb2.JOB_STATE_ACCEPTED: State.ACCEPTED,
    dispatch_pb2.JOB_STATE_RUNNING: State.RUNNING,
    dispatch_pb2.JOB_STATE_DONE: State.DONE,
    dispatch_pb2.JOB_STATE_FAILED: State.FAILED,
    dispatch_pb2.JOB_STATE_CANCELLED: State.CANCELLED,
    dispatch_pb2.JOB_STATE_REFUSED: State.REFUSED,
}


class Dispatch:
    """Answers check-ins with settings and jobs."""

    def __init__(self, desk: IntakeDesk) -> None:
        self._desk = desk

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service, for a gRPC server."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {"CheckIn": unary(self._check_in), "JobProgress": unary(self._job_progress)},
        )

    def _check_in(self, data: bytes, context: grpc.ServicerContext) -> CheckInResponse:
        observer = observer_of(context, self._desk.registry)
        request = parsed(CheckInRequest, data)
        _in_bounds(request)
        now = self._desk.clock()
        observer = self._desk.registry.checked_in(observer.id, _said(request, now))
        settings = self._settings(observer)
        digest = hashlib.sha256(settings.SerializeToString(deterministic=True)).digest()
        answer = CheckInResponse(protocol_version=PROTOCOL_VERSION, settings_hash=digest)
        answer.clock.FromDatetime(now)
        if request.settings_hash != digest:
            answer.settings.CopyFrom(settings)
        answer.renew = observer.certificate_ends_at - now < _RENEW_BEFORE
        answer.jobs.extend(_job(job) for job in self._desk.queue.offered(observer, now))
        if not self._holds(observer, request):
            # No job of the queue: it is asked for as long as the sections are not held.
            full = answer.jobs.add(job_id=_RESYNC)
            full.report_now.full = True
        return answer

    def _job_progress(self, data: bytes, context: grpc.ServicerContext) -> JobProgressResponse:
        observer = observer_of(context, self._desk.registry)
        request = parsed(JobProgressRequest, data)
        _in_bounds(request)
        if request.job_id == _RESYNC:
            return JobProgressResponse(cancel=False)
        state = _STATES.get(request.state)
        if state is None:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the state of the job is not stated")
        limit = 2**53  # What JSON can carry.
        said = Progress(
            request.job_id,
            state,
            min(request.done, limit),
            min(request.total, limit),
            request.message,
        )
        job = self._desk.queue.progress(observer.id, said, self._desk.clock())
        return JobProgressResponse(cancel=job.cancel)

    def _settings(self, observer: Observer) -> ObserverSettings:
        kept = self._desk.settings(observer.id)
        settings = ObserverSettings(
            sections=kept.sections or (),
            scan_prefixes=observer.scan_prefixes,
            outbox_bytes=kept.outbox_bytes,
        )
        settings.report_every.FromTimedelta(kept.report_every)
        settings.check_in_every.FromTimedelta(kept.check_in_every)
        return settings

    def _holds(self, observer: Observer, request: CheckInRequest) -> bool:
        hashes = list(request.section_hashes)
        return not hashes or self._desk.journal.holds(observer.id, observer.key_prefix, hashes)


def _in_bounds(request: CheckInRequest | JobProgressRequest) -> None:
    try:
        bound(request)
    except OutOfBounds as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error


def _said(request: CheckInRequest, now: datetime) -> CheckedIn:
    if any(len(content) != HASH_BYTES for content in request.section_hashes):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "a section hash is not a SHA-256")
    offset = None
    if request.HasField("clock"):
        offset = request.clock.ToDatetime(tzinfo=UTC) - now
    return CheckedIn(
        at=now,
        clock_offset=offset,
        agent_version=request.agent_version,
        outbox_batches=request.outbox_batches,
        complaints=tuple(request.complaints[:_LIST_LIMIT]),
        capabilities=tuple(request.capabilities[:_LIST_LIMIT]),
    )


def _job(job: Job) -> dispatch_pb2.Job:
    message = dispatch_pb2.Job(job_id=job.id, cancel=job.cancel)
    message.expires_at.FromDatetime(job.expires_at)
    if job.wanted.report_now is not None:
        message.report_now.full = job.wanted.report_now.full
    if job.wanted.scan is not None:
        message.scan.CopyFrom(_scan(job.wanted.scan))
    return message


def _scan(scan: Scan) -> ScanJob:
    message = ScanJob(
        prefixes=scan.prefixes, scope=scan.scope, ports=scan.ports, techniques=scan.techniques
    )
    if scan.rate_per_s is not None:
        message.rate_per_s = scan.rate_per_s
    if scan.timeout is not None:
        message.timeout.FromTimedelta(scan.timeout)
    for sealed in scan.credentials:
        message.credentials.append(
            SealedCredential(
                name=sealed.name,
                ephemeral_key=sealed.ephemeral_key,
                nonce=sealed.nonce,
                ciphertext=sealed.ciphertext,
            )
        )
    return message
