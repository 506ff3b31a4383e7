"""The console's shell: who is visiting, what is in the menu, and how a page is drawn.

A subject (CIs, licences, twins ...) brings its entries for the menu and its router; the shell
knows none of them. Pages are drawn on the server; scripts only add comfort.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from cmdb.people import VIEWER, Directory, Identity
from cmdb.query.assets import AttributeView
from cmdb.query.models import ClaimView, Standing
from cmdb.query.observers import ObserverView
from cmdb.query.overview import SourceView
from cmdb.store.desk import Desk
from cmdb.store.port import AssetId, Clock, Record
from cmdb.web.problem import Problem, Refused
from cmdb.web.then import NAMES, ZONE, OpenPast, Present, Seen, When, asked_of, seen
from cmdb.web.visit import Cookie, check_same_site, check_token

if TYPE_CHECKING:
    from jinja2 import Environment

    from cmdb.web.alerts import Alerts

_HERE = Path(__file__).parent
_VENDOR = ("htmx.min.js", "cytoscape.min.js", "cytoscape-dagre.min.js")


@dataclass(frozen=True, slots=True)
class Nav:
    """An entry of the menu."""

    label: str
    path: str
    icon: str
    order: int
    role: str = VIEWER


@dataclass(frozen=True, slots=True)
class Subject:
    """Pages that belong together, and how they are reached."""

    router: APIRouter
    navs: tuple[Nav, ...] = ()
    templates: Path | None = None
    """A folder of its own templates; those of the shell are found as well."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A box on the overview that a subject fills: alerts, licence positions ..."""

    template: str
    order: int
    data: Callable[[Record], object]


def _no_sources(_: Record) -> Iterable[SourceView]:
    return ()


def _no_claims(_record: Record, _asset: AssetId, _at: datetime) -> Sequence[AttributeView]:
    return ()


@dataclass(frozen=True)
class Observers:
    """What the page of observers can ask and do, handed in by the composition root."""

    every: Callable[[], Sequence[ObserverView]]
    revoke: Callable[[str, str], None]
    """Observer's id and who does it, for the audit trail, which is the callee's to keep."""
    allow: Callable[[str, tuple[str, ...], str], None]
    """Observer's id, the prefixes it may scan, and who does it."""


@dataclass(frozen=True)
class Services:
    """All that pages need of the world."""

    desk: Desk
    directory: Directory
    reading: Callable[[], AbstractContextManager[Record]]
    """The record for one request; what it says does not change before the block ends."""
    clock: Clock
    claims: Callable[[Record, AssetId, datetime], Sequence[AttributeView]] = _no_claims
    standing: Callable[[Record, AssetId, datetime], Standing | None] = lambda *_: None
    """Why an asset is not present."""
    reasons: Callable[[Record, AssetId, str, datetime], Sequence[ClaimView]] | None = None
    """Every claim about one attribute, the winner first."""
    past: OpenPast | None = None
    """The record as of a moment."""
    sources: Callable[[Record], Iterable[SourceView]] = _no_sources
    observers: Observers | None = None
    alerts: Alerts | None = None
    panels: tuple[Panel, ...] = ()
    https: bool = False
    version: str = ""

    def at(self, record: Record) -> datetime:
        """The record's clock: now, or where a replay left it."""
        return record.view.replay_clock() or self.clock()


@dataclass
class Shell:
    """Draws pages and knows who is visiting."""

    services: Services
    navs: list[Nav] = field(default_factory=list)
    asset_links: list[tuple[str, str, str]] = field(default_factory=list)
    """Label, path with {} for the id, and icon of what subjects add to an asset's page."""
    folders: list[Path] = field(default_factory=lambda: [_HERE / "templates"])
    _environment: Environment | None = None

    @property
    def cookie(self) -> Cookie:
        """How the session's secret travels."""
        return Cookie(self.services.https)

    def enter(self, request: Request, role: str = VIEWER, csrf: str = "") -> Identity:
        """Who is visiting, if they may do what the role may do.

        Requests that write bring the session's token in a form's field (`csrf`) or the header
        X-CSRF-Token.

        Raises:
            Refused: not signed in (a page asks to), or the request was forged.
            Forbidden: signed in, without the role.
        """
        who = self.visitor(request)
        if who is None:
            raise Refused(Problem(401, "Sign in to see this page."))
        check_same_site(request)
        check_token(request, who, csrf)
        who.require(role)
        return who

    def visitor(self, request: Request) -> Identity | None:
        """Who is visiting; None before they sign in."""
        secret = self.cookie.read(request)
        return self.services.directory.by_session(secret) if secret else None

    @contextmanager
    def reading(self, request: Request) -> Iterator[Seen]:
        """The record at the moment that the address names, or as it is.

        Raises:
            Refused: That is no time, or what is looked for was not known then.
        """
        services = self.services
        with services.reading() as record:
            present = Present(record, services.at(record), services.claims, services.standing)
            when = When(*asked_of(request.query_params), back=_now(request))
            with seen(present, services.past, when) as found:
                yield found

    def page(self, request: Request, template: str, **context: object) -> HTMLResponse:
        """A page of the console, drawn with the shell's frame for whoever is visiting."""
        who = context.pop("who", None)
        status = context.pop("status", 200)
        now = context.pop("now", None) or self.services.clock()
        when = context.pop("when", None) or When()
        shown = sorted(self.navs, key=lambda nav: nav.order)
        html = (
            self._templates()
            .get_template(template)
            .render(
                request=request,
                path=request.url.path,
                who=who,
                navs=[nav for nav in shown if isinstance(who, Identity) and who.may(nav.role)],
                now=now,
                when=when,
                version=self.services.version,
                **context,
            )
        )
        assert isinstance(status, int)
        return HTMLResponse(html, status_code=status)

    def error_page(self, request: Request, problem: Problem) -> Response:
        """The error for people; who is not signed in is asked to."""
        who = self.visitor(request)
        if problem.status == HTTPStatus.UNAUTHORIZED and who is None and request.method == "GET":
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            where = f"/sign-in?next={quote(target, safe='')}"
            if request.headers.get("hx-request"):
                return Response(status_code=401, headers={"hx-redirect": where})
            return RedirectResponse(where, status_code=303)
        page = self.page(
            request,
            "error.html",
            who=who,
            status=problem.status,
            problem=problem,
            title="Error",
            back=_now(request) if any(map(request.query_params.get, NAMES)) else "",
        )
        page.headers.update(dict(problem.headers))
        return page

    def _templates(self) -> Environment:
        if self._environment is None:
            from cmdb.web.draw import environment

            self._environment = environment(self.folders, self._assets_version())
        return self._environment

    def _assets_version(self) -> str:
        """Changes when a file in static/ does, so that browsers may keep what they have."""
        newest = max(file.stat().st_mtime_ns for file in (_HERE / "static").rglob("*"))
        return f"{newest:x}"[-8:]


def _now(request: Request) -> str:
    """The address of the same page, of the present."""
    kept = [
        (name, text)
        for name, text in request.query_params.multi_items()
        if name not in (*NAMES, ZONE)
    ]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def install(app: FastAPI, shell: Shell, subjects: Iterable[Subject]) -> None:
    """Puts the pages of the subjects, and the files that they need, into the app."""
    for subject in subjects:
        app.include_router(subject.router, include_in_schema=False)
        shell.navs.extend(subject.navs)
        if subject.templates is not None:
            shell.folders.append(subject.templates)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")


def missing_assets() -> tuple[str, ...]:
    """Files of other projects that the set-up should have put into static/vendor."""
    return tuple(name for name in _VENDOR if not (_HERE / "static" / "vendor" / name).is_file())
