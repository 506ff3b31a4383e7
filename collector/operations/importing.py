"""Import: lines of the import form into the journal, as any other source's word."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from collector.clock import REPLAY, utc_now
from collector.operation import Context, Homeless, InputRefused, Operation
from collector.operations.identity import deciding

if TYPE_CHECKING:
    from cmdb.model.observation import Statement
    from collector.intake_desk import Line
    from collector.sources import accepting

MOST_LINES = 2_000
"""Lines of one call."""
_READ_ENTRIES, _READ_BYTES = 1_000, 8 * 1024 * 1024


@dataclass(frozen=True)
class ImportParams:
    """Some lines of a file, in order."""

    text: str
    """The lines, parted by line feeds."""
    name: str = "observations"
    """Names the file, for the record."""
    first_line: int = 1
    """Number of the first of them in the file."""
    replay: bool | None = None
    """True: each line's `at` is the clock. False: they arrive now. None: true in a home in which
    nothing was ever observed, else false; the answer says which, for the calls that follow."""


@dataclass(frozen=True)
class RefusedLine:
    """A line that was not taken."""

    line: int
    reason: str


@dataclass(frozen=True)
class Warned:
    """A line that was taken, and hardly means what it says."""

    line: int
    text: str


@dataclass(frozen=True)
class Imported:
    """What became of the lines."""

    accepted: int
    refused: tuple[RefusedLine, ...]
    replay: bool
    sequence: int
    """Place in the journal of the last line taken."""
    warnings: tuple[Warned, ...] = ()
    clock: datetime | None = None
    """Where a replay's clock stood before them; it never moves back."""
    earlier: int = 0
    """How many of them are from before that."""


def import_lines(context: Context, params: ImportParams) -> Imported:
    """Journals the good lines and names the bad ones.

    Raises:
        InputRefused: They are too many, or a replay would set the clock back.
    """
    from cmdb.model.observation import RunEvent
    from collector.journal.port import JSONL_FORM
    from collector.sources import accepting
    from collector.sources.covering import uncovered

    lines = params.text.split("\n")
    if len(lines) > MOST_LINES:
        raise InputRefused(f"{len(lines)} lines in one call; the most is {MOST_LINES}")
    replay = _is_fresh(context) if params.replay is None else params.replay
    numbers = accepting.Numbers(
        lambda: _newest_decision(context), lambda number: _is_about_values(context, number)
    )
    taken: list[tuple[int, Line, Statement]] = []
    refused: list[RefusedLine] = []
    clock = context.record.view.replay_clock() if replay else None
    for number, text in enumerate(lines, start=params.first_line):
        if not text.strip():
            continue
        try:
            taken.append((number, *_line(text, numbers, replay=replay)))
        except ValueError as error:
            refused.append(RefusedLine(number, str(error)))
    if replay and params.first_line == 1:
        _refuse_back(context, [said.received_at for _, _, said in taken])
    sequence = 0
    if taken:
        origin = f"{REPLAY if replay else 'import/'}{params.name[:200]}"
        sequence = context.door.append(origin, JSONL_FORM, tuple(line for _, line, _ in taken)).last
    earlier = sum(clock is not None and said.received_at < clock for _, _, said in taken)
    runs = [(number, said) for number, _, said in taken if isinstance(said, RunEvent)]
    told = uncovered(runs, from_first=params.first_line == 1).items()
    warnings = tuple(Warned(number, text) for number, text in sorted(told))
    return Imported(len(taken), tuple(refused), replay, sequence, warnings, clock, earlier)


@dataclass(frozen=True)
class WaitParams:
    """A place in the journal."""

    sequence: int


@dataclass(frozen=True)
class Waited:
    """Up to where everything is in the view."""

    applied: int


def wait(context: Context, params: WaitParams) -> Waited:
    """Waits some seconds until the view holds everything up to a place in the journal."""
    return Waited(context.settle(params.sequence))


def _line(text: str, numbers: accepting.Numbers, *, replay: bool) -> tuple[Line, Statement]:
    from cmdb.model.observation import Decision
    from collector.intake_desk import Line
    from collector.sources import accepting
    from collector.sources.lines import parse

    body = text.encode("utf-8")
    said = parse(body, None if replay else utc_now())
    accepting.check(said)
    if isinstance(said, Decision):
        numbers.take(said)
    return Line(body, said.received_at if replay else None), said


def _refuse_back(context: Context, times: list[datetime]) -> None:
    """A replay never moves the clock back, and where something arrived live it stands at now."""
    live = not context.record.ledger.is_empty() and context.record.view.replay_clock() is None
    if live and times and (newest := max(times)) < context.now:
        raise InputRefused(
            "what this home holds arrived live: a replay would set its clock back to"
            f" {newest:%Y-%m-%dT%H:%M:%SZ}; without --replay the lines arrive now, and what they"
            " observed keeps its time; a replay is for a home of its own: --home names one"
        )


def _newest_decision(context: Context) -> int:
    """The number that the last decision has once all that is journalled is in the record."""
    from collector.journal.sqlite import SqliteReader
    from collector.sources.accepting import is_decision

    with deciding(context).fresh() as record, record.snapshot():
        place = record.ledger.applied()
        newest = max((number for number, _ in record.ledger.decisions()), default=0)
    if not context.home.journal_path.exists():
        return newest
    with closing(SqliteReader(context.home.journal_path)) as reader:
        while waiting := reader.read(place, _READ_ENTRIES, _READ_BYTES):
            newest += sum(is_decision(each.entry) for each in waiting)
            place = waiting[-1].sequence
    return newest


def _is_about_values(context: Context, number: int) -> bool:
    """Whether a decision set values, or took that back."""
    from reconcile.decisions import spoken_of
    from reconcile.set_words import SET

    with deciding(context).fresh() as record:
        every = dict(record.ledger.decisions())
        about = spoken_of(every[number], every) if number in every else None
    return about is not None and about.act == SET


def _is_fresh(context: Context) -> bool:
    """Whether nothing was ever observed, nor waits to be."""
    return context.record.ledger.is_empty() and context.door.status().last == 0


OPERATIONS = (
    Operation(
        "import.observations",
        "POST",
        "/import/observations",
        "Import lines of the import form",
        ImportParams,
        Imported,
        import_lines,
        "administrator",
        homeless=Homeless.MAKES,
    ),
    Operation(
        "import.wait",
        "GET",
        "/import/wait",
        "Wait until the view holds what was imported",
        WaitParams,
        Waited,
        wait,
        "administrator",
    ),
)
