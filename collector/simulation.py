"""A simulation of rules: a process of its own, which works on a copy and writes down what it finds.

One at a time works on a home. What it found stays beside the home's files until the next begins.
The process ends with the one that started it. Knows nothing of how rules decide.

python -m collector.simulation HOME
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmdb.model.observation import Json
from collector.home import Home, HomeLocked

if TYPE_CHECKING:
    from reconcile.rules.simulate import Told

LOCK = "simulation"
_ROOM = 2
"""Times the size of the record that must be free: the copy, and what is written in it."""
_MOST_LINES = 500
_ENDS_WITHIN_S = 5.0
_NICE = 10
_children: dict[Path, subprocess.Popen[bytes]] = {}
_starting = threading.Lock()


class SimulationRefused(ValueError):
    """A simulation cannot begin; the message says why."""


@dataclass(frozen=True)
class Request:
    """What is to be simulated."""

    number: int
    text: str
    """The rules file."""
    days: int
    """Identity and values are compared for what was heard in so many days; 0: for everything."""
    by: str


@dataclass(frozen=True)
class Found:
    """A part of what a simulation found."""

    number: int
    running: bool
    done: int
    total: int
    lines: tuple[Json, ...]
    """Differences, in order of asset; the last line of all holds the totals."""
    next: int
    """The place from which to ask on."""
    failure: str


def start(home: Home, text: str, days: int, by: str) -> int:
    """Begins a simulation; gives its number.

    Raises:
        SimulationRefused: One is running, or there is no room for the copy.
    """
    with _starting:
        _reap(home)
        if home.holder(LOCK) is not None:
            raise SimulationRefused("a simulation is running; wait for its end, or stop it")
        size = home.record_path.stat().st_size
        if shutil.disk_usage(home.path).free < _ROOM * size:
            raise SimulationRefused(
                f"a simulation needs {_ROOM * size} bytes on the disk of {home.path}: free some"
            )
        request = Request(_last(home) + 1, text, days, by)
        folder = _folder(home)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
        (folder / "lines.jsonl").touch()
        _children[home.path] = _spawn(home)
        return request.number


def found(home: Home, number: int, place: int) -> Found:
    """What a simulation found, from a place on.

    Raises:
        SimulationRefused: It is not the last that was begun.
    """
    folder = _folder(home)
    if number != _last(home):
        raise SimulationRefused(f"simulation {number} is not kept; the last is {_last(home)}")
    ended = _ended(home)
    lines, following = _read(folder / "lines.jsonl", place)
    told = _progress(folder)
    failure = told.get("failure", "")
    complete = bool(told.get("complete"))
    if ended and not complete and not failure:
        failure = "the simulation was ended before it was done"
    left = following < (folder / "lines.jsonl").stat().st_size
    running = not ended or left
    return Found(
        number, running, int(told.get("done", 0)), int(told.get("total", 0)), lines, following,
        "" if running else failure,
    )  # fmt: skip


def stop(home: Home) -> bool:
    """Ends a simulation that this process began; whether there was one."""
    child = _children.pop(home.path, None)
    if child is None or child.poll() is not None:
        return False
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_ENDS_WITHIN_S)
    return True


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    # Its standard input is a pipe that it watches: when this process dies the child ends, too.
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "collector.simulation", str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def _reap(home: Home) -> None:
    child = _children.get(home.path)
    if child is not None and child.poll() is not None:
        del _children[home.path]


def _ended(home: Home) -> bool:
    _reap(home)
    return home.path not in _children and home.holder(LOCK) is None


def _folder(home: Home) -> Path:
    return home.path / "simulation"


def _last(home: Home) -> int:
    try:
        told = json.loads((_folder(home) / "request.json").read_text(encoding="utf-8"))
        return int(told["number"])
    except (OSError, ValueError, KeyError):
        return 0


def _read(path: Path, place: int) -> tuple[tuple[Json, ...], int]:
    lines: list[Json] = []
    with path.open("rb") as stream:
        stream.seek(max(place, 0))
        while len(lines) < _MOST_LINES:
            line = stream.readline()
            # The last may be half written.
            if not line.endswith(b"\n"):
                break
            place += len(line)
            lines.append(json.loads(line))
    return tuple(lines), place


def _progress(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return told


# What the process does


def main() -> int:
    """Simulates what the home's request asks for."""
    os.umask(0o077)
    os.nice(_NICE)
    home = Home(Path(sys.argv[1]))
    threading.Thread(target=_watch_parent, daemon=True).start()
    folder = _folder(home)
    try:
        with home.lock(LOCK):
            _work(home, folder)
    except HomeLocked:
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
        _note(folder, {"failure": str(error) or type(error).__name__})
        return 1
    return 0


def _watch_parent() -> None:
    # Not through sys.stdin: a thread that waits in it disturbs the end of the interpreter.
    while os.read(0, 4096):
        continue
    os._exit(1)


def _work(home: Home, folder: Path) -> None:
    from cmdb.query.encode import to_json
    from reconcile.rules.difference import Totals
    from reconcile.rules.simulate import Stage

    request = Request(**json.loads((folder / "request.json").read_text(encoding="utf-8")))
    done: dict[str, Any] = {"done": 0, "total": 0}
    with (folder / "lines.jsonl").open("a", encoding="utf-8") as out:
        for told in _told(home, folder / "record.db", request):
            if isinstance(told, Stage):
                done = asdict(told)
                _note(folder, done)
            else:
                found: Any = to_json(told)
                kind = "totals" if isinstance(told, Totals) else "asset"
                out.write(json.dumps({"kind": kind, **found}, ensure_ascii=False) + "\n")
    _note(folder, {**done, "complete": True})


def _told(home: Home, path: Path, request: Request) -> Iterator[Told]:
    from cmdb.model.observation import Decision
    from cmdb.store.sqlite.copying import copy_database
    from cmdb.store.sqlite.record import open_record
    from collector.clock import utc_now
    from reconcile.decisions import RULES
    from reconcile.rules.simulate import settle, simulate

    try:
        copy_database(home.record_path, path)
        with closing(open_record(path)) as copy:
            at = copy.view.replay_clock() or utc_now()
            settle(copy, at)
            since = at - timedelta(days=request.days) if request.days else None
            decision = Decision("rules", (), at, at, request.by, "", {RULES: request.text})
            with closing(open_record(path, readonly=True)) as before, before.snapshot():
                # The first read settles of which moment the snapshot is.
                before.view.change_sequence()
                yield from simulate(before, copy, decision, since, at)
    finally:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()


def _note(folder: Path, told: dict[str, Any]) -> None:
    partial = folder / "progress.partial"
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(folder / "progress.json")


if __name__ == "__main__":
    sys.exit(main())
