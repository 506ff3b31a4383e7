"""For administrators: accounts and the audit trail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cmdb.people import ADMINISTRATOR, ROLES, Identity, PeopleError
from cmdb.web.problem import place_of
from cmdb.web.shell import Nav, Shell, Subject

Text = Annotated[str, Form(max_length=1024)]
_AUDIT_PAGE = 100


class AdminPages:
    """The pages at /accounts and /audit."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def accounts(self, request: Request) -> Response:
        """All accounts."""
        return self._draw(request, self._shell.enter(request, ADMINISTRATOR))

    def create(
        self, request: Request, name: Text = "", role: Text = "", csrf: Text = ""
    ) -> Response:
        """Makes an account and shows its first password, this once."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        try:
            password = self._shell.services.directory.create(who.account, name, (role,))
        except PeopleError as error:
            return self._draw(request, who, status=422, message=str(error))
        return self._draw(request, who, account=name.strip().lower(), password=password)

    def reset(self, request: Request, account: str, csrf: Text = "") -> Response:
        """Gives an account a new password and shows it, this once."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        password = self._shell.services.directory.reset_password(who.account, account)
        return self._draw(request, who, account=account, password=password)

    def change(
        self,
        request: Request,
        account: str,
        role: Text = "",
        disabled: Text = "",
        csrf: Text = "",
    ) -> Response:
        """Changes what an account may do."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        try:
            self._shell.services.directory.set_roles(
                who.account, account, (role,), disabled=disabled == "yes"
            )
        except PeopleError as error:
            return self._draw(request, who, status=422, message=str(error))
        return RedirectResponse("/accounts", status_code=303)

    def audit(self, request: Request) -> Response:
        """Who did what, newest first."""
        who = self._shell.enter(request, ADMINISTRATOR)
        before = place_of(request.query_params.get("before", ""))
        found = self._shell.services.desk.audited(_AUDIT_PAGE + 1, before)
        shown = found[:_AUDIT_PAGE]
        return self._shell.page(
            request,
            "audit.html",
            who=who,
            title="Audit trail",
            rows=shown,
            older=shown[-1].sequence if len(found) > _AUDIT_PAGE else None,
        )

    def _draw(self, request: Request, who: Identity, status: int = 200, **said: str) -> Response:
        shown = {"message": "", "account": "", "password": "", **said}
        return self._shell.page(
            request,
            "accounts.html",
            who=who,
            status=status,
            title="Accounts",
            accounts=self._shell.services.directory.accounts(),
            roles=ROLES,
            **shown,
        )


def subject(shell: Shell) -> Subject:
    """The pages and their entries in the menu."""
    pages, router = AdminPages(shell), APIRouter()
    router.add_api_route("/accounts", pages.accounts, methods=["GET"], response_model=None)
    router.add_api_route("/audit", pages.audit, methods=["GET"], response_model=None)
    for path, page in (
        ("/accounts", pages.create),
        ("/accounts/{account}/reset", pages.reset),
        ("/accounts/{account}/change", pages.change),
    ):
        router.add_api_route(path, page, methods=["POST"], response_model=None)
    navs = (
        Nav("Accounts", "/accounts", "people", 90, ADMINISTRATOR),
        Nav("Audit trail", "/audit", "audit", 95, ADMINISTRATOR),
    )
    return Subject(router, navs)
