"""What fails if an asset fails: a picture, and beside it the same as a list with paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from cmdb.impact.answer import Affected, Hop, ImpactAnswer, Thing, impact
from cmdb.impact.graph import Graph, build
from cmdb.model.classes import RELATION_BY_NAME
from cmdb.model.declare import Impact
from cmdb.model.observation import Json
from cmdb.store.port import View
from cmdb.web.shell import Shell, Subject

_DRAWN_MOST = 300
_DETAIL_MOST = 40
_LISTED_MOST = 500
_TOGETHER_MOST = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a path, in the direction in which failure travels."""

    verb: str
    """From the step before to this one: runs, serves, member of ..."""
    asset: str
    name: str
    age: timedelta


class ImpactPage:
    """The page at /assets/{ref}/impact; `also` in the query names what fails at the same time."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._graph: Graph | None = None
        self._making = Lock()

    def show(self, request: Request, ref: str) -> Response:
        """Picture and list."""
        who = self._shell.enter(request)
        also = [name for name in request.query_params.getlist("also") if name][:_TOGETHER_MOST]
        with self._shell.reading(request) as seen:
            view = seen.record.view
            row = view.find(ref)
            graph = None if seen.when.asked else self._graph_of(view)
            answer = seen.told(impact(view, [f"ci-{row.id}", *also], seen.at, graph=graph))
        if ref != f"ci-{row.id}":
            where = f"/assets/ci-{row.id}/impact{seen.when.query}"
            return RedirectResponse(where, status_code=303)
        shown = answer.affected[:_LISTED_MOST]
        return self._shell.page(
            request,
            "impact.html",
            who=who,
            now=seen.at,
            when=seen.noted(answer.past),
            title=f"Impact of {row.name}",
            answer=answer,
            first=answer.failing[0],
            also=also,
            hits=[(each, steps(each)) for each in shown],
            graph=picture(answer),
            drawn=len(_worth_drawing(answer)),
        )

    def _graph_of(self, view: View) -> Graph:
        """The graph of this moment; made anew only when the view has changed since."""
        with self._making:
            if self._graph is None or self._graph.sequence != view.change_sequence():
                self._graph = build(view)
            return self._graph


def steps(affected: Affected) -> list[Step]:
    """The proof of one thing, from what fails to it."""
    return [_step(hop) for hop in affected.path]


def picture(answer: ImpactAnswer) -> dict[str, Json]:
    """Nodes and edges for the drawing, worst first; edges as failure travels."""
    nodes: dict[str, Json] = {each.asset: _node(each, "fails") for each in answer.failing}
    failing = {each.name for each in answer.failing}
    for each in _worth_drawing(answer):
        thing = replace(each.thing, on="") if each.thing.on in failing else each.thing
        nodes.setdefault(thing.asset, _node(thing, each.state.value))
    edges: list[Json] = []
    for arrow in answer.arrows:
        start, end, verb = _travels(arrow.relation, arrow.source, arrow.target)
        if start in nodes and end in nodes:
            edges.append({"from": start, "to": end, "verb": verb})
    return {"nodes": list(nodes.values()), "edges": edges}


def subject(shell: Shell) -> Subject:
    """The page; each asset's page leads to it."""
    router = APIRouter()
    page = ImpactPage(shell)
    router.add_api_route("/assets/{ref}/impact", page.show, methods=["GET"], response_model=None)
    shell.asset_links.append(("Impact", "/assets/{}/impact", "graph"))
    return Subject(router)


def _worth_drawing(answer: ImpactAnswer) -> list[Affected]:
    """The worst; of many, without services on machines that hit nothing further."""
    if len(answer.affected) <= _DETAIL_MOST:
        return list(answer.affected)
    further = {_travels(each.relation, each.source, each.target)[0] for each in answer.arrows}
    shown = [each for each in answer.affected if not each.thing.on or each.thing.asset in further]
    return shown[:_DRAWN_MOST]


def _node(thing: Thing, effect: str) -> Json:
    name = thing.name or thing.asset
    shown = f"{name} on {thing.on}" if thing.on else name
    return {"id": thing.asset, "name": shown, "cls": thing.cls, "effect": effect}


def _step(hop: Hop) -> Step:
    _, end, verb = _travels(hop.relation, hop.source, hop.target)
    name = hop.target_name if end == hop.target else hop.source_name
    return Step(verb, end, name, hop.age)


def _travels(relation: str, source: str, target: str) -> tuple[str, str, str]:
    """Both ends of a relation in the direction of failure, and the verb that reads that way."""
    declared = RELATION_BY_NAME.get(relation)
    if declared is not None and declared.impact is Impact.ON_SOURCE:
        return target, source, declared.inverse.replace("_", " ")
    return source, target, relation.replace("_", " ")
