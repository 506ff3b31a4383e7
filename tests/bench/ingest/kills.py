"""The whole server killed at random moments of a load; what it acknowledged is then looked for.

Every endpoint reports three times, and its system's version tells which report it was: so each
report is looked for by itself, in the assets and in the history of changes.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.ingest.identities import Identity
from tests.bench.ingest.sender import Sender
from tests.bench.ingest.server import Rest, Server
from tests.bench.ingest.spool import Parcel

GENERATIONS = 3
_PAGE = 500
_VERSION = re.compile(r"12\.(\d+)")
_LOOK_EVERY_S = 0.02
_UNDER_WAY = 64
"""Reports beyond the moment of a kill that may be sent before it: it finds some under way."""
_LONGEST_S = 0.3
"""After a moment has come, at most so long is waited: the pipeline is somewhere in its work."""


@dataclass(frozen=True)
class Account:
    """What the kills did."""

    kills: int
    acknowledged: int
    lost: int
    doubled: int
    repeated: int
    """Calls that had to be made again."""


def survived(
    server: Server,
    identities: Sequence[Identity],
    spools: Sequence[Path],
    moments: Sequence[int],
) -> Account:
    """Sends all while the server is killed; compares what was acknowledged with what is there.

    Args:
        server: The one to be killed; it is started again each time.
        identities: Who sends.
        spools: What is sent.
        moments: Numbers of acknowledged reports at which it is killed.
    """
    sender = Sender(server.address, identities, keep=True)
    errors: list[Exception] = []
    sender.limit = moments[0] + _UNDER_WAY
    thread = threading.Thread(target=_sending, args=(sender, spools, errors))
    thread.start()
    try:
        kills = _kill(server, sender, thread, moments)
    finally:
        sender.limit = None
    thread.join()
    if errors:
        raise errors[0]
    with server.rest() as rest:
        journalled = int(rest.get("/status")["journalled"])
    server.wait_applied(max(sender.sent.last_sequence, journalled))
    with server.rest() as rest:
        lost, doubled = compared(sender.sent.told, _assets(rest), _transitions(rest))
    surplus = max(0, journalled - sender.sent.acknowledged)
    return Account(kills, sender.sent.acknowledged, lost, doubled + surplus, sender.sent.again)


def moments(seed: int, total: int, times: int) -> list[int]:
    """Numbers of acknowledged reports at which it is killed, spread over the load."""
    rng = random.Random(seed)
    step = total / (times + 1)
    return [int(step * (place + rng.random())) for place in range(times)]


def compared(
    told: Sequence[Parcel], held: dict[str, list[int]], moves: dict[str, list[tuple[int, int]]]
) -> tuple[int, int]:
    """How many acknowledged reports are missing, and how many things are there twice.

    Args:
        told: What was acknowledged.
        held: Generations that assets of a name show, one for each asset.
        moves: Changes of generation in the history of a name, from and to.
    """
    last: dict[str, int] = {}
    for parcel in told:
        name = f"host-{parcel.first:06}"
        last[name] = max(last.get(name, 0), parcel.generation)
    lost = doubled = 0
    for name, generation in last.items():
        shown = held.get(name, [])
        doubled += max(0, len(shown) - 1)
        steps = Counter(moves.get(name, []))
        doubled += sum(count - 1 for count in steps.values())
        if not shown:
            lost += generation + 1
            continue
        lost += _uncovered(generation, max(shown), steps)
    return lost, doubled


def _uncovered(acknowledged: int, shown: int, steps: Iterable[tuple[int, int]]) -> int:
    """Generations of which neither the asset nor its history tells.

    Reports that came together are one change: what is between its ends is told by it, and what
    came with the first report by the making of the asset.
    """
    held = set(range(min([shown, *(start for start, _ in steps)]) + 1))
    for start, end in steps:
        held |= set(range(start + 1, end + 1))
    return len(set(range(acknowledged + 1)) - held)


def _sending(sender: Sender, spools: Sequence[Path], errors: list[Exception]) -> None:
    try:
        with sender:
            sender.run(spools)
    except Exception as error:  # noqa: BLE001 - raised again by the one who waits
        errors.append(error)


def _kill(server: Server, sender: Sender, sending: threading.Thread, moments: Sequence[int]) -> int:
    rng = random.Random(len(moments))
    done = 0
    for moment in moments:
        sender.limit = moment + _UNDER_WAY
        while sender.sent.acknowledged < moment and sending.is_alive():
            time.sleep(_LOOK_EVERY_S)
        if not sending.is_alive():
            break
        time.sleep(rng.random() * _LONGEST_S)
        server.kill()
        server.start()
        done += 1
    return done


def _assets(rest: Rest) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    params: dict[str, object] = {"cls": "Computer", "limit": _PAGE}
    while True:
        page = rest.get("/assets", **params)
        for row in page["assets"]:
            said = _generation(row["attributes"].get("os_version"))
            found.setdefault(row["name"], []).append(said)
        if not page["cursor"]:
            return found
        params["after"] = page["cursor"]


def _transitions(rest: Rest) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for change in _changes(rest):
        moved = (change["detail"] or {}).get("attributes", {}).get("os_version")
        if moved and change["cls"] == "Computer" and moved[0] is not None:
            step = (_generation(moved[0]), _generation(moved[1]))
            found.setdefault(change["name"], []).append(step)
    return found


def _changes(rest: Rest) -> Iterator[dict[str, Any]]:
    params: dict[str, object] = {"limit": _PAGE}
    while True:
        page = rest.get("/changes", **params)
        yield from page["changes"]
        following = page.get("before", page.get("cursor"))
        if not following:
            return
        params["before"] = following


def _generation(version: object) -> int:
    match = _VERSION.fullmatch(str(version))
    if match is None:
        raise RuntimeError(f"{version!r} is no version that the bench wrote")
    return int(match[1])
