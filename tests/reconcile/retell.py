"""One history told in other ways, as the import form allows."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_AFTER = timedelta(days=1)
_LATE_SHARE = 0.6


@dataclass(frozen=True)
class Line:
    """A line of the import form and the thing that it speaks of, if it speaks of one."""

    said: dict[str, Any]
    thing: str | None


Lines = tuple[Line, ...]


def delivered_late(lines: Lines, seed: int) -> Lines:
    """Many reports outside runs arrive later than they did; what they saw and when stays."""
    draw = random.Random(seed)
    last = _at(lines[-1]) + _AFTER
    out = []
    for line in lines:
        said = dict(line.said)
        if said["type"] == "observation" and "run" not in said and draw.random() < _LATE_SHARE:
            said["at"] = _written(_at(line) + (last - _at(line)) * draw.random())
        out.append(Line(said, line.thing))
    return tuple(sorted(out, key=_at))


def twice(lines: Lines) -> Lines:
    """Each observation comes again at once."""
    return tuple(
        line for line in lines for _ in range(2 if line.said["type"] == "observation" else 1)
    )


def without_uuid(lines: Lines) -> Lines:
    """No source knows a UUID."""
    out = []
    for line in lines:
        said = copy.deepcopy(line.said)
        said.get("attributes", {}).pop("bios_uuid", None)
        out.append(Line(said, line.thing))
    return tuple(out)


def backwards(lines: Lines) -> Lines:
    """What happened last happened first."""
    return _in_order(lines, list(reversed(_blocks(lines))))


def first(kind: str) -> Callable[[Lines], Lines]:
    """All that one kind of source says comes before anything else."""

    def retell(lines: Lines) -> Lines:
        blocks = _blocks(lines)
        rest = [block for block in blocks if block[0].said["source"]["kind"] != kind]
        return _in_order(lines, [block for block in blocks if block not in rest] + rest)

    return retell


RETOLD: dict[str, Callable[[Lines], Lines]] = {
    "agent_first": first("agent"),
    "scan_first": first("scan"),
    "list_first": first("import"),
    "reversed": backwards,
    "no_uuid": without_uuid,
}


def _blocks(lines: Lines) -> list[list[Line]]:
    """Single reports, and runs with all that lies between their start and end."""
    blocks: list[list[Line]] = []
    run = None
    for line in lines:
        if run and line.said.get("run") == run:
            blocks[-1].append(line)
        else:
            blocks.append([line])
            run = line.said.get("run")
    return blocks


def _in_order(lines: Lines, blocks: list[list[Line]]) -> Lines:
    """The blocks at the instants at which blocks began, in another order."""
    begins = [_at(block[0]) for block in _blocks(lines)]
    out = []
    for begin, block in zip(begins, blocks, strict=True):
        shift = begin - _at(block[0])
        for line in block:
            moved = {
                name: _written(datetime.fromisoformat(line.said[name]) + shift)
                for name in ("at", "observed_at")
                if name in line.said
            }
            out.append(Line(line.said | moved, line.thing))
    return tuple(sorted(out, key=_at))


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(line.said["at"])


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
