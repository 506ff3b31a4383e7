"""Runs that cover nothing: nothing is missing by them, which is hardly what their source means.

What a run covers may stand at its start or its end, so that lines are weighed together. Knows
statements only; a line that can mean nothing at all is refused where it is read.
"""

from __future__ import annotations

from collections.abc import Iterable

from cmdb.model.observation import RunEvent, Source

_Run = tuple[Source, str, str]


def uncovered(events: Iterable[tuple[int, RunEvent]], *, from_first: bool) -> dict[int, str]:
    """What to say of runs that cover nothing, by the number of the line.

    Args:
        events: Lines of runs with their numbers, in order.
        from_first: Whether these are of the beginning of a file: a start is then not before them.
    """
    runs: dict[_Run, list[tuple[int, RunEvent]]] = {}
    for number, event in events:
        runs.setdefault((event.source, event.scope, event.run), []).append((number, event))
    return dict(told for held in runs.values() for told in _of_run(held, from_first=from_first))


def _of_run(held: list[tuple[int, RunEvent]], *, from_first: bool) -> list[tuple[int, str]]:
    if any(event.covers_all or event.prefixes for _, event in held):
        return []
    number, last = held[-1]
    began = any(event.event == "start" for _, event in held)
    if last.event == "start":
        other = "unless its end says what it covers"
    elif last.state != "complete":
        return []
    elif began:
        other = "say what it covers"
    elif from_first:
        other = "unless its start, told before, says what it covers"
    else:
        return []
    return [(number, f"run {last.run!r} covers nothing, so nothing is missing by it; {other}")]
