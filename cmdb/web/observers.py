"""Observers: who reports, how they stand, what they may scan."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cmdb.people import ADMINISTRATOR, InvalidRequest
from cmdb.web.problem import Problem, Refused
from cmdb.web.shell import Nav, Observers, Shell, Subject

_PREFIXES_MOST = 256
Text = Annotated[str, Form(max_length=8192)]


class ObserversPage:
    """The page at /observers."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def show(self, request: Request) -> Response:
        """All observers."""
        who = self._shell.enter(request)
        observers = self._observers()
        return self._shell.page(
            request,
            "observers.html",
            who=who,
            title="Observers",
            observers=observers.every(),
            administers=who.may(ADMINISTRATOR),
        )

    def revoke(self, request: Request, observer: str, csrf: Text = "") -> Response:
        """Shuts an observer out for good."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        self._observers().revoke(observer, who.account)
        return RedirectResponse("/observers", status_code=303)

    def allow(
        self, request: Request, observer: str, prefixes: Text = "", csrf: Text = ""
    ) -> Response:
        """Replaces the prefixes that an observer may scan."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        allowed = prefixes_of(prefixes)
        self._observers().allow(observer, allowed, who.account)
        return RedirectResponse("/observers", status_code=303)

    def _observers(self) -> Observers:
        if self._shell.services.observers is None:
            raise Refused(Problem(503, "The intake does not answer; observers are not known now."))
        return self._shell.services.observers


def prefixes_of(text: str) -> tuple[str, ...]:
    """The prefixes in a text, parted by blanks or commas, in their normal form.

    Raises:
        InvalidRequest: one is no prefix, or there are too many.
    """
    words = text.replace(",", " ").split()
    if len(words) > _PREFIXES_MOST:
        raise InvalidRequest(f"An observer may have at most {_PREFIXES_MOST} prefixes.")
    try:
        return tuple(str(ip_network(word, strict=False)) for word in words)
    except ValueError as error:
        raise InvalidRequest(f"That is not a network such as 10.1.0.0/16: {error}") from error


def subject(shell: Shell) -> Subject:
    """The page and its entry in the menu; none where no observers can be known."""
    pages, router = ObserversPage(shell), APIRouter()
    router.add_api_route("/observers", pages.show, methods=["GET"], response_model=None)
    router.add_api_route(
        "/observers/{observer}/revoke", pages.revoke, methods=["POST"], response_model=None
    )
    router.add_api_route(
        "/observers/{observer}/allow", pages.allow, methods=["POST"], response_model=None
    )
    known = shell.services.observers is not None
    return Subject(router, (Nav("Observers", "/observers", "radar", 60),) if known else ())
