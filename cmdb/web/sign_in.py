"""Signing in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cmdb.people import PeopleError, SignInThrottled
from cmdb.web.shell import Shell, Subject
from cmdb.web.visit import check_same_site, check_token

_TEXT_MOST = 1024
Text = Annotated[str, Form(max_length=_TEXT_MOST)]


class SignIn:
    """The pages before and after a session."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def form(self, request: Request) -> Response:
        """The form; who is signed in already goes on."""
        target = _inside(request.query_params.get("next", "/"))
        if self._shell.visitor(request) is not None:
            return RedirectResponse(target, status_code=303)
        return self._draw(request, target)

    def sign_in(
        self,
        request: Request,
        name: Text = "",
        password: Text = "",
        next_page: Annotated[str, Form(alias="next", max_length=_TEXT_MOST)] = "/",
    ) -> Response:
        """Takes the form: a session and on to the page that was asked for, or why not."""
        check_same_site(request)
        target = _inside(next_page)
        address = request.client.host if request.client else ""
        try:
            secret = self._shell.services.directory.sign_in(name, password, address)
        except PeopleError as error:
            status = 429 if isinstance(error, SignInThrottled) else 401
            return self._draw(request, target, name=name, message=str(error), status=status)
        response = RedirectResponse(target, status_code=303)
        self._shell.cookie.write(response, secret)
        return response

    def sign_out(self, request: Request, csrf: Text = "") -> Response:
        """Ends the session."""
        response = RedirectResponse("/sign-in", status_code=303)
        who = self._shell.visitor(request)
        secret = self._shell.cookie.read(request)
        if who is not None and secret:
            check_same_site(request)
            check_token(request, who, csrf)
            self._shell.services.directory.sign_out(secret)
        self._shell.cookie.clear(response)
        return response

    def _draw(
        self, request: Request, target: str, name: str = "", message: str = "", status: int = 200
    ) -> Response:
        return self._shell.page(
            request,
            "sign_in.html",
            title="Sign in",
            next_page=target,
            name=name,
            message=message,
            status=status,
        )


def subject(shell: Shell) -> Subject:
    """The pages."""
    pages, router = SignIn(shell), APIRouter()
    router.add_api_route("/sign-in", pages.form, methods=["GET"], response_model=None)
    router.add_api_route("/sign-in", pages.sign_in, methods=["POST"], response_model=None)
    router.add_api_route("/sign-out", pages.sign_out, methods=["POST"], response_model=None)
    return Subject(router)


def _inside(target: str) -> str:
    """The target if it is a page of this console, else the first page."""
    parts = urlsplit(target)
    # A browser takes a backslash for a slash: //host and /\host leave the console.
    plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    clean = not any(sign in target for sign in "\\\r\n\t")
    return target if plain and clean and not parts.scheme and not parts.netloc else "/"
