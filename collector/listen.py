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
from typing import Any

import grpc

from collector.enrolment.authority import Authority, ServerPair
from collector.intake_desk import Clock

_MESSAGE_BYTES = 32 * 1024 * 1024
_ENROL_BYTES = 64 * 1024
_THREADS = 16
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


def grpc_server(handlers: Sequence[grpc.GenericRpcHandler], *, message_bytes: int) -> grpc.Server:
    """A server with its bounds, not yet listening."""
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc"),
        handlers=list(handlers),
        maximum_concurrent_rpcs=128,
        options=[
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
    server = grpc_server(handlers, message_bytes=_MESSAGE_BYTES)
    credentials = _credentials(authority, listen, clock, authority.root_pem)
    return server, _bind(server, listen.host, listen.port, credentials)


def enrolment_server(
    handlers: Sequence[grpc.GenericRpcHandler], listen: Listen, authority: Authority, clock: Clock
) -> tuple[grpc.Server, int]:
    """The server for those who have no certificate yet, and its port."""
    server = grpc_server(handlers, message_bytes=_ENROL_BYTES)
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
