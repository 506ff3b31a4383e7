"""Pages on which people decide about identity: of one asset, questions, and what was decided.

The one module of reconciliation that knows HTTP. Each decision is first shown with all that it
would change and made by a second click; how words reach the record is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from cmdb.history import BadMoment, beginning
from cmdb.model.observation import Decision, Source
from cmdb.people.roles import CHANGE_MANAGER
from cmdb.query.identity import Decided
from cmdb.store.port import Record, UnknownAsset
from cmdb.web.evidence import EvidenceLine, evidence_lines
from cmdb.web.problem import Problem, Refused
from cmdb.web.shell import Nav, Shell, Subject
from reconcile import deciding, twins
from reconcile.deciding import DecisionError, DecisionRefused, UnknownRecord, Word
from reconcile.decisions import BY_HAND, decided
from reconcile.explain import explain
from reconcile.recounting import decisions

_FOLDER = Path(__file__).parent / "templates"
_MOST_LISTED = 500
_MOST_OFFERED = 200
_MOST_NOTED = 200
"""Characters of a text in the audit trail."""
_DIGITS = 18
"""So many fit what a store can look up."""


class Desk(Protocol):
    """The way of people's words into the record."""

    def word(self, record: Record, by: str, note: str = "") -> Word:
        """Somebody's word, now."""
        ...

    def rehearsed(self, decision: Decision) -> Decided:
        """What a decision would change."""
        ...

    def make(self, record: Record, decision: Decision) -> Decided:
        """Makes a decision; returns once it is in the record, or after some seconds."""
        ...


class Asked(BaseModel):
    """What a form asks for."""

    act: str = Field("", max_length=64)
    asset: str = Field("", max_length=1024)
    other: str = Field("", max_length=1024)
    record: list[str] = Field([], max_length=500)
    number: str = Field("", max_length=18)
    since: str = Field("", max_length=64)
    note: str = Field("", max_length=1024)
    csrf: str = Field("", max_length=256)

    def count(self) -> int:
        """The number of a decision or a question.

        Raises:
            DecisionRefused: It is none.
        """
        if not (self.number.isascii() and self.number.isdecimal() and len(self.number) <= _DIGITS):
            raise DecisionRefused(f"{self.number[:40]!r} is no number")
        return int(self.number)


Form_ = Annotated[Asked, Form()]
Make = Callable[[Record, Asked, Word], Decision]


@dataclass(frozen=True)
class Act:
    """What can be asked for."""

    title: str
    verb: str
    """On the button that does it."""
    make: Make
    back: str
    """Where to go from there, with {} for the asset."""


def _one(asked: Asked) -> str:
    if len(asked.record) != 1:
        raise DecisionRefused("choose one record")
    return asked.record[0]


def _source(asked: Asked) -> str:
    """The source that was named, or that of the record that was chosen."""
    named = asked.other.strip()
    return named or "/".join(_one(asked).split("/")[:2])


def _since(asked: Asked, word: Word) -> datetime | None:
    """From when on records are about something else; None: always."""
    try:
        return beginning(asked.since, word.at) if asked.since.strip() else None
    except BadMoment as error:
        raise DecisionRefused(str(error)) from error


_OF_ASSET = "/assets/{}/identity"
ACTS: Mapping[str, Act] = {
    "join": Act(
        "Join assets", "Join", lambda record, asked, word: deciding.join(
            record, (asked.asset, asked.other.strip()), word), _OF_ASSET),
    "split": Act(
        "Split off records", "Split", lambda record, asked, word: deciding.split(
            record, asked.asset, asked.record, word, _since(asked, word)), _OF_ASSET),
    "exclude": Act(
        "Exclude a record", "Exclude", lambda record, asked, word: deciding.exclude(
            record, _one(asked), word, source=False, out=True), "/decisions"),
    "exclude-source": Act(
        "Exclude a whole source", "Exclude it", lambda record, asked, word: deciding.exclude(
            record, _source(asked), word, source=True, out=True), "/decisions"),
    "include-source": Act(
        "Include a source again", "Include it", lambda record, asked, word: deciding.exclude(
            record, _source(asked), word, source=True, out=False), "/decisions"),
    "retire": Act(
        "Retire an asset", "Retire", lambda record, asked, word: deciding.retire(
            record, asked.asset, word), _OF_ASSET),
    "reinstate": Act(
        "Reinstate an asset", "Reinstate", lambda record, asked, word: deciding.reinstate(
            record, asked.asset, word), _OF_ASSET),
    "undo": Act(
        "Take a decision back", "Take it back", lambda record, asked, word: deciding.undo(
            record, asked.count(), word), "/decisions"),
    "same": Act(
        "They are the same", "They are the same", lambda record, asked, word: twins.answer(
            record, asked.count(), same=True, word=word), "/questions"),
    "different": Act(
        "They are different", "They are different", lambda record, asked, word: twins.answer(
            record, asked.count(), same=False, word=word), "/questions"),
}  # fmt: skip


