"""Alerts: what is the matter now, what happened to it, and where messages go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from cmdb.alerts.address import check
from cmdb.alerts.center import OPEN, AlertCenter
from cmdb.alerts.errors import AlertError, ChannelRefused, UnknownAlert, UnknownChannel
from cmdb.alerts.rule import Severity
from cmdb.people import ADMINISTRATOR, Identity
from cmdb.people.roles import LICENCE_MANAGER
from cmdb.store.desk_alerts import AlertRow
from cmdb.store.port import Record
from cmdb.web.problem import Problem, Refused, number_of
from cmdb.web.shell import Nav, Panel, Shell, Subject

Text = Annotated[str, Form(max_length=4096)]
_LISTED_MOST = 500
_PANEL_MOST = 6
_WORST_FIRST = {severity.value: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Alerts:
    """What the pages of alerts can ask and do, handed in by the composition root."""

    center: AlertCenter
    test: Callable[[str], None]
    """Sends a message to the channel of that name that says it is a test."""
    known: Callable[[str], None]
    """Refuses an address that cannot be sent to."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """What is before the dot of a rule's name, and the page of its subject with {} for it."""
    role: str = LICENCE_MANAGER
    """Who may acknowledge an alert."""

    def page_of(self, row: AlertRow) -> str:
        """Where the subject of an alert is shown; empty where it has no page."""
        page = self.pages.get(row.rule.partition(".")[0], "")
        return page.format(quote(row.subject, safe="")) if page else ""


class AlertPages:
    """The pages below /alerts."""

    def __init__(self, shell: Shell, alerts: Alerts) -> None:
        self._shell = shell
        self._alerts = alerts

    def show(self, request: Request) -> Response:
        """All alerts: the open ones first, the worst of them on top."""
        return self._draw(request, self._shell.enter(request))

    def one(self, request: Request, alert: str) -> Response:
        """One alert with all that happened to it."""
        who = self._shell.enter(request)
        try:
            page = self._alerts.center.alert(number_of(alert))
        except UnknownAlert as error:
            raise _not_there(error) from error
        return self._shell.page(
            request,
            "alert.html",
            who=who,
            title=page.alert.title,
            page=page,
            alert=page.alert,
            where=self._alerts.page_of(page.alert),
            may=who.may(self._alerts.role),
        )

    def acknowledge(self, request: Request, alert: str, csrf: Text = "") -> Response:
        """Notes that the visitor has seen to it."""
        who = self._shell.enter(request, self._alerts.role, csrf)
        services = self._shell.services
        try:
            number = number_of(alert)
            row = self._alerts.center.acknowledge(number, who.account, services.clock())
        except UnknownAlert as error:
            raise _not_there(error) from error
        services.directory.audit(who.account, "alerts.acknowledge", row.title)
        return RedirectResponse(f"/alerts/{row.id}", status_code=303)

    def add(
        self,
        request: Request,
        name: Text = "",
        url: Text = "",
        csrf: Text = "",
    ) -> Response:
        """Adds a channel; its address is not shown again."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        services, name, url = self._shell.services, name.strip(), url.strip()
        try:
            check(url, allow_link_local=False)  # Says more of a bad one than `known` does.
            self._alerts.known(url)
            added = self._alerts.center.add_channel(name, url, services.clock())
        except ChannelRefused as error:
            return self._draw(request, who, message=f"Not added: {error}.", name=name, status=422)
        services.directory.audit(who.account, "channels.add", name, address=added.address)
        return self._draw(
            request, who, done=f"The channel {name} was added. Send it a test to see it works."
        )

    def test(self, request: Request, name: Text = "", csrf: Text = "") -> Response:
        """Sends a test to a channel and says what became of it."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        try:
            self._alerts.test(name)
        except UnknownChannel as error:
            raise _not_there(error) from error
        except AlertError as error:
            message = f"The test to {name} did not get through: {error}."
            return self._draw(request, who, message=message, status=422)
        self._shell.services.directory.audit(who.account, "channels.test", name)
        return self._draw(request, who, done=f"A test message went to {name}.")

    def remove(self, request: Request, name: Text = "", csrf: Text = "") -> Response:
        """Takes a channel out."""
        who = self._shell.enter(request, ADMINISTRATOR, csrf)
        services = self._shell.services
        try:
            self._alerts.center.remove_channel(name, services.clock())
        except UnknownChannel as error:
            raise _not_there(error) from error
        services.directory.audit(who.account, "channels.remove", name)
        return RedirectResponse("/alerts#channels", status_code=303)

    def _draw(
        self,
        request: Request,
        who: Identity,
        *,
        status: int = 200,
        message: str = "",
        done: str = "",
        name: str = "",
    ) -> Response:
        every = self._alerts.center.alerts()
        opened = worst_first(row for row in every if row.state == OPEN)
        over = [row for row in every if row.state != OPEN]
        administers = who.may(ADMINISTRATOR)
        return self._shell.page(
            request,
            "alerts.html",
            who=who,
            status=status,
            title="Alerts",
            opened=opened[:_LISTED_MOST],
            opened_total=len(opened),
            over=over[:_LISTED_MOST],
            over_total=len(over),
            page_of=self._alerts.page_of,
            may=who.may(self._alerts.role),
            administers=administers,
            channels=self._alerts.center.channels() if administers else (),
            message=message,
            done=done,
            name=name,
        )


def worst_first(rows: Iterable[AlertRow]) -> list[AlertRow]:
    """Those that nobody has seen to first; of these the worst, and then the newest."""
    newest = sorted(rows, key=lambda row: row.opened_at, reverse=True)
    last = len(_WORST_FIRST)
    return sorted(
        newest,
        key=lambda row: (row.acknowledged_at is not None, _WORST_FIRST.get(row.severity, last)),
    )


def panel(center: AlertCenter) -> Panel:
    """Open alerts, for the overview."""

    def data(_: Record) -> object:
        opened = worst_first(center.alerts(OPEN))
        return {"first": opened[:_PANEL_MOST], "total": len(opened)}

    return Panel("panel_alerts.html", 10, data)


def subject(shell: Shell) -> Subject:
    """The pages and their entry in the menu; none where there is no alerting."""
    router, alerts = APIRouter(), shell.services.alerts
    if alerts is None:
        return Subject(router)
    pages = AlertPages(shell, alerts)
    for path, page, method in (
        ("/alerts", pages.show, "GET"),
        ("/alerts/{alert}", pages.one, "GET"),
        ("/alerts/{alert}/acknowledge", pages.acknowledge, "POST"),
        ("/alert-channels", pages.add, "POST"),
        ("/alert-channels/test", pages.test, "POST"),
        ("/alert-channels/remove", pages.remove, "POST"),
    ):
        router.add_api_route(path, page, methods=[method], response_model=None)
    return Subject(router, (Nav("Alerts", "/alerts", "alert", 40),))


def _not_there(error: AlertError) -> Refused:
    text = str(error)
    return Refused(Problem(404, f"{text[:1].upper()}{text[1:]}."))
