"""Runs the API and the console on a port: HTTP on loopback, HTTPS anywhere else."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from cmdb.web.guard import LOOPBACK_HOSTS, Guard, GuardRules

_BACKLOG = 256
_SHUTDOWN_S = 5
_CONNECTIONS_MOST = 512


class ApiError(Exception):
    """The API cannot be served; the message says why and what to do.

    ApiError
    ├── ApiPortInUse  somebody else listens there
    └── ApiNeedsTls   not loopback, and there is no certificate
    """


class ApiPortInUse(ApiError):
    """Somebody else listens there."""


class ApiNeedsTls(ApiError):
    """Beyond loopback everything is HTTPS."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate with its chain, and its key, as PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ApiAddress:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8440
    """0 for any that is free."""
    names: Collection[str] = ()
    """Names under which browsers reach it, beyond loopback; none given: any."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def serve_api(
    app: ASGIApp,
    address: ApiAddress,
    tls: TlsFiles | None,
    ready: Callable[[int], None],
    stop: threading.Event,
) -> None:
    """Serves until `stop` is set or the process is told to end; `ready` gets the port.

    Requests under way have five seconds to finish.

    Raises:
        ApiPortInUse: somebody else listens there.
        ApiNeedsTls: the address is not loopback and there is no certificate.
        ApiError: the address cannot be listened on.
    """
    if tls is None and not is_loopback(address.host):
        raise ApiNeedsTls(
            f"{address.host} is not loopback: give a certificate, or listen on 127.0.0.1"
        )
    listening = _listen(address)
    port: int = listening.getsockname()[1]
    guarded = Guard(app, GuardRules(hosts=_hosts(address), https=tls is not None))
    server = _Server(_config(guarded, tls), lambda: ready(port))
    watch = threading.Thread(target=_end_on, args=(stop, server), name="api-stop", daemon=True)
    watch.start()
    try:
        server.run(sockets=[listening])
    finally:
        listening.close()


def _config(app: ASGIApp, tls: TlsFiles | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS_MOST,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )


class _Server(uvicorn.Server):
    """Says when it is there."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


def _hosts(address: ApiAddress) -> Collection[str]:
    if is_loopback(address.host):
        return LOOPBACK_HOSTS
    named = {name.lower() for name in address.names}
    return {*LOOPBACK_HOSTS, address.host.lower(), *named} if named else ()


def _end_on(stop: threading.Event, server: uvicorn.Server) -> None:
    stop.wait()
    server.should_exit = True


def _listen(address: ApiAddress) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Named: asyncio sets TCP_NODELAY on sockets that say they are TCP, and on no others.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(where)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        said = f"cannot listen on {address.host} port {address.port}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            raise ApiPortInUse(
                f"{said}; stop the other program or choose another with --port"
            ) from error
        raise ApiError(said) from error
    return listening
