"""gRPC servers on their ports: 8441 for observers with a certificate, 8442 to get one.

Python's gRPC cannot ask for a certificate and do without, hence two ports; so nobody without a
certificate gets past the handshake on the first.
"""

import errno
import logging
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from collector.enrolment.authority import Authority, ServerPair
from collector.intake_desk import Clock

_MESSAGE_BYTES = 32 * 1024 * 1024
_ENROL_BYTES = 64 * 1024
_LOCAL_THREADS = 16
_CALLS = 128
_log = logging.getLogger(__name__)


class ListenError(Exception):
    """The collector cannot listen where it was told to.

    ListenError
    └── PortInUse  somebody else listens there
    """


class PortInUse(ListenError):
    """Somebody else listens on the port."""


@dataclass(frozen=True)
class Listen:
    """Where to listen. Port 0 takes a free one; `advertised` are names observers reach it by."""

    host: str = "127.0.0.1"
    port: int = 8441
    enrol_port: int = 8442
    advertised: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bounds:
    """What those who call from elsewhere may take of a server.

    A call whose headers came and whose message never does holds a thread until its connection
    ends; on the enrolment port nobody had to show a certificate for that. So one connection has
    few calls at a time, and no connection lives for ever: after `age` it is told to go away, and
    after `grace` its calls are ended. Observers connect anew and send again what was not
    acknowledged.
    """

    threads: int
    age: timedelta
    grace: timedelta
    streams: int = 8

    def options(self) -> list[tuple[str, int]]:
        """The bounds as gRPC names them."""
        return [
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_connection_age_ms", self.age // timedelta(milliseconds=1)),
            ("grpc.max_connection_age_grace_ms", self.grace // timedelta(milliseconds=1)),
        ]


_OBSERVERS = Bounds(threads=64, age=timedelta(minutes=5), grace=timedelta(seconds=30))
# An enrolment is one small question and its answer: who needs longer than this sends nothing.
_ENROLMENT = Bounds(threads=16, age=timedelta(seconds=15), grace=timedelta(seconds=5))


def grpc_server(
    handlers: Sequence[grpc.GenericRpcHandler], *, message_bytes: int, bounds: Bounds | None = None
) -> grpc.Server:
    """A server with its bounds, not yet listening; `bounds` None: only this home's processes."""
    server = grpc.server(
        ThreadPoolExecutor(bounds.threads if bounds else _LOCAL_THREADS, thread_name_prefix="grpc"),
        handlers=list(handlers),
        # Above the threads, so that a call waits for one; bounded, so that not for ever.
        maximum_concurrent_rpcs=_CALLS,
        options=[
            *(bounds.options() if bounds else ()),
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", message_bytes),
            ("grpc.max_metadata_size", 16 * 1024),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    server.add_generic_rpc_handlers(tuple(handlers))
    return server


def observer_server(
    handlers: Sequence[grpc.GenericRpcHandler], listen: Listen, authority: Authority, clock: Clock
) -> tuple[grpc.Server, int]:
    """The server for those who show a certificate of the authority, and its port."""
    server = grpc_server(handlers, message_bytes=_MESSAGE_BYTES, bounds=_OBSERVERS)
    credentials = _credentials(authority, listen, clock, authority.root_pem)
    return server, _bind(server, listen.host, listen.port, credentials)


def enrolment_server(
    handlers: Sequence[grpc.GenericRpcHandler], listen: Listen, authority: Authority, clock: Clock
) -> tuple[grpc.Server, int]:
    """The server for those who have no certificate yet, and its port."""
    server = grpc_server(handlers, message_bytes=_ENROL_BYTES, bounds=_ENROLMENT)
    credentials = _credentials(authority, listen, clock, None)
    return server, _bind(server, listen.host, listen.enrol_port, credentials)


def _credentials(
    authority: Authority, listen: Listen, clock: Clock, clients: bytes | None
) -> grpc.ServerCredentials:
    """Credentials that follow the server's certificate when it is renewed."""
    names = (socket.gethostname(), listen.host, *listen.advertised)
    shown = authority.server_pair(names, clock())

    def configuration(pair: ServerPair) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(pair.key_pem, pair.chain_pem)], root_certificates=clients
        )

    def fetch() -> Any:  # noqa: ANN401  # None for no change, which the stubs do not know
        nonlocal shown
        pair = authority.server_pair(names, clock())
        if pair == shown:
            return None
        shown = pair
        _log.info("the server's certificate was renewed")
        return configuration(pair)

    return grpc.dynamic_ssl_server_credentials(
        configuration(shown), fetch, require_client_authentication=clients is not None
    )


def _bind(server: grpc.Server, host: str, port: int, credentials: grpc.ServerCredentials) -> int:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_secure_port(where, credentials)
    except RuntimeError as error:
        reason = _why_not(host, port)
        if reason == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use; stop what listens there, or choose another port"
            ) from error
        detail = f": {errno.errorcode.get(reason, reason)}" if reason else ""
        raise ListenError(f"cannot listen on {where}{detail}") from error


def _why_not(host: str, port: int) -> int:
    """The system's error number for binding there; gRPC does not tell it."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return error.errno or 0
    return 0
