"""How long the past is kept: shown, set, and carried out at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from cmdb.people.roles import ADMINISTRATOR, VIEWER
from cmdb.store.history import Marks
from collector.operation import Context, InputRefused, NoParams, Operation
from collector.retention import (
    FOREVER,
    SET,
    Policy,
    Removed,
    Step,
    checked,
    policy_of,
    removed,
    steps,
    write,
)


@dataclass(frozen=True)
class Kept:
    """How long the past is kept, and from where on it is whole."""

    policy: Policy
    marks: Marks


@dataclass(frozen=True)
class SetParams:
    """Days, or forever; what is not named stays."""

    words: str | None = None
    feed: str | None = None
    runs: str | None = None


@dataclass(frozen=True)
class RunParams:
    """Whether it only says what would go."""

    dry_run: bool = False


@dataclass(frozen=True)
class Ordered:
    """What goes, and the places in the journal of the steps that do it."""

    removed: Removed
    steps: int
    first: int
    last: int


def _show(context: Context, _params: NoParams) -> Kept:
    return Kept(policy_of(context.record), context.record.history.marks())


def _set(context: Context, params: SetParams) -> Kept:
    asked = {f"{name}_days": _days(text) for name, text in asdict(params).items() if text}
    policy = checked(replace(policy_of(context.record), **asked))
    context.settle(_append(context, [Step(SET, policy=policy)]))
    return Kept(policy, context.record.history.marks())


def _days(text: str) -> int | None:
    if text.strip().lower() == FOREVER:
        return None
    if not text.isdecimal():
        raise InputRefused(f"{text[:40]!r} is no number of days: write 400, or {FOREVER}")
    return int(text[:9])


def _run(context: Context, params: RunParams) -> Ordered:
    policy = policy_of(context.record)
    going = removed(context.record, policy, context.now)
    if params.dry_run:
        return Ordered(going, 0, 0, 0)
    work = list(steps(context.record, policy, context.now))
    if not work:
        return Ordered(going, 0, 0, 0)
    last = _append(context, work)
    return Ordered(going, len(work), last - len(work) + 1, last)


def _append(context: Context, work: list[Step]) -> int:
    from collector.intake_desk import Line
    from collector.journal.port import RETAIN_FORM

    lines = tuple(Line(write(step)) for step in work)
    return context.door.append(f"person/{context.account}", RETAIN_FORM, lines).last


OPERATIONS = (
    Operation(
        "retention.show", "GET", "/retention", "How long the past is kept", NoParams, Kept, _show,
        VIEWER,
    ),
    Operation(
        "retention.set", "POST", "/retention", "Set how long the past is kept", SetParams, Kept,
        _set, ADMINISTRATOR,
    ),
    Operation(
        "retention.run", "POST", "/retention/run", "Take out what is older, or say what would go",
        RunParams, Ordered, _run, ADMINISTRATOR,
    ),
)  # fmt: skip
