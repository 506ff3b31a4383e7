"""Identity: what people decide about it, what they are asked, and what was decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cmdb.people.roles import CHANGE_MANAGER, VIEWER
from cmdb.query.identity import Decided, DecisionView, Question
from collector.operation import Context, InputRefused, NoParams, Operation

if TYPE_CHECKING:
    from cmdb.model.observation import Decision
    from cmdb.store.port import Record
    from collector.deciding import Deciding
    from reconcile.deciding import Word


@dataclass(frozen=True)
class JoinParams:
    """Assets that are one; the id of the one with the oldest record stays, others lead to it."""

    assets: tuple[str, ...]
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class SplitParams:
    """Records of an asset that are about something else than its others."""

    asset: str
    records: tuple[str, ...]
    """kind/instance/scope/native-key, or numbers of the list that explain gives."""
    since: str | None = None
    """From then on alone, where a machine was replaced and nothing tells: RFC 3339, a date, or
    '3 days ago'."""
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class ExcludeParams:
    """A record or a whole source: exactly one of the two."""

    record: str | None = None
    source: str | None = None
    """kind/instance."""
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class UndoParams:
    """A decision that is taken back."""

    number: int
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class LifeParams:
    """An asset that a person retires, or reinstates."""

    ref: str
    note: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class DecisionsParams:
    """Decisions about one asset, or all."""

    asset: str | None = None


@dataclass(frozen=True)
class DecisionList:
    """Decisions, newest first."""

    decisions: tuple[DecisionView, ...]


@dataclass(frozen=True)
class QuestionList:
    """Open questions, oldest first."""

    questions: tuple[Question, ...]
    as_of: datetime | None = None
    """The record's clock, from which ages count."""


@dataclass(frozen=True)
class AnswerParams:
    """The answer to a question."""

    number: int
    answer: str
    """same or different."""
    note: str = ""
    dry_run: bool = False


def deciding(context: Context) -> Deciding:
    """The way of people's words into the record."""
    from collector.deciding import Deciding

    return Deciding(context.home, context.open_door, context.settle)


def decide(
    context: Context, note: str, make: Callable[[Record, Word], Decision], *, dry_run: bool
) -> Decided:
    """Makes a decision, or says what it would do."""
    desk = deciding(context)
    decision = make(context.record, desk.word(context.record, context.account, note))
    return desk.rehearsed(decision) if dry_run else desk.make(context.record, decision)


def _join(context: Context, params: JoinParams) -> Decided:
    from reconcile.deciding import join

    if len(params.assets) < 2:  # noqa: PLR2004 - a pair at least
        raise InputRefused("name two assets or more")
    return decide(
        context,
        params.note,
        lambda record, word: join(record, params.assets, word),
        dry_run=params.dry_run,
    )


def _split(context: Context, params: SplitParams) -> Decided:
    from cmdb.history import beginning
    from reconcile.deciding import split

    since = beginning(params.since, context.now) if params.since else None
    return decide(
        context,
        params.note,
        lambda record, word: split(record, params.asset, params.records, word, since),
        dry_run=params.dry_run,
    )


def _exclude(context: Context, params: ExcludeParams) -> Decided:
    return _count(context, params, out=True)


def _include(context: Context, params: ExcludeParams) -> Decided:
    return _count(context, params, out=False)


def _count(context: Context, params: ExcludeParams, *, out: bool) -> Decided:
    from reconcile.deciding import exclude

    if bool(params.record) is bool(params.source):
        raise InputRefused("name a record or a source, and not both")
    what, whole = params.record or params.source or "", bool(params.source)
    return decide(
        context,
        params.note,
        lambda record, word: exclude(record, what, word, source=whole, out=out),
        dry_run=params.dry_run,
    )


def _undo(context: Context, params: UndoParams) -> Decided:
    from reconcile.deciding import undo

    return decide(
        context,
        params.note,
        lambda record, word: undo(record, params.number, word),
        dry_run=params.dry_run,
    )


def _retire(context: Context, params: LifeParams) -> Decided:
    from reconcile.deciding import retire

    return decide(
        context,
        params.note,
        lambda record, word: retire(record, params.ref, word),
        dry_run=params.dry_run,
    )


def _reinstate(context: Context, params: LifeParams) -> Decided:
    from reconcile.deciding import reinstate

    return decide(
        context,
        params.note,
        lambda record, word: reinstate(record, params.ref, word),
        dry_run=params.dry_run,
    )


def _decisions(context: Context, params: DecisionsParams) -> DecisionList:
    from reconcile.recounting import decisions

    return DecisionList(decisions(context.record, params.asset))


def _twins(context: Context, _: NoParams) -> QuestionList:
    from reconcile.twins import questions

    return QuestionList(questions(context.record), context.now)


def _answer(context: Context, params: AnswerParams) -> Decided:
    from reconcile.twins import answer

    if params.answer not in {"same", "different"}:
        raise InputRefused(f"answer is {params.answer!r}; it must be same or different")
    return decide(
        context,
        params.note,
        lambda record, word: answer(record, params.number, same=params.answer == "same", word=word),
        dry_run=params.dry_run,
    )


OPERATIONS = (
    Operation(
        "identity.join", "POST", "/identity/join", "Say that assets are one", JoinParams, Decided,
        _join, CHANGE_MANAGER,
    ),
    Operation(
        "identity.split", "POST", "/identity/split",
        "Say that records of an asset are about something else", SplitParams, Decided, _split,
        CHANGE_MANAGER,
    ),
    Operation(
        "identity.exclude", "POST", "/identity/exclude",
        "Let nothing count that a record or a source says", ExcludeParams, Decided, _exclude,
        CHANGE_MANAGER,
    ),
    Operation(
        "identity.include", "POST", "/identity/include", "Let it count again", ExcludeParams,
        Decided, _include, CHANGE_MANAGER,
    ),
    Operation(
        "identity.undo", "POST", "/identity/undo", "Take a decision back", UndoParams, Decided,
        _undo, CHANGE_MANAGER,
    ),
    Operation(
        "identity.decisions", "GET", "/identity/decisions", "What people decided", DecisionsParams,
        DecisionList, _decisions, VIEWER,
    ),
    Operation(
        "twins.list", "GET", "/twins", "Assets of which a person is asked whether they are one",
        NoParams, QuestionList, _twins, VIEWER,
    ),
    Operation(
        "twins.answer", "POST", "/twins/{number}/answer", "Answer such a question", AnswerParams,
        Decided, _answer, CHANGE_MANAGER,
    ),
    Operation(
        "assets.retire", "POST", "/assets/{ref}/retire",
        "Retire an asset until a source that looks at things sees it again", LifeParams, Decided,
        _retire, CHANGE_MANAGER,
    ),
    Operation(
        "assets.reinstate", "POST", "/assets/{ref}/reinstate",
        "Say that it is not retired by a person any more", LifeParams, Decided, _reinstate,
        CHANGE_MANAGER,
    ),
)  # fmt: skip
