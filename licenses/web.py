"""Pages of licence positions: the list, the proof of each, and entitlements from a file.

The one module of licences that knows HTTP. How lines reach the record is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from cmdb.people import Identity
from cmdb.people.roles import LICENCE_MANAGER
from cmdb.query.table import Cell
from cmdb.store.port import Clock, Record
from cmdb.web.download import table_response
from cmdb.web.problem import Problem, Refused
from cmdb.web.shell import Nav, Panel, Shell, Subject
from cmdb.web.then import Seen
from licenses.catalogue.load import Catalogue, load
from licenses.entitlements import MOST_BYTES, Reading, read_csv
from licenses.errors import CatalogueError, UnknownProduct, UnreadableFile
from licenses.metrics import METRIC_BY_NAME
from licenses.position import Position, PositionState, position, positions

Take = Callable[[Sequence[str], str, str], bool]
"""Journals lines of the import form: the lines, the file's name, who did it.
Waits some seconds for the record, and says whether it has them already."""
LoadCatalogue = Callable[[], Catalogue]
Text = Annotated[str, Form(max_length=1024)]
Upload = Annotated[UploadFile | None, File()]

_FOLDER = Path(__file__).parent / "templates"
_LISTED_MOST = 500
_PROBLEMS_MOST = 50
_PANEL_MOST = 6
_BAD = (PositionState.EXPIRED, PositionState.SHORT, PositionState.UNLICENSED)
SAMPLE = (
    ("product", "publisher", "metric", "quantity", "start", "end", "contract", "cost", "currency"),
    ("Microsoft Visio", "Microsoft", "device", "25", "2026-01-01", "2026-12-31", "PO-1001", "4250",
     "EUR"),
    ("JetBrains IntelliJ IDEA", "JetBrains", "device", "10", "2026-03-01", "", "PO-1002", "5990",
     "EUR"),
)  # fmt: skip
HEADER = (
    "product", "publisher", "metric", "state", "required", "owned", "expired", "surplus",
    "shortfall",
)  # fmt: skip
PROOF_HEADER = (
    "product", "part", "asset", "name", "rights", "programs", "contract", "start", "end", "counts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an uploaded file."""

    file: str
    rows: int
    refused: tuple[str, ...]
    refused_total: int
    counted: bool
    """Whether the positions shown have them already."""


class PositionPages:
    """The pages below /positions."""

    def __init__(self, shell: Shell, take: Take | None, catalogue: LoadCatalogue) -> None:
        self._shell = shell
        self._take = take
        self._catalogue = catalogue
        self._known: tuple[tuple[int, date, str], tuple[Position, ...]] | None = None
        self._counting = Lock()

    def show(self, request: Request) -> Response:
        """All positions, worst first."""
        return self._draw(request, self._shell.enter(request))

    def one(self, request: Request, product: str) -> Response:
        """One position with its proof; another name of the product leads to its own."""
        who = self._shell.enter(request)
        with self._shell.reading(request) as seen:
            found = self._named(seen, product)
        if found.product != product:
            where = f"/positions/{quote(found.product, safe='')}{seen.when.query}"
            return RedirectResponse(where, status_code=303)
        metric = METRIC_BY_NAME.get(found.metric)
        return self._shell.page(
            request,
            "position.html",
            who=who,
            now=seen.at,
            when=seen.noted(found.past),
            title=found.product,
            position=found,
            metric=metric.summary if metric else "",
            required=found.required_by[:_LISTED_MOST],
            owned=found.owned_by[:_LISTED_MOST],
        )

    def table(self, request: Request, kind: str) -> Response:
        """The list as CSV or XLSX; with `product` in the query the proof of that position."""
        self._shell.enter(request)
        product = request.query_params.get("product", "")
        with self._shell.reading(request) as seen:
            if product:
                chosen = self._named(seen, product)
                return table_response(kind, "position", PROOF_HEADER, _proof_rows(chosen))
            shown = _chosen(self._all(seen), request)
        return table_response(kind, "positions", HEADER, map(_row, shown))

    def sample(self, request: Request) -> Response:
        """A file of entitlements to begin with."""
        self._shell.enter(request)
        return table_response("csv", "entitlements-sample", SAMPLE[0], SAMPLE[1:])

    def upload(self, request: Request, file: Upload = None, csrf: Text = "") -> Response:
        """Takes the good rows of a file and names the others."""
        who = self._shell.enter(request, LICENCE_MANAGER, csrf)
        if self._take is None:
            raise Refused(Problem(503, "The intake does not answer; nothing was taken. Try again."))
        if file is None or not file.filename:
            return self._draw(request, who, message="Choose a file first.", status=422)
        name = file.filename[-200:]
        try:
            reading = read_csv(file.file.read(MOST_BYTES + 1), name, self._shell.services.clock())
        except UnreadableFile as error:
            return self._draw(request, who, message=f"Nothing was taken: {error}.", status=422)
        counted = not reading.lines or self._take(reading.lines, name, who.account)
        taken = _taken(name, reading, counted=counted)
        return self._draw(request, who, taken=taken, status=422 if taken.refused else 200)

    def _draw(
        self,
        request: Request,
        who: Identity,
        *,
        status: int = 200,
        message: str = "",
        taken: Taken | None = None,
    ) -> Response:
        with self._shell.reading(request) as seen:
            every = self._all(seen)
        asset = request.query_params.get("asset", "")
        return self._shell.page(
            request,
            "positions.html",
            who=who,
            now=seen.at,
            when=seen.when,
            status=status,
            title="Licence positions",
            shown=_chosen(every, request),
            total=len(every),
            counts=[(state, sum(each.state is state for each in every)) for state in PositionState],
            state=request.query_params.get("state", ""),
            asset=asset,
            asset_name=_name_of(every, asset),
            keeps=who.may(LICENCE_MANAGER) and self._take is not None and not seen.when.asked,
            message=message,
            taken=taken,
        )

    def _all(self, seen: Seen) -> tuple[Position, ...]:
        """All positions of the day; today's are counted anew only when the view has changed."""
        catalogue, record, at = self._catalogue(), seen.record, seen.at
        if seen.when.asked:
            return tuple(map(seen.told, positions(record, at, catalogue)))
        mark = (record.view.change_sequence(), at.date(), catalogue.version)
        with self._counting:
            if self._known is None or self._known[0] != mark:
                self._known = (mark, positions(record, at, catalogue))
            return self._known[1]

    def _named(self, seen: Seen, product: str) -> Position:
        for each in () if seen.when.asked else self._all(seen):
            if each.product == product:
                return each
        try:
            return seen.told(position(seen.record, product, seen.at, self._catalogue()))
        except UnknownProduct as error:
            raise Refused(Problem(404, f"{str(error)[:1].upper()}{str(error)[1:]}.")) from error


