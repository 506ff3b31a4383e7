"""What each command of `stocktake-agent` does, once the command line is understood."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.errors import AgentError, NotAllowed, NotEnrolled, UsageError

if TYPE_CHECKING:
    from agent.facts.root import Root
    from agent.report.readable import Json
    from agent.uplink.identity import Identity
    from stocktake.v1.dispatch_pb2 import ObserverSettings
    from stocktake.v1.observation_pb2 import Observation


class ShowOptions(Protocol):
    """The command line of `show`."""

    home: Path | None
    sysroot: Path
    json: bool
    section: list[str] | None
    native_key: str | None
    all: bool


class UplinkOptions(Protocol):
    """The command lines of those that speak with a collector."""

    home: Path | None
    token: str
    once: bool
    json: bool
    again: bool


@dataclass(frozen=True)
class _Speaker:
    """Who speaks, and of what."""

    observer_id: str
    key_prefix: str
    scope: str


def show(options: ShowOptions) -> int:
    """Prints the observation that would be sent."""
    from agent.facts.registry import TABLES
    from agent.facts.root import Root
    from agent.observe import observe
    from agent.report.readable import readable_observation

    known = [table.section for table in TABLES]
    chosen = options.section
    if chosen and (strange := sorted(set(chosen) - set(known))):
        raise UsageError(f"{strange[0]!r} is no section; there are {', '.join(known)}.")
    root = Root(options.sysroot)
    speaker = _speaker(root, options.home, options.native_key)
    observation, complaints = observe(speaker, frozenset(chosen) if chosen else None, root)
    document = readable_observation(observation, complaints)
    if options.json:
        print_json(document, indent=2)
    else:
        from agent.show import tables

        sys.stdout.write(tables(document, all_rows=options.all))
    return 0


def enrol(options: UplinkOptions) -> int:
    """Trades a token for an identity."""
    from agent.uplink.enrol import enrol as trade

    home = home_of(options.home)
    known = _enrolled(home)
    if known is not None and not options.again:
        raise NotAllowed(
            f"{home} is enrolled as {known.observer_id} already; --again makes it another observer"
        )
    identity = trade(home, options.token)
    sys.stdout.write(
        f"Enrolled as {identity.observer_id} in scope {identity.scope!r}; "
        f"the certificate holds until {identity.not_after:%Y-%m-%d}.\n"
    )
    return 0


def run_loop(options: UplinkOptions) -> int:
    """Reports and does what the collector asks."""
    from agent.observe import observe
    from agent.scan.job import run_scan
    from agent.uplink.loop import run

    # The service's log goes where its starter wants standard error.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

    def look(identity: Identity, settings: ObserverSettings) -> tuple[Observation, Sequence[str]]:
        return observe(identity, frozenset(settings.sections) or None)

    return run(home_of(options.home), look, run_scan, once=options.once)


def status(options: UplinkOptions) -> int:
    """Prints who this agent is."""
    from agent.uplink.outbox import Outbox

    home = home_of(options.home)
    identity = identity_of(home)
    facts: dict[str, Json] = {
        "home": str(home),
        "observer_id": identity.observer_id,
        "key_prefix": identity.key_prefix,
        "scope": identity.scope,
        "collectors": list(identity.collectors),
        "scan_prefixes": list(identity.scan_prefixes),
        "certificate_not_after": identity.not_after.isoformat(),
        "waiting_batches": len(Outbox(home).waiting()),
    }
    if options.json:
        print_json(facts, indent=2)
        return 0
    for name, value in facts.items():
        shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        sys.stdout.write(f"{name.replace('_', ' '):<21}  {shown}\n")
    return 0


def home_of(given: Path | None) -> Path:
    """The home that was named; else the usual one."""
    if given is not None:
        return given
    from agent.uplink.config import default_home

    return default_home()


def _speaker(root: Root, home: Path | None, native_key: str | None) -> _Speaker:
    """The enrolled identity on the running system; else the machine by its own name."""
    from agent.facts import host

    name = root.once(host.read).name or "unknown"
    speaker = _Speaker(f"unenrolled-{name}", name, "default")
    if root.is_live:
        speaker = _enrolled(home_of(home)) or speaker
    if native_key is None:
        return speaker
    return _Speaker(speaker.observer_id, native_key, speaker.scope)


def _enrolled(home: Path) -> _Speaker | None:
    """Anybody may look at what would be sent; only the agent's account can have its name."""
    try:
        if not home.exists():
            return None
        from agent.uplink import identity as identities

        own = identities.load(home)
    except (NotEnrolled, PermissionError):
        return None
    return _Speaker(own.observer_id, own.key_prefix, own.scope)


def identity_of(home: Path) -> Identity:
    """The identity kept in a home; raises `NotEnrolled` where there is none."""
    from agent.uplink import identity as identities

    try:
        return identities.load(home)
    except PermissionError as error:
        raise AgentError(
            f"permission denied reading the identity in {home}; run as the account that enrolled"
        ) from error


def print_json(document: Json, *, indent: int | None) -> None:
    """One document on standard output."""
    sys.stdout.write(json.dumps(document, indent=indent, ensure_ascii=False) + "\n")
