"""The rules by which the engine decides: shown, checked, tried out, put in force, taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cmdb.people.roles import CHANGE_MANAGER, VIEWER
from collector.operation import Context, Homeless, InputRefused, NoParams, Operation
from collector.operations.identity import deciding
from collector.simulation import Found
from reconcile.rules.show import (
    ProblemView,
    RulesView,
    VersionView,
    WorkView,
    shown,
    told,
    version_list,
    work,
)

if TYPE_CHECKING:
    from cmdb.model.observation import Decision
    from reconcile.rules.nodes import Problem
    from reconcile.rules.read import Loaded

_MOST_TOLD = 20
_MOST_DAYS = 3_660


@dataclass(frozen=True)
class ShowParams:
    """A class whose rules are wanted; None: all rules, each where it is said."""

    cls: str | None = None


@dataclass(frozen=True)
class ExportParams:
    """A version whose file is wanted as it was given; None: all that holds now."""

    version: int | None = None


@dataclass(frozen=True)
class FileParams:
    """A rules file."""

    text: str
    unheard: bool = False
    """Whether it may name sources that were never heard."""


@dataclass(frozen=True)
class ApplyParams:
    """A rules file that is to hold."""

    text: str
    file: str = ""
    """Its name, for the history."""
    note: str = ""
    unheard: bool = False
    """Whether it may name sources that were never heard."""


@dataclass(frozen=True)
class UndoParams:
    """Why the version is taken back."""

    note: str = ""


@dataclass(frozen=True)
class SimulateParams:
    """A rules file that is tried out."""

    text: str
    file: str = ""
    days: int = 30
    """Identity and values are compared for what was heard in so many days; 0: for everything."""
    unheard: bool = False
    """Whether it may name sources that were never heard."""


@dataclass(frozen=True)
class FoundParams:
    """A simulation, and the place from which its lines are wanted."""

    number: int
    after: int = 0


@dataclass(frozen=True)
class Begun:
    """A simulation."""

    number: int


@dataclass(frozen=True)
class Stopped:
    """Whether a simulation was running."""

    was_running: bool


@dataclass(frozen=True)
class ProgressParams:
    """A place in the journal up to which everything must be in the record first."""

    sequence: int = 0


@dataclass(frozen=True)
class Exported:
    """A rules file: a complete one that reads back as the rules in force, or that of a version."""

    version: int
    text: str


@dataclass(frozen=True)
class Checked:
    """Whether a file can be put in force."""

    good: bool
    problems: tuple[ProblemView, ...]
    """By line; none when it is good."""


@dataclass(frozen=True)
class InForce:
    """Other rules hold."""

    version: int
    """0: those that are shipped."""
    decision: int
    """The number by which 'stocktake undo' takes it back."""
    sequence: int
    work: WorkView | None
    """What of the estate is still to be gone over."""


@dataclass(frozen=True)
class Progress:
    """How far the rules in force are carried out."""

    version: int
    applied: int
    """Place in the journal up to which everything is in the record."""
    work: WorkView | None
    """None: the whole estate is as they say."""


@dataclass(frozen=True)
class VersionList:
    """Versions, newest first."""

    versions: tuple[VersionView, ...]


def _show(context: Context, params: ShowParams) -> RulesView:
    from cmdb.model.classes import WHOLE_CLASSES

    names = [each.name for each in WHOLE_CLASSES]
    if params.cls is not None and params.cls not in names:
        known = ", ".join(names)
        raise InputRefused(f"rules speak of no class {params.cls!r}; there are {known}")
    return shown(context.record, params.cls)


def _export(context: Context, params: ExportParams) -> Exported:
    from reconcile.decisions import RULES, decided, versions
    from reconcile.rules.write import text_of

    every = context.record.ledger.decisions()
    if params.version is not None:
        numbers = {version: number for number, version in versions(every).items()}
        if params.version not in numbers:
            raise InputRefused(f"there is no rules version {params.version}; see 'rules history'")
        return Exported(params.version, dict(every)[numbers[params.version]].extra[RULES])
    rules = decided(every).rules
    return Exported(rules.version, text_of(rules))


def _check(context: Context, params: FileParams) -> Checked:
    _, problems = _loaded(context, params)
    return Checked(not problems, told(problems))


def _loaded(
    context: Context, params: FileParams | ApplyParams | SimulateParams
) -> tuple[Loaded, tuple[Problem, ...]]:
    """A file and all that is wrong in it here, by line."""
    from reconcile.decisions import decided
    from reconcile.rules.heard import unheard
    from reconcile.rules.read import load

    loaded, ledger = load(params.text), context.record.ledger
    strange: tuple[Problem, ...] = ()
    if not params.unheard:
        strange = unheard(loaded, ledger.sources(), decided(ledger.decisions()).rules)
    return loaded, tuple(sorted({*loaded.problems, *strange}))


def _good_file(context: Context, params: ApplyParams | SimulateParams) -> Loaded:
    """A file that can be put in force.

    Raises:
        InputRefused: Something is wrong in it; the message tells all of it by line.
    """
    loaded, problems = _loaded(context, params)
    if problems:
        name = params.file or "the file"
        lines = [f"{name}, line {each.line}: {each.text}" for each in problems[:_MOST_TOLD]]
        more = len(problems) - _MOST_TOLD
        lines += [f"... and {more} more"] if more > 0 else []
        raise InputRefused("\n".join(lines))
    return loaded


def _apply(context: Context, params: ApplyParams) -> InForce:
    from reconcile.decisions import FILE, RULES, decided

    loaded = _good_file(context, params)
    now = decided(context.record.ledger.decisions()).rules
    if now.version and loaded.rules.same_as(now) and loaded.rules.lines == now.lines:
        raise InputRefused(f"{now.title} says the same already: nothing to do")
    word = deciding(context).word(context.record, context.account, params.note)
    extra = {RULES: params.text, **({FILE: params.file[:200]} if params.file else {})}
    return _say(context, word.says("rules", (), **extra))


def _undo(context: Context, params: UndoParams) -> InForce:
    from reconcile.deciding import undo
    from reconcile.decisions import rules_in_force

    holding = rules_in_force(context.record.ledger.decisions())
    if holding is None:
        raise InputRefused("the shipped rules hold: there is nothing to take back")
    word = deciding(context).word(context.record, context.account, params.note)
    return _say(context, undo(context.record, holding[0], word))


def _say(context: Context, decision: Decision) -> InForce:
    from reconcile.deciding import Word
    from reconcile.decisions import decided

    desk = deciding(context)
    sequence = desk.say(context.record, Word(decision.by, decision.at), [decision])
    with desk.fresh() as record:
        every = record.ledger.decisions()
        number = max((n for n, each in every if each.act == decision.act), default=0)
        return InForce(decided(every).rules.version, number, sequence, work(record))


def _progress(context: Context, params: ProgressParams) -> Progress:
    from reconcile.decisions import decided

    applied = context.settle(params.sequence)
    with deciding(context).fresh() as record:
        version = decided(record.ledger.decisions()).rules.version
        return Progress(version, applied, work(record))


def _simulate(context: Context, params: SimulateParams) -> Begun:
    from collector.simulation import start

    _good_file(context, params)
    if not 0 <= params.days <= _MOST_DAYS:
        raise InputRefused(f"days is {params.days}; it is 0 for everything, or up to {_MOST_DAYS}")
    return Begun(start(context.home, params.text, params.days, context.account))


def _found(context: Context, params: FoundParams) -> Found:
    from collector.simulation import found

    return found(context.home, params.number, params.after)


def _stop(context: Context, _: NoParams) -> Stopped:
    from collector.simulation import stop

    return Stopped(stop(context.home))


def _history(context: Context, _: NoParams) -> VersionList:
    return VersionList(version_list(context.record))


OPERATIONS = (
    Operation(
        "rules.show", "GET", "/rules", "The rules in force, and where each comes from", ShowParams,
        RulesView, _show, VIEWER,
    ),
    Operation(
        "rules.export", "GET", "/rules/file", "A complete rules file, or that of a version",
        ExportParams, Exported, _export, VIEWER,
    ),
    Operation(
        "rules.check", "POST", "/rules/check", "Say what is wrong in a rules file", FileParams,
        Checked, _check, VIEWER, reads=True, homeless=Homeless.TRIED,
    ),
    Operation(
        "rules.simulate", "POST", "/rules/simulate", "Try a rules file out on a copy",
        SimulateParams, Begun, _simulate, CHANGE_MANAGER, reads=True,
    ),
    Operation(
        "rules.simulated", "GET", "/rules/simulations/{number}", "What a simulation found so far",
        FoundParams, Found, _found, CHANGE_MANAGER,
    ),
    Operation(
        "rules.stop", "POST", "/rules/simulate/stop", "End the simulation that is running",
        NoParams, Stopped, _stop, CHANGE_MANAGER,
    ),
    Operation(
        "rules.apply", "POST", "/rules/apply", "Put a rules file in force", ApplyParams, InForce,
        _apply, CHANGE_MANAGER,
    ),
    Operation(
        "rules.undo", "POST", "/rules/undo", "Go back to the rules before", UndoParams, InForce,
        _undo, CHANGE_MANAGER,
    ),
    Operation(
        "rules.progress", "GET", "/rules/progress", "How far the rules are carried out",
        ProgressParams, Progress, _progress, VIEWER,
    ),
    Operation(
        "rules.history", "GET", "/rules/versions", "Every version of the rules", NoParams,
        VersionList, _history, VIEWER,
    ),
)  # fmt: skip
