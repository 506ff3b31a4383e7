"""One's own account: password and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cmdb.people import ROLES, Identity, PeopleError, SignInThrottled
from cmdb.people.directory import TokenRequest
from cmdb.web.shell import Nav, Shell, Subject

Text = Annotated[str, Form(max_length=1024)]
_LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"))


class AccountPage:
    """The page at /account."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def show(self, request: Request) -> Response:
        """Password form and tokens."""
        return self._draw(request, self._shell.enter(request))

    def password(
        self, request: Request, current: Text = "", new: Text = "", csrf: Text = ""
    ) -> Response:
        """Changes the password; one signs in anew."""
        who = self._shell.enter(request, csrf=csrf)
        try:
            self._shell.services.directory.change_password(who, current, new)
        except PeopleError as error:
            status = 429 if isinstance(error, SignInThrottled) else 422
            return self._draw(request, who, status=status, password_message=str(error))
        response = RedirectResponse("/sign-in", status_code=303)
        self._shell.cookie.clear(response)
        return response

    def issue(
        self,
        request: Request,
        label: Text = "",
        role: Text = "",
        days: Annotated[int, Form(ge=1, le=366)] = 90,
        csrf: Text = "",
    ) -> Response:
        """Makes a token and shows it, this once."""
        who = self._shell.enter(request, csrf=csrf)
        asked = TokenRequest(label, (role,), timedelta(days=days))
        try:
            secret = self._shell.services.directory.issue_token(who, asked)
        except PeopleError as error:
            return self._draw(request, who, status=422, token_message=str(error))
        return self._draw(request, who, secret=secret)

    def revoke(self, request: Request, token: int, csrf: Text = "") -> Response:
        """Makes a token worthless."""
        who = self._shell.enter(request, csrf=csrf)
        self._shell.services.directory.revoke_token(who, token)
        return RedirectResponse("/account", status_code=303)

    def _draw(self, request: Request, who: Identity, status: int = 200, **said: str) -> Response:
        shown = {"secret": "", "password_message": "", "token_message": "", **said}
        return self._shell.page(
            request,
            "account.html",
            who=who,
            status=status,
            title="Your account",
            tokens=self._shell.services.directory.tokens(who.account),
            roles=[role for role in ROLES if who.may(role.name)],
            lifetimes=_LIFETIMES,
            **shown,
        )


def subject(shell: Shell) -> Subject:
    """The page; the foot of the menu leads to it."""
    pages, router = AccountPage(shell), APIRouter()
    router.add_api_route("/account", pages.show, methods=["GET"], response_model=None)
    router.add_api_route("/account/password", pages.password, methods=["POST"], response_model=None)
    router.add_api_route("/account/tokens", pages.issue, methods=["POST"], response_model=None)
    router.add_api_route(
        "/account/tokens/{token}/revoke", pages.revoke, methods=["POST"], response_model=None
    )
    return Subject(router, (Nav("Your account", "/account", "user", 80),))
