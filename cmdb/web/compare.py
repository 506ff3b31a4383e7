"""Two moments compared: of one asset, and of the estate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from cmdb.history import instant, span
from cmdb.model.classes import CLASSES
from cmdb.query.differences import AssetDifferences, Difference, compared
from cmdb.query.estate_diff import (
    CAME_OR_WENT,
    LISTED_MOST,
    EstateDifferences,
    Only,
    estate_differences,
)
from cmdb.query.past import Reading
from cmdb.query.table import Cell
from cmdb.store.port import AssetId, Headline, Record
from cmdb.web.download import table_response
from cmdb.web.problem import Problem, Refused
from cmdb.web.shell import Nav, Shell, Subject
from cmdb.web.then import Field, refusing, time_field, zoned

ONE_HEADER = ("asset", "name", "part", "what", "before", "after")
ESTATE_HEADER = ("asset", "class", "name", "difference", "what", "into")
PARTS = ("asset", "attribute", "program", "relation", "source")
_FIRST = timedelta(days=30)
"""Where a comparison begins when nothing is said."""
_NO_LIMIT = 1_000_000_000
_NOW = "now"
_TIMES = frozenset({"first", "second", "known_at"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a comparison was asked for, as the address has it."""

    first: str
    second: str
    known_at: str
    part: str
    cls: str
    what: str

    @property
    def times(self) -> dict[str, str]:
        """What links to the same comparison keep."""
        held = {"first": self.first, "second": self.second, "known_at": self.known_at}
        return {name: text for name, text in held.items() if text and text != _NOW}


def asked_of(request: Request, now: datetime) -> Asked:
    """What the address asks for; the first moment is a month ago when it is not named."""
    got = {name: text.strip()[:200] for name, text in request.query_params.items()}
    got |= {name: zoned(got[name], got) for name in _TIMES & got.keys()}
    return Asked(
        got.get("first") or f"{now - _FIRST:%Y-%m-%d}",
        got.get("second") or _NOW,
        got.get("known_at", ""),
        got.get("part", ""),
        got.get("cls", ""),
        got.get("what", ""),
    )


class ComparePages:
    """The pages /compare and /assets/{ref}/compare, and their tables."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def one(self, request: Request, ref: str) -> Response:
        """What differs about one asset."""
        who = self._shell.enter(request)
        with self._shell.services.reading() as record:
            now = self._shell.services.at(record)
            asked = asked_of(request, now)
            found = self._compared(record, ref, asked, now)
            fields = self._fields(asked, now)
        if found.asset != ref:
            where = f"/assets/{found.asset}/compare"
            return RedirectResponse(f"{where}?{request.url.query}", status_code=303)
        shown = _of_part(found, asked.part)
        return self._shell.page(
            request,
            "compare_one.html",
            who=who,
            now=now,
            title=f"{found.name} compared",
            found=found,
            asked=asked,
            fields=fields,
            latest=f"{now:%Y-%m-%d}",
            shown=shown[:LISTED_MOST],
            shown_total=len(shown),
            counts=Counter(each.part for each in found.differences),
            kinds=PARTS,
        )

    def one_table(self, request: Request, ref: str, kind: str) -> Response:
        """The same as CSV or XLSX."""
        self._shell.enter(request)
        with self._shell.services.reading() as record:
            now = self._shell.services.at(record)
            asked = asked_of(request, now)
            found = self._compared(record, ref, asked, now)
        rows = (
            (found.asset, found.name, each.part, each.name, each.before, each.after)
            for each in _of_part(found, asked.part)
        )
        return table_response(kind, f"{found.asset}-compared", ONE_HEADER, rows)

    def estate(self, request: Request) -> Response:
        """What differs in the estate."""
        who = self._shell.enter(request)
        with self._shell.services.reading() as record:
            now = self._shell.services.at(record)
            asked = asked_of(request, now)
            found = self._estate(record, asked, now, LISTED_MOST)
            fields = self._fields(asked, now)
        return self._shell.page(
            request,
            "compare.html",
            who=who,
            now=now,
            title="What became different",
            found=found,
            asked=asked,
            fields=fields,
            latest=f"{now:%Y-%m-%d}",
            classes=CLASSES,
            kinds=CAME_OR_WENT,
        )

    def estate_table(self, request: Request, kind: str) -> Response:
        """The same as CSV or XLSX, an asset and difference a row."""
        self._shell.enter(request)
        with self._shell.services.reading() as record:
            now = self._shell.services.at(record)
            found = self._estate(record, asked_of(request, now), now, _NO_LIMIT)
        return table_response(kind, "differences", ESTATE_HEADER, _rows(found))

    def _estate(self, record: Record, asked: Asked, now: datetime, most: int) -> EstateDifferences:
        open_past = self._shell.services.past

        def formerly(at: datetime, assets: Sequence[AssetId]) -> Mapping[AssetId, Headline]:
            if open_past is None:
                return {}
            with open_past(record, "", at.isoformat(), now) as then:
                return then.headlines(assets)

        with refusing():
            first, second = span(asked.first, asked.second, now)
        only = Only(asked.cls, asked.what)
        return estate_differences(record, first, second, only, most, formerly)

    def _compared(self, record: Record, ref: str, asked: Asked, now: datetime) -> AssetDifferences:
        open_past = self._shell.services.past
        if open_past is None:
            raise Refused(Problem(422, "The past cannot be shown here."))

        def at(moment: str) -> AbstractContextManager[Reading]:
            return open_past(record, moment, asked.known_at, now)

        with refusing():
            span(asked.first, asked.second, now)
            return compared(ref, at(asked.first), at(asked.second))

    def _fields(self, asked: Asked, now: datetime) -> dict[str, Field]:
        texts = {"first": asked.first, "second": asked.second, "known_at": asked.known_at}
        with refusing():
            return {
                name: time_field(text, instant(text, now) if text else None)
                for name, text in texts.items()
            }


def subject(shell: Shell) -> Subject:
    """The pages and their entry in the menu."""
    pages, router = ComparePages(shell), APIRouter()
    for path, page in (
        ("/compare", pages.estate),
        ("/compare.{kind}", pages.estate_table),
        ("/assets/{ref}/compare", pages.one),
        ("/assets/{ref}/compare.{kind}", pages.one_table),
    ):
        router.add_api_route(path, page, methods=["GET"], response_model=None)
    return Subject(router, (Nav("Differences", "/compare", "clock", 25),))


def _of_part(found: AssetDifferences, part: str) -> list[Difference]:
    return [each for each in found.differences if not part or each.part == part]


def _rows(found: EstateDifferences) -> Iterator[tuple[Cell, ...]]:
    for kind in CAME_OR_WENT:
        for each in getattr(found, kind):
            yield each.asset, each.cls, each.name, kind, None, each.into or None
    for changed in found.changed_assets:
        for what in changed.what:
            yield changed.asset, changed.cls, changed.name, "changed", what, None
