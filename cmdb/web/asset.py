"""One asset: what is known about it, who said so, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from cmdb.model.observation import Json
from cmdb.query import assets as ask
from cmdb.query.models import AssetPage
from cmdb.query.steps import Steps, steps
from cmdb.store.port import AssetId, UnknownAsset
from cmdb.web.evidence import evidence_lines
from cmdb.web.problem import place_of
from cmdb.web.shell import Shell, Subject
from cmdb.web.then import Seen


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the page."""

    key: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """How the rows of a list are shown: columns that have a value somewhere, in this order."""

    title: str
    columns: tuple[str, ...]


SECTIONS: Mapping[str, Fields] = {
    "interfaces": Fields(
        "Network interfaces",
        ("name", "kind", "mac", "addresses", "speed_bps", "mtu_bytes", "up"),
    ),
    "disks": Fields(
        "Disks",
        (
            "name",
            "kind",
            "size_bytes",
            "vendor",
            "model",
            "serial",
            "filesystem",
            "mount_points",
            "parent",
        ),
    ),
    "components": Fields("Components", ("kind", "slot", "size_bytes", "vendor", "model", "serial")),
    "users": Fields("Users", ("name", "identifier", "last_login")),
    "connections": Fields(
        "Connections",
        ("process", "outbound", "protocol", "server_address", "server_port", "count"),
    ),
    "licence_evidence": Fields("Licence evidence", ("product", "edition", "kind", "value", "at")),
}
_SHOWN_FIRST = ("os_name", "os_version", "vendor", "model", "cpu_cores", "memory_bytes")


class OneAsset:
    """The pages below /assets/{ref}."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def show(self, request: Request, ref: str) -> Response:
        """One asset; another of its names leads to its id."""
        who = self._shell.enter(request)
        services = self._shell.services
        with self._shell.reading(request) as seen:
            own = ask.asset_page(
                seen.record, ref, seen.reading.claims, seen.at, standing=seen.reading.standing
            )
            page = seen.told(own)
            installed = ask.programs(seen.record, own.asset.asset)
            row = seen.record.view.find(own.asset.asset)
        if page.asset.asset != ref:
            return RedirectResponse(f"/assets/{page.asset.asset}{seen.when.query}", status_code=303)
        tabs = _tabs(page)
        asked = request.query_params.get("tab", "")
        tab = asked if asked in {each.key for each in tabs} else tabs[0].key
        return self._shell.page(
            request,
            "asset.html",
            who=who,
            now=seen.at,
            when=seen.noted(page.past),
            steps=self._steps(row.parent or row.id, seen),
            title=page.asset.name,
            page=page,
            asset=page.asset,
            tabs=tabs,
            tab=tab,
            facts=_facts(page.asset.attributes),
            relations=_grouped(page),
            sections=_sections(page),
            installed=installed,
            text="",
            history=page.history,
            links=self._shell.asset_links,
            evidence=[evidence_lines(each.evidence) for each in page.records],
            explains=services.reasons is not None and not seen.when.asked,
        )

    def _steps(self, asset: AssetId, seen: Seen) -> Steps:
        """The changes around the moment that is shown, out of the record as it is."""
        with self._shell.services.reading() as record:
            return steps(record, asset, seen.at if seen.when.asked else None)

    def why(self, request: Request, ref: str, name: str) -> Response:
        """Every claim about one attribute, as a part of the page."""
        who = self._shell.enter(request)
        services = self._shell.services
        with services.reading() as record:
            at = services.at(record)
            row = record.view.find(ref)
            claims = services.reasons(record, row.id, name, at) if services.reasons else ()
        if not claims:
            raise UnknownAsset(f"Nobody says anything about {name!r} of {row.name}.")
        return self._shell.page(
            request, "why.html", who=who, now=at, title=name, row=row, name=name, claims=claims
        )

    def programs(self, request: Request, ref: str) -> Response:
        """Programs whose name holds the text, as a part of the page."""
        who = self._shell.enter(request)
        text = request.query_params.get("q", "")[:200]
        after = request.query_params.get("after")
        with self._shell.reading(request) as seen:
            row = seen.record.view.find(ref)
            installed = seen.told(ask.programs(seen.record, ref, text, after))
        return self._shell.page(
            request,
            "programs.html",
            who=who,
            now=seen.at,
            when=seen.when,
            title="Programs",
            ref=ask.asset_name(row.id),
            installed=installed,
            text=text,
        )

    def history(self, request: Request, ref: str) -> Response:
        """Older changes, as a part of the page."""
        who = self._shell.enter(request)
        before = place_of(request.query_params.get("before", ""))
        with self._shell.reading(request) as seen:
            found = ask.history(seen.record, ref, before)
        return self._shell.page(
            request,
            "history.html",
            who=who,
            now=seen.at,
            when=seen.when,
            title="History",
            ref=ref,
            history=found,
        )


def subject(shell: Shell) -> Subject:
    """The pages; the list of assets leads to them."""
    pages, router = OneAsset(shell), APIRouter()
    for path, page in (
        ("/assets/{ref}", pages.show),
        ("/assets/{ref}/why/{name}", pages.why),
        ("/assets/{ref}/programs", pages.programs),
        ("/assets/{ref}/history", pages.history),
    ):
        router.add_api_route(path, page, methods=["GET"], response_model=None)
    return Subject(router)


def _tabs(page: AssetPage) -> tuple[Tab, ...]:
    hardware = sum(len(section.rows) for section in page.sections)
    every = (
        Tab("attributes", "Attributes"),
        Tab("relations", "Relations", sum(page.relation_totals.values())),
        Tab("services", "Services", len(page.parts)),
        Tab("programs", "Programs", page.programs_total),
        Tab("hardware", "Hardware and more", hardware),
        Tab("sources", "Sources", len(page.records)),
        Tab("history", "History"),
    )
    return tuple(tab for tab in every if tab.count != 0 or tab.key == "relations")


def _facts(attributes: Mapping[str, Json]) -> tuple[tuple[str, Json], ...]:
    named = ((name, attributes.get(name)) for name in _SHOWN_FIRST)
    return tuple((name, held) for name, held in named if held not in {None, ""})


def _grouped(page: AssetPage) -> list[tuple[str, list[object], int]]:
    """Verbs with the relations that are shown, and how many there are."""
    groups = groupby(page.relations, key=lambda shown: shown.verb)
    return [(verb, list(each), page.relation_totals[verb]) for verb, each in groups]


def _sections(page: AssetPage) -> list[dict[str, object]]:
    shown = []
    for section in page.sections:
        fields = SECTIONS[section.kind]
        rows = [_flat(row) for row in section.rows]
        columns = [
            name for name in fields.columns if any(row.get(name) is not None for row in rows)
        ]
        shown.append({"title": fields.title, "columns": columns, "rows": rows, "said": section})
    return shown


def _flat(row: Mapping[str, Json]) -> dict[str, Json]:
    """Addresses as text; the rest as it is."""
    return {name: _addresses(held) if name == "addresses" else held for name, held in row.items()}


def _addresses(held: Json) -> Json:
    if not isinstance(held, list):
        return held
    return [
        f"{each.get('address')}/{each.get('prefix_length', '')}".rstrip("/")
        if isinstance(each, dict)
        else str(each)
        for each in held
    ]
