"""What holds for every request, before any page or operation sees it.

The host that was asked for must be ours (DNS rebinding), bodies are bounded, and every answer
carries the headers that keep a browser from doing what we did not ask of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cmdb.web.problem import Problem, problem_response

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS = ("strict-transport-security", "max-age=31536000")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What is admitted."""

    hosts: Collection[str] = LOOPBACK_HOSTS
    """Host names in lower case, without port; empty admits all."""
    body_bytes_most: int = 1 << 20
    upload_bytes_most: int = 32 << 20
    upload_paths: tuple[str, ...] = ("/api/v1/import", "/entitlements")
    """Beginnings of paths that take files."""
    https: bool = False


class BodyTooLarge(HTTPException):
    """The body grew beyond what is taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit} bytes.")


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, rules: GuardRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers itself where the request is not admitted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            response = problem_response(refused, scope["path"])
            await response(scope, receive, self._dressed(send, scope["path"]))
            return
        limit = self._limit(scope["path"])
        await self._app(scope, _bounded(receive, limit), self._dressed(send, scope["path"]))

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = _host(headers.get("host", ""))
        if self._rules.hosts and host not in self._rules.hosts:
            return Problem(421, f"This server does not answer for the host {host[:100]!r}.")
        length = headers.get("content-length", "0")
        limit = self._limit(scope["path"])
        if not length.isdecimal() or int(length) > limit:
            return Problem(413, f"The body is larger than {limit} bytes.")
        return None

    def _limit(self, path: str) -> int:
        if path.startswith(self._rules.upload_paths):
            return self._rules.upload_bytes_most
        return self._rules.body_bytes_most

    def _dressed(self, send: Send, path: str) -> Send:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (*_HEADERS, *((_HSTS,) if self._rules.https else ())):
                    headers.setdefault(name, value)
                if not path.startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        return dressed


def _bounded(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise BodyTooLarge(limit)
        return message

    return bounded


def _host(header: str) -> str:
    """The host without its port (RFC 9110, 7.2); IPv6 keeps its brackets."""
    host = header.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
