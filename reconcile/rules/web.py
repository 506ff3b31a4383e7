"""The page of the rules: what holds, where it comes from, and every version.

Rules are put in force by command or REST; here one can be taken back like any decision.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from cmdb.model.classes import WHOLE_CLASSES
from cmdb.people.roles import CHANGE_MANAGER
from cmdb.web.shell import Nav, Shell, Subject
from reconcile.rules.show import shown, version_list

_FOLDER = Path(__file__).parent / "templates"
_MOST_LISTED = 200


class RulesPage:
    """The page."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def rules(self, request: Request) -> Response:
        """Rules in force; of one class all that holds for it."""
        who = self._shell.enter(request)
        asked = request.query_params.get("cls", "")
        cls = asked if asked in {each.name for each in WHOLE_CLASSES} else None
        with self._shell.services.reading() as record:
            at = self._shell.services.at(record)
            found, versions = shown(record, cls), version_list(record)
        return self._shell.page(
            request,
            "rules.html",
            who=who,
            now=at,
            title="Rules",
            found=found,
            versions=versions[:_MOST_LISTED],
            classes=WHOLE_CLASSES,
            cls=cls or "",
            may=who.may(CHANGE_MANAGER),
        )


def subject() -> Callable[[Shell], Subject]:
    """Makes the subject."""

    def make(shell: Shell) -> Subject:
        router = APIRouter()
        router.add_api_route("/rules", RulesPage(shell).rules, methods=["GET"], response_model=None)
        return Subject(router, (Nav("Rules", "/rules", "check", 37),), _FOLDER)

    return make
