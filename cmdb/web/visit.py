"""Cookies, and the proof that a request which writes came from one of our own pages."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from cmdb.people import Identity
from cmdb.people.secrets import same
from cmdb.people.sessions import LIFETIME
from cmdb.web.problem import Problem, Refused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Cookie:
    """The cookie that holds the session's secret."""

    https: bool

    @property
    def name(self) -> str:
        """With HTTPS a prefix keeps other hosts and paths from setting it (RFC 6265bis)."""
        return "__Host-stocktake" if self.https else "stocktake"

    def read(self, request: Request) -> str | None:
        """The secret, if the browser sent one."""
        return request.cookies.get(self.name)

    def write(self, response: Response, secret: str) -> None:
        """Hands the secret to the browser."""
        response.set_cookie(
            self.name,
            secret,
            max_age=int(LIFETIME.total_seconds()),
            path="/",
            secure=self.https,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response) -> None:
        """Makes the browser forget it."""
        response.delete_cookie(
            self.name, path="/", secure=self.https, httponly=True, samesite="strict"
        )


def check_same_site(request: Request) -> None:
    """Passes if the request reads, or its browser says that one of our pages made it.

    Raises:
        Refused: another site made it.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    # Browsers on plain HTTP beyond loopback send no Sec-Fetch-Site; Origin is there since long.
    strange = site not in {None, "same-origin", "none"}
    if not strange and origin not in {None, "null"}:
        strange = origin.partition("://")[2] != request.headers.get("host", "")
    if strange:
        raise Refused(Problem(403, "This request came from another site and was not carried out."))


def check_token(request: Request, who: Identity, field: str = "") -> None:
    """Passes if the request reads, or brings the token of its session.

    Raises:
        Refused: it does not.
    """
    if request.method in SAFE_METHODS:
        return
    given = field or request.headers.get("x-csrf-token", "")
    if not who.csrf or not same(given, who.csrf):
        raise Refused(
            Problem(403, "The form is out of date. Load the page again and send it once more.")
        )
