"""The first page: the estate at a glance, or how to begin when there is nothing yet."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from cmdb.query.overview import overview
from cmdb.web.shell import Nav, Shell, Subject


class OverviewPage:
    """The page at /."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def show(self, request: Request) -> Response:
        """The overview, with the panels that subjects brought."""
        who = self._shell.enter(request)
        services = self._shell.services
        with services.reading() as record:
            at = services.at(record)
            seen = overview(record, at, services.sources(record))
            panels = [
                (panel.template, panel.data(record))
                for panel in sorted(services.panels, key=lambda panel: panel.order)
            ]
        return self._shell.page(
            request,
            "overview.html",
            who=who,
            now=at,
            title="Overview",
            seen=seen,
            panels=panels,
            largest=max((each.count for each in seen.counts), default=1),
        )


def subject(shell: Shell) -> Subject:
    """The page and its entry in the menu."""
    router = APIRouter()
    router.add_api_route("/", OverviewPage(shell).show, methods=["GET"], response_model=None)
    return Subject(router, (Nav("Overview", "/", "home", 10),))
