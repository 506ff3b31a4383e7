"""What a line of a file must hold to beyond its form, so that it means something here.

Asked before a line is journalled, never after: what was acknowledged is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from cmdb.model.observation import Decision, Json, Observation, SectionKind, Statement
from collector.journal.port import JSONL_FORM, Entry
from collector.sources.lines import BadLine, parse

MANUAL = "manual"


def check(said: Statement) -> None:
    """Refuses what would have no effect, or an impossible one.

    Raises:
        BadLine: The message says what it is and what to do.
    """
    if isinstance(said, Observation) and said.key.source.kind == MANUAL:
        _check_values(said)
    elif isinstance(said, Decision) and said.act in {"distrust", "trust"}:
        _check_value(said)


class Numbers:
    """Which decisions there are, counting those of the lines that come before."""

    def __init__(self, newest: Callable[[], int], of_values: Callable[[int], bool]) -> None:
        """What is asked once it is needed.

        Args:
            newest: The number of the last decision that was acknowledged.
            of_values: Whether a decision is about values that were set.
        """
        self._newest = newest
        self._of_values = of_values
        self._before: int | None = None
        self._taken = 0

    def take(self, said: Decision) -> None:
        """Counts a decision that is taken.

        Raises:
            BadLine: It takes back one that is not there.
        """
        if said.act == "set":
            raise BadLine("act set belongs to 'stocktake set'; tell values as an observation")
        if said.act == "undo":
            self._check(int(said.extra["undoes"]))
        self._taken += 1

    def _check(self, number: int) -> None:
        if self._before is None:
            self._before = self._newest()
        last = self._before + self._taken
        if number > last:
            there = f"the last is {last}" if last else "there is none"
            raise BadLine(
                f"extra.undoes is {number}, and no decision has that number: {there}; 'stocktake"
                " decisions' lists them"
            )
        if self._of_values(number):
            raise BadLine(
                f"extra.undoes is {number}, which is about values: 'stocktake undo {number}' says"
                " them anew, a line cannot"
            )


def is_decision(entry: Entry) -> bool:
    """Whether an entry of the journal is a line that becomes a decision."""
    if entry.form != JSONL_FORM or b"person" not in entry.body:
        return False
    try:
        return isinstance(parse(entry.body, entry.received_at), Decision)
    except BadLine:
        return False


def _check_values(said: Observation) -> None:
    from reconcile.deciding import DecisionRefused
    from reconcile.decisions import BY_HAND
    from reconcile.setting import refuse_unfit
    from reconcile.typed import fault_of_adapters

    if said.key.source == BY_HAND:
        raise BadLine("source manual/by-hand belongs to 'stocktake set'; name another instance")
    section = said.sections.get(SectionKind.ATTRIBUTES)
    values: Json = section.value if section and isinstance(section.value, dict) else {}
    try:
        refuse_unfit(values if isinstance(values, dict) else {})
    except DecisionRefused as error:
        raise BadLine(f"attributes: {error}; correct it or leave it out") from error
    adapters = said.sections.get(SectionKind.INTERFACES)
    rows = adapters.value if adapters else None
    if fault := fault_of_adapters(rows if isinstance(rows, list) else []):
        raise BadLine(f"{fault}; correct it or leave it out")


def _check_value(said: Decision) -> None:
    from reconcile.deciding import DecisionRefused
    from reconcile.stop_list import normal

    try:
        normal(said.extra["key"], said.extra["value"])
    except DecisionRefused as error:
        raise BadLine(f"extra.value: {error}; correct it or leave the line out") from error
