"""The one shape of an error: RFC 9457 for programs, a page that says the same for people.

Internals never leave: what is not expected is logged with a number, and the number is told.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from cmdb.model.observation import Json
from cmdb.people import (
    Forbidden,
    InvalidRequest,
    PeopleError,
    SignInFailed,
    SignInThrottled,
    UnknownAccount,
)
from cmdb.store.port import StoreError, StoreFull, StoreUnavailable, UnknownAsset

_log = logging.getLogger(__name__)
_MOST_DIGITS = 18
"""So many fit what a store can look up."""
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What ended a request, said so that the caller can act on it."""

    status: int
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    """Fields by path, such as body.name, with what is wrong with each."""
    headers: tuple[tuple[str, str], ...] = ()
    type: str = "about:blank"
    title: str = field(default="")

    def body(self, instance: str) -> dict[str, Json]:
        """As JSON says it."""
        said: dict[str, Json] = {
            "type": self.type,
            "title": self.title or _phrase(self.status),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            said["errors"] = [{"field": path, "message": text} for path, text in self.errors]
        return said


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


Translation = tuple[type[Exception], int]
TRANSLATIONS: tuple[Translation, ...] = (
    (SignInFailed, 401),
    (Forbidden, 403),
    (UnknownAccount, 404),
    (UnknownAsset, 404),
    (InvalidRequest, 422),
    (StoreFull, 507),
    (StoreUnavailable, 503),
)
"""Errors of lower layers whose message is meant for the caller; the most special one counts."""

ErrorPage = Callable[[Request, Problem], Response]


def number_of(text: str) -> int:
    """A number in an address, such as that of an alert.

    Raises:
        Refused: It is none, or beyond what anything is numbered with: there is no such page.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Refused(Problem(404, f"There is nothing under the number {text[:40]}."))
    return int(text)


def place_of(text: str) -> int | None:
    """A place in a list that an address may name; None where it names none.

    Raises:
        Refused: It is beyond every list.
    """
    return number_of(text) if text.isdecimal() else None


def problem_response(problem: Problem, instance: str) -> Response:
    """The error for programs."""
    return JSONResponse(
        problem.body(instance),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def to_problem(error: Exception, translations: tuple[Translation, ...] = ()) -> Problem:
    """What the caller is told of an error; one that is not expected is logged."""
    if (own := _own(error)) is not None:
        return own
    known = dict((*TRANSLATIONS, *translations))
    for kind in type(error).__mro__:  # Most special first, whatever the order of the tables.
        if kind in known:
            return Problem(known[kind], str(error))
    if isinstance(error, StoreError) and isinstance(error, ValueError):
        return Problem(422, str(error))  # A search or cursor that the store does not take.
    return _unexpected(error)


def install_problems(
    app: FastAPI, page: ErrorPage | None, translations: tuple[Translation, ...] = ()
) -> None:
    """Makes every error of the app a problem: JSON under /api, a page elsewhere."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = to_problem(error, translations)
        if page is None or request.url.path.startswith("/api/"):
            if problem.status == HTTPStatus.UNAUTHORIZED:
                problem = replace(problem, headers=(("www-authenticate", "Bearer"),))
            return problem_response(problem, request.url.path)
        return page(request, problem)

    handled = (Refused, HTTPException, RequestValidationError, PeopleError, StoreError, Exception)
    for kind in (*handled, *(kind for kind, _ in translations)):
        app.add_exception_handler(kind, answer)


def _own(error: Exception) -> Problem | None:
    """Errors that know more than a message."""
    match error:
        case Refused():
            return error.problem
        case SignInThrottled():
            wait_s = str(math.ceil(error.wait.total_seconds()))
            return Problem(429, str(error), headers=(("retry-after", wait_s),))
        case HTTPException():
            headers = tuple((error.headers or {}).items())
            return Problem(error.status_code, str(error.detail), headers=headers)
        case RequestValidationError():
            return _invalid(error)
    return None


def _invalid(error: RequestValidationError) -> Problem:
    errors = tuple(
        (".".join(map(str, each["loc"])), _plain(str(each["msg"]))) for each in error.errors()[:50]
    )
    named = "; ".join(f"{path}: {text}" for path, text in errors[:3])
    return Problem(422, f"The request is not valid: {named}", errors)


def _plain(text: str) -> str:
    """In words of JSON, not of Python."""
    return text.removeprefix("Value error, ").replace("valid tuple", "list")


def _unexpected(error: Exception) -> Problem:
    number = secrets.token_hex(4)
    _log.error("error %s", number, exc_info=error)
    # The server ends the connection after this: who would use it again must know.
    text = f"Something went wrong; the server's log has it under {number}."
    return Problem(500, text, headers=(("connection", "close"),))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
