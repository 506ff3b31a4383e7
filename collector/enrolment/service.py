"""gRPC EnrolmentService: Enrol for those without a certificate, Renew for those with one.

Knows protobuf; who may have a certificate is the registry's business.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import grpc

from collector.answers import Refused, parsed, unary
from collector.enrolment.authority import Issued
from collector.enrolment.registry import Applicant, Registry
from collector.peer import observer_of
from stocktake.v1.enrolment_pb2 import EnrolRequest, EnrolResponse, RenewRequest, RenewResponse

SERVICE = "stocktake.v1.EnrolmentService"

_RATE_PER_S = 20.0
_BURST = 50.0


class Enrolment:
    """Trades tokens and certificates for certificates."""

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], datetime],
        collectors: Callable[[], tuple[str, ...]],
    ) -> None:
        """`collectors` says where observers hand in what they saw, host:port."""
        self._registry = registry
        self._clock = clock
        self._collectors = collectors
        self._tempo = Tempo(_RATE_PER_S, _BURST, time.monotonic)

    def enrol_handlers(self) -> grpc.GenericRpcHandler:
        """Enrol alone, for the port where peers have no certificate yet."""
        return grpc.method_handlers_generic_handler(SERVICE, {"Enrol": unary(self._enrol)})

    def renew_handlers(self) -> grpc.GenericRpcHandler:
        """Renew alone, for the port where peers show their certificate."""
        return grpc.method_handlers_generic_handler(SERVICE, {"Renew": unary(self._renew)})

    def _enrol(self, data: bytes, _context: grpc.ServicerContext) -> EnrolResponse:
        if not self._tempo.allows():
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "too many enrolments at once; try again soon"
            )
        request = parsed(EnrolRequest, data)
        applicant = Applicant(
            request_der=request.certificate_request,
            hostname=request.hostname,
            agent_version=request.agent_version,
            sealing_key=request.sealing_key,
        )
        observer, issued = self._registry.enrol(request.token_secret, applicant, self._clock())
        answer = EnrolResponse(
            observer_id=observer.id,
            certificate_pem=issued.pem.decode(),
            authority_pem=self._registry.authority.root_pem.decode(),
            key_prefix=observer.key_prefix,
            scope=observer.scope,
            collectors=self._collectors(),
        )
        answer.not_after.FromDatetime(issued.not_after)
        return answer

    def _renew(self, data: bytes, context: grpc.ServicerContext) -> RenewResponse:
        observer = observer_of(context, self._registry)
        request = parsed(RenewRequest, data)
        _, issued = self._registry.renew(
            observer.id, request.certificate_request, request.sealing_key, self._clock()
        )
        return _renewed(issued, self._registry.authority.root_pem.decode())


class Tempo:
    """Lets so many a second through, and a burst of them (a token bucket)."""

    def __init__(self, rate_per_s: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._then = clock()
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether one more may pass now."""
        with self._lock:
            now = self._clock()
            gained = (now - self._then) * self._rate_per_s
            self._left = min(self._burst, self._left + gained)
            self._then = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _renewed(issued: Issued, authority_pem: str) -> RenewResponse:
    answer = RenewResponse(certificate_pem=issued.pem.decode(), authority_pem=authority_pem)
    answer.not_after.FromDatetime(issued.not_after)
    return answer
