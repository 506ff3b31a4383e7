"""The list of assets: search, filters, order, pages, and the same as CSV and XLSX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from cmdb.model.classes import CLASSES
from cmdb.model.declare import SOURCE_KINDS
from cmdb.query.assets import list_assets
from cmdb.query.models import AssetLine
from cmdb.query.table import Cell, csv_lines, workbook
from cmdb.store.port import Record, Search
from cmdb.web.shell import Nav, Shell, Subject

STATES = ("present", "missing", "retired")
PAGE_SIZE = 50
_EXPORT_PAGE = 500
_XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list on the page."""

    label: str
    order: str | None
    """What the list is sorted by under this head; None: it cannot be."""
    kind: str = ""
    """Style of its cells."""


COLUMNS = (
    Column("Name", "name"),
    Column("Class", "cls"),
    Column("State", "state"),
    Column("Operating system", "os_name"),
    Column("Make and model", "vendor"),
    Column("Memory", "memory_bytes", "num"),
    Column("Scope", "scope"),
    Column("Sources", None),
    Column("Last seen", "last_seen", "num"),
)
_EXPORTED = tuple(
    dict.fromkeys(
        attribute.name
        for cls in CLASSES
        for attribute in cls.all_attributes()
        if attribute.column and attribute.name != "name"
    )
)
EXPORT_HEADER = (
    "asset",
    "class",
    "name",
    "state",
    "scope",
    "parent",
    *_EXPORTED,
    "sources",
    "first_seen",
    "last_seen",
)


class AssetsPage:
    """The page at /assets."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def show(self, request: Request) -> Response:
        """One page of the list."""
        who = self._shell.enter(request)
        services = self._shell.services
        asked = dict(request.query_params)
        search = search_of(asked, PAGE_SIZE)
        with services.reading() as record:
            found = list_assets(record.view, search)
            at = services.at(record)
        filters = {name: held for name, held in asked.items() if name != "after"}
        return self._shell.page(
            request,
            "assets.html",
            who=who,
            now=at,
            title="Assets",
            found=found,
            search=search,
            filters=filters,
            filtered=any(
                filters.get(name) for name in ("text", "cls", "state", "source_kind", "scope")
            ),
            columns=COLUMNS,
            classes=CLASSES,
            states=STATES,
            kinds=SOURCE_KINDS,
        )

    def csv(self, request: Request) -> Response:
        """All that the search finds, as CSV."""
        self._shell.enter(request)
        with self._shell.services.reading() as record:
            text = "".join(csv_lines(EXPORT_HEADER, _rows(record, dict(request.query_params))))
        return _download(text.encode(), "text/csv; charset=utf-8", "assets.csv")

    def xlsx(self, request: Request) -> Response:
        """All that the search finds, as a workbook."""
        self._shell.enter(request)
        with self._shell.services.reading() as record:
            rows = _rows(record, dict(request.query_params))
            body = workbook("Assets", EXPORT_HEADER, rows)
        return _download(body, _XLSX_TYPE, "assets.xlsx")


def search_of(asked: Mapping[str, str], limit: int) -> Search:
    """The search that a query string means; REST takes the same one."""
    return Search(
        text=asked.get("text", "")[:500],
        cls=asked.get("cls") or None,
        state=asked.get("state") or None,
        scope=asked.get("scope") or None,
        source_kind=asked.get("source_kind") or None,
        order=asked.get("order") or "name",
        after=asked.get("after") or None,
        limit=limit,
    )


def subject(shell: Shell) -> Subject:
    """The pages and their entry in the menu."""
    pages, router = AssetsPage(shell), APIRouter()
    router.add_api_route("/assets", pages.show, methods=["GET"], response_model=None)
    router.add_api_route("/assets.csv", pages.csv, methods=["GET"], response_model=None)
    router.add_api_route("/assets.xlsx", pages.xlsx, methods=["GET"], response_model=None)
    return Subject(router, (Nav("Assets", "/assets", "list", 20),))


def _rows(record: Record, asked: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    search = replace(search_of(asked, _EXPORT_PAGE), after=None)
    while True:
        page = list_assets(record.view, search)
        yield from map(_row, page.assets)
        if page.cursor is None:
            return
        search = replace(search, after=page.cursor)


def _row(line: AssetLine) -> tuple[Cell, ...]:
    return (
        line.asset,
        line.cls,
        line.name,
        line.state,
        line.scope,
        line.parent,
        *(line.attributes.get(name) for name in _EXPORTED),
        " ".join(line.source_kinds),
        line.first_seen,
        line.last_seen,
    )


def _download(body: bytes, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=media_type, headers=headers)
