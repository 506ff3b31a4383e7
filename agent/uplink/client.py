"""Speaks with collectors: mutual TLS, several addresses in order, errors in our own words.

Decides nothing about when to try again; that is the loop's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from agent.errors import AgentError, CollectorUnreachable, NotAllowed
from agent.uplink.identity import Identity
from stocktake.v1.dispatch_pb2 import (
    CheckInRequest,
    CheckInResponse,
    JobProgressRequest,
    JobProgressResponse,
)
from stocktake.v1.dispatch_pb2_grpc import DispatchServiceStub
from stocktake.v1.enrolment_pb2 import EnrolRequest, EnrolResponse, RenewRequest, RenewResponse
from stocktake.v1.enrolment_pb2_grpc import EnrolmentServiceStub
from stocktake.v1.intake_pb2 import ReportRequest, ReportResponse
from stocktake.v1.intake_pb2_grpc import IntakeServiceStub

SERVER_NAME = "collector.stocktake.internal"
"""Stands in every collector's certificate, whatever address it is dialled by."""

_TIMEOUT_S = 60.0
_MESSAGE_BYTES = 17 * 1024 * 1024

_NOT_ALLOWED = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED})
_REFUSED = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)

A = TypeVar("A", bound=Message)


class RequestRefused(AgentError):
    """The collector refused this request for good; the same again will not do better."""


class Client:
    """The collectors of one identity; the first that answers is used until it does not."""

    def __init__(self, identity: Identity, timeout_s: float = _TIMEOUT_S) -> None:
        self._identity = identity
        self._timeout_s = timeout_s
        self._credentials = grpc.ssl_channel_credentials(
            identity.authority_pem.encode(),
            identity.key_pem.encode(),
            identity.certificate_pem.encode(),
        )
        self._at = 0
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def report(self, request: ReportRequest) -> ReportResponse:
        """Hand in one batch.

        Raises:
            CollectorUnreachable, NotAllowed, RequestRefused: it was not taken.
        """
        return self._call(
            lambda channel: IntakeServiceStub(channel).Report(request, timeout=self._timeout_s)
        )

    def check_in(self, request: CheckInRequest) -> CheckInResponse:
        """Say that we are there; raises as `report` does."""
        return self._call(
            lambda channel: DispatchServiceStub(channel).CheckIn(request, timeout=self._timeout_s)
        )

    def job_progress(self, request: JobProgressRequest) -> JobProgressResponse:
        """Tell how a job stands; raises as `report` does."""
        return self._call(
            lambda channel: DispatchServiceStub(channel).JobProgress(
                request, timeout=self._timeout_s
            )
        )

    def renew(self, request: RenewRequest) -> RenewResponse:
        """Ask for the next certificate; raises as `report` does."""
        return self._call(
            lambda channel: EnrolmentServiceStub(channel).Renew(request, timeout=self._timeout_s)
        )

    def _call(self, ask: Callable[[grpc.Channel], A]) -> A:
        """Ask the collector that answered last, then the others in order."""
        reasons = []
        for _ in self._identity.collectors:
            address = self._identity.collectors[self._at]
            try:
                return _asked(ask, self._connected(address), address)
            except CollectorUnreachable as error:
                reasons.append(str(error))
                self.close()
                self._at = (self._at + 1) % len(self._identity.collectors)
        raise CollectorUnreachable("; ".join(reasons) or "no collector address is known")

    def _connected(self, address: str) -> grpc.Channel:
        if self._channel is None:
            self._channel = _channel(address, self._credentials)
        return self._channel


def enrol_at(address: str, root_pem: bytes, request: EnrolRequest) -> EnrolResponse:
    """Trade a token at an enrolment address whose authority is known.

    Raises:
        CollectorUnreachable, NotAllowed, RequestRefused: no certificate was given.
    """
    channel = _channel(address, grpc.ssl_channel_credentials(root_pem))
    try:
        return _asked(
            lambda open_channel: EnrolmentServiceStub(open_channel).Enrol(
                request, timeout=_TIMEOUT_S
            ),
            channel,
            address,
        )
    finally:
        channel.close()


def _channel(address: str, credentials: grpc.ChannelCredentials) -> grpc.Channel:
    return grpc.secure_channel(
        address,
        credentials,
        options=[
            ("grpc.ssl_target_name_override", SERVER_NAME),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
        ],
    )


def _asked(ask: Callable[[grpc.Channel], A], channel: grpc.Channel, address: str) -> A:
    try:
        return ask(channel)
    except grpc.RpcError as error:
        code, details = _told(error)
        if code in _NOT_ALLOWED:
            raise NotAllowed(f"the collector at {address} refuses: {details}") from error
        if code in _REFUSED:
            raise RequestRefused(f"the collector at {address} refuses: {details}") from error
        raise CollectorUnreachable(f"collector {address}: {details}") from error


def _told(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    code, details = grpc.StatusCode.UNKNOWN, str(error)
    with suppress(AttributeError):
        code = error.code()
        details = error.details() or code.name
    return code, details
