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
from cmdb.query.table import Cell
from cmdb.store.port import Search
from cmdb.web.download import table_response
from cmdb.web.shell import Nav, Shell, Subject
from cmdb.web.then import Seen

STATES = ("present", "missing", "retired")
PAGE_SIZE = 50
_EXPORT_PAGE = 500


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
        asked = dict(request.query_params)
        search = search_of(asked, PAGE_SIZE)
        with self._shell.reading(request) as seen:
            found = seen.told(list_assets(seen.record.view, search))
        filters = {name: held for name, held in asked.items() if name != "after"}
        return self._shell.page(
            request,
            "assets.html",
            who=who,
            now=seen.at,
            when=seen.noted(found.past),
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

    def table(self, request: Request, kind: str) -> Response:
        """All that the search finds, as CSV or XLSX."""
        self._shell.enter(request)
        with self._shell.reading(request) as seen:
            rows = _rows(seen, dict(request.query_params))
            return table_response(kind, "assets", EXPORT_HEADER, rows)


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
    router.add_api_route("/assets.{kind}", pages.table, methods=["GET"], response_model=None)
    return Subject(router, (Nav("Assets", "/assets", "list", 20),))


def _rows(seen: Seen, asked: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    search = replace(search_of(asked, _EXPORT_PAGE), after=None)
    while True:
        page = seen.told(list_assets(seen.record.view, search))
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