class IdentityPages:
    """Pages of identity."""

    def __init__(self, shell: Shell, desk: Desk | None) -> None:
        self._shell = shell
        self._desk = desk

    def asset(self, request: Request, ref: str) -> Response:
        """The records of an asset, and what can be decided about them."""
        who = self._shell.enter(request)
        with self._shell.services.reading() as record:
            at = self._shell.services.at(record)
            row = record.view.find(ref)
            owner = row if row.parent is None else record.view.asset(row.parent)
            if owner is None:
                raise UnknownAsset(f"no asset answers to {ref!r}")
            found = explain(record, f"ci-{owner.id}", None, at)
            told = decisions(record, f"ci-{owner.id}")
        if found.asset != ref:
            return RedirectResponse(f"/assets/{found.asset}/identity", status_code=303)
        by_hand = (BY_HAND.kind, BY_HAND.instance)
        return self._shell.page(
            request,
            "identity.html",
            who=who,
            now=at,
            title=f"Identity of {found.name}",
            found=found,
            evidence=[
                [
                    *evidence_lines(link.evidence),
                    *(
                        EvidenceLine("not counted", each.key, each.value, "", each.why)
                        for each in link.uncounted
                    ),
                ]
                for link in found.links
            ],
            by_hand=[(x.source_kind, x.source_instance) == by_hand for x in found.links],
            told=told,
            may=self._may(request),
        )

    def questions(self, request: Request) -> Response:
        """Assets of which a person is asked whether they are one."""
        who = self._shell.enter(request)
        with self._shell.services.reading() as record:
            at = self._shell.services.at(record)
            found = twins.questions(record)
        return self._shell.page(
            request,
            "questions.html",
            who=who,
            now=at,
            title="Questions",
            shown=found[:_MOST_LISTED],
            total=len(found),
            may=self._may(request),
        )

    def decisions(self, request: Request) -> Response:
        """What people decided, newest first."""
        who = self._shell.enter(request)
        asset = request.query_params.get("asset", "")
        with self._shell.services.reading() as record:
            at = self._shell.services.at(record)
            found = decisions(record, asset or None)
            out = decided(record.ledger.decisions()).sources
            others = [each for each in record.ledger.sources() if each not in out]
        made = request.query_params.get("made", "")
        return self._shell.page(
            request,
            "decisions.html",
            who=who,
            now=at,
            title="Decisions",
            shown=found[:_MOST_LISTED],
            total=len(found),
            asset=asset,
            out=sorted(f"{each.kind}/{each.instance}" for each in out)[:_MOST_LISTED],
            sources=_offered(others),
            made=next((each for each in found if str(each.number) == made), None),
            may=self._may(request),
        )

    def ask(self, request: Request, asked: Form_) -> Response:
        """Shows what a decision would change, before it is made."""
        who = self._shell.enter(request, CHANGE_MANAGER, asked.csrf)
        wanted, desk = _wanted(asked.act), self._ready()
        with self._shell.services.reading() as held, _told():
            decision = wanted.make(held, asked, desk.word(held, who.account, asked.note))
        return self._shell.page(
            request,
            "identity_confirm.html",
            who=who,
            title=wanted.title,
            wanted=wanted,
            asked=asked,
            done=desk.rehearsed(decision),
            back=wanted.back.format(asked.asset),
        )

    def decide(self, request: Request, asked: Form_) -> Response:
        """Makes a decision, and leads to it."""
        who = self._shell.enter(request, CHANGE_MANAGER, asked.csrf)
        wanted, desk = _wanted(asked.act), self._ready()
        with self._shell.services.reading() as held, _told():
            decision = wanted.make(held, asked, desk.word(held, who.account, asked.note))
            done = desk.make(held, decision)
        told = {"decision": str(done.number or ""), "note": asked.note[:_MOST_NOTED]}
        self._shell.services.directory.audit(
            who.account,
            f"identity.{asked.act}",
            done.text[:_MOST_NOTED],
            **{name: text for name, text in told.items() if text},
        )
        made = f"?made={done.number}" if done.number else ""
        return RedirectResponse(f"/decisions{made}", status_code=303)

    def _may(self, request: Request) -> bool:
        who = self._shell.visitor(request)
        return self._desk is not None and who is not None and who.may(CHANGE_MANAGER)

    def _ready(self) -> Desk:
        if self._desk is None:
            raise Refused(Problem(503, "The intake does not answer; nothing was decided."))
        return self._desk


def subject_with(desk: Desk | None) -> Callable[[Shell], Subject]:
    """Makes the subject; without a desk nothing can be decided."""

    def subject(shell: Shell) -> Subject:
        pages, router = IdentityPages(shell, desk), APIRouter()
        routes: Sequence[tuple[str, Callable[..., Response], str]] = (
            ("/assets/{ref}/identity", pages.asset, "GET"),
            ("/questions", pages.questions, "GET"),
            ("/decisions", pages.decisions, "GET"),
            ("/identity/ask", pages.ask, "POST"),
            ("/identity/decide", pages.decide, "POST"),
        )
        for path, page, method in routes:
            router.add_api_route(path, page, methods=[method], response_model=None)
        shell.asset_links.append(("Identity", "/assets/{}/identity", "equal"))
        navs = (
            Nav("Questions", "/questions", "equal", 34),
            Nav("Decisions", "/decisions", "check", 36),
        )
        return Subject(router, navs, _FOLDER)

    return subject


def _offered(sources: Sequence[Source]) -> list[str]:
    """Names of sources to choose from; agents last, of which each machine has one."""
    found = sorted(sources, key=lambda each: each.kind == "agent")
    return [f"{each.kind}/{each.instance}" for each in found[:_MOST_OFFERED]]


def _wanted(act: str) -> Act:
    wanted = ACTS.get(act)
    if wanted is None:
        raise Refused(Problem(422, f"Nothing can be decided by {act!r}."))
    return wanted


class _told:  # noqa: N801 - reads as a phrase
    """Tells people why a decision cannot be made."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Turns a refusal into a page."""
        if isinstance(error, DecisionError):
            text = str(error)
            status = 404 if isinstance(error, UnknownRecord) else 422
            raise Refused(Problem(status, f"{text[:1].upper()}{text[1:]}.")) from error