def subject_with(take: Take | None, catalogue: LoadCatalogue = load) -> Callable[[Shell], Subject]:
    """Makes the subject; without `take` files cannot be uploaded."""

    def subject(shell: Shell) -> Subject:
        pages, router = PositionPages(shell, take, catalogue), APIRouter()
        for path, page in (
            ("/positions", pages.show),
            ("/positions.{kind}", pages.table),
            ("/entitlements/sample.csv", pages.sample),
            ("/positions/{product:path}", pages.one),
        ):
            router.add_api_route(path, page, methods=["GET"], response_model=None)
        router.add_api_route("/entitlements", pages.upload, methods=["POST"], response_model=None)
        shell.asset_links.append(("Licences", "/positions?asset={}", "scales"))
        return Subject(router, (Nav("Licences", "/positions", "scales", 30),), _FOLDER)

    return subject


def panel(clock: Clock, catalogue: LoadCatalogue = load) -> Panel:
    """Positions that are not in order, for the overview."""

    def data(record: Record) -> object:
        at = record.view.replay_clock() or clock()
        try:
            every = positions(record, at, catalogue())
        except CatalogueError as error:  # The rest of the overview is not to suffer from it.
            return {"first": (), "total": 0, "message": str(error)}
        bad = [each for each in every if each.state in _BAD]
        return {"first": bad[:_PANEL_MOST], "total": len(bad), "message": ""}

    return Panel("panel_positions.html", 20, data)


def _chosen(every: Iterable[Position], request: Request) -> list[Position]:
    """Those of the asked state, and of the asked asset."""
    state = request.query_params.get("state", "")
    asset = request.query_params.get("asset", "")
    return [
        each
        for each in every
        if (not state or each.state.value == state) and (not asset or asset in _assets(each))
    ]


def _assets(each: Position) -> set[str]:
    owned = {right.entitlement for right in each.owned_by}
    return owned | {right.asset for right in each.required_by}


def _name_of(every: Iterable[Position], asset: str) -> str:
    for each in every:
        for required in each.required_by:
            if required.asset == asset:
                return required.asset_name
        for owned in each.owned_by:
            if owned.entitlement == asset:
                return owned.name
    return asset


def _taken(name: str, reading: Reading, *, counted: bool) -> Taken:
    refused = tuple(str(problem) for problem in reading.problems[:_PROBLEMS_MOST])
    return Taken(name, len(reading.lines), refused, len(reading.problems), counted)


def _row(each: Position) -> tuple[Cell, ...]:
    return (
        each.product, each.publisher, each.metric, each.state.value, each.required, each.owned,
        each.expired, each.surplus, each.shortfall,
    )  # fmt: skip


def _proof_rows(each: Position) -> Iterator[tuple[Cell, ...]]:
    for need in each.required_by:
        programs = "; ".join(
            f"{found.title} {', '.join(found.versions)}".strip() for found in need.evidence
        )
        yield (each.product, "required", need.asset, need.asset_name, need.rights, programs,
               None, None, None, None)  # fmt: skip
    for right in each.owned_by:
        yield (each.product, "owned", right.entitlement, right.name, right.quantity, None,
               right.contract, right.start, right.end, right.counts)  # fmt: skip
