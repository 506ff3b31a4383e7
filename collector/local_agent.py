"""An agent for the machine that the server runs on: enrolled at the first start, then run.

It is a process like any other agent, talks over the same port with a certificate of its own, and
knows nothing of the server.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from collector.home import Home

_SCOPE = "default"
_ENROL_WITHIN_S = 30.0
_STOP_WITHIN_S = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def local_agent(home: Home) -> Iterator[None]:
    """Runs the agent while the block lasts. Where it cannot run, the server goes on without."""
    folder = home.path / "agent"
    process: subprocess.Popen[bytes] | None = None
    try:
        if not (folder / "identity.json").exists():
            _enrol(home, folder)
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*_program(), "--home", str(folder), "run"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("no agent observes this machine: %s", error)
    try:
        yield
    finally:
        if process:
            _end(process)


def _enrol(home: Home, folder: Path) -> None:
    from collector.door_client import Door
    from collector.enrolment.tokens import Grants

    with Door(home) as door:
        made = door.make_token(
            Grants(frozenset({"agent", "scan"}), _SCOPE),
            timedelta(minutes=5),
            "local",
            note="the server's own machine",
        )
    subprocess.run(  # noqa: S603 - our own program
        [*_program(), "--home", str(folder), "enrol", made.text],
        check=True,
        timeout=_ENROL_WITHIN_S,
        stdout=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        _log.warning("the agent does not end; it is killed")
        process.kill()
        process.wait()


def _program() -> list[str]:
    beside = Path(sys.executable).with_name("stocktake-agent")
    return [str(beside)] if os.access(beside, os.X_OK) else [sys.executable, "-m", "agent.cli"]
