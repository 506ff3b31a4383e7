"""The command `stocktake-agent scan`: what may be scanned, what was found, and when again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.commands import home_of, identity_of, print_json
from agent.errors import CollectorUnreachable

if TYPE_CHECKING:
    from agent.report.readable import Json
    from agent.uplink.identity import Identity
    from stocktake.v1.intake_pb2 import Item
    from stocktake.v1.observation_pb2 import Observation


class ScanOptions(Protocol):
    """The command line of `scan`."""

    home: Path | None
    prefixes: list[str]
    every: timedelta | None
    ports: tuple[int, ...]
    technique: list[str]
    rate: float | None
    timeout: timedelta | None
    json: bool
    dry_run: bool


def scan(options: ScanOptions) -> int:
    """Scans once or again and again, and hands in what was found."""
    identity = _refreshed(home_of(options.home))
    if options.dry_run:
        return _plan(options, identity)
    while True:
        began = time.monotonic()
        try:
            code = _scan_once(options, identity)
        except CollectorUnreachable as error:
            if options.every is None:
                raise
            sys.stderr.write(f"stocktake-agent: {error}\n")
            code = error.exit_code
        if options.every is None:
            return code
        left = options.every.total_seconds() - (time.monotonic() - began)
        time.sleep(max(0.0, left))
        identity = _refreshed(home_of(options.home))


def _refreshed(home: Path) -> Identity:
    """The identity with the prefixes that are allowed now, as far as a collector answers."""
    from agent.uplink import submit

    identity_of(home)
    try:
        submit.refresh_settings(home)
    except CollectorUnreachable as error:
        sys.stderr.write(f"stocktake-agent: {error}; the last known settings hold\n")
    return identity_of(home)


def _plan(options: ScanOptions, identity: Identity) -> int:
    from agent.scan import scope
    from agent.scan.job import DEFAULT_RATE_PER_S
    from agent.scan.ports import PORTS

    networks = scope.networks(options.prefixes)
    scope.admit(networks, identity.scan_prefixes)
    count = scope.address_count(networks)
    numbers = options.ports or tuple(port.number for port in PORTS)
    least = timedelta(seconds=round(count * len(numbers) / (options.rate or DEFAULT_RATE_PER_S)))
    plan: dict[str, Json] = {
        "prefixes": [str(network) for network in networks],
        "addresses": count,
        "ports": list(numbers),
        "connects": count * len(numbers),
        "least_seconds": least.total_seconds(),
    }
    if options.json:
        print_json(plan, indent=None)
    else:
        sys.stdout.write(
            f"{count} addresses in {', '.join(map(str, networks))}, {len(numbers)} ports each; "
            f"at least {least}. Nothing was sent.\n"
        )
    return 0


def _scan_once(options: ScanOptions, identity: Identity) -> int:
    from agent.scan.job import run_scan
    from agent.uplink.submit import submit_items

    items = run_scan(
        options.prefixes,
        identity.scan_prefixes,
        identity.scope,
        identity.observer_id,
        ports=options.ports,
        techniques=options.technique,
        rate_per_s=options.rate,
        timeout=options.timeout,
        progress=_progress,
    )
    tally = _Tally()
    submit_items(home_of(options.home), tally.passing(items, as_json=options.json))
    if not options.json:
        sys.stdout.write(f"{tally.live} live addresses; the run was {tally.state}.\n")
    return 1 if tally.state == "failed" else 0


class _Tally:
    """Counts and prints items on their way to the outbox."""

    def __init__(self) -> None:
        self.live = 0
        self.state = "failed"

    def passing(self, items: Iterable[Item], *, as_json: bool) -> Iterator[Item]:
        from agent.report.readable import readable, readable_observation
        from stocktake.v1.intake_pb2 import RunState

        for item in items:
            if item.HasField("observation"):
                self.live += 1
                document = readable_observation(item.observation)
            else:
                self.state = RunState.Name(item.run.state).removeprefix("RUN_STATE_").lower()
                document = {"run": readable(item.run)}
            if as_json:
                print_json(document, indent=None)
            elif item.HasField("observation"):
                _print_device(item.observation)
            yield item


def _print_device(observation: Observation) -> None:
    name, lines = "", []
    for section in observation.sections:
        if section.HasField("computer"):
            name = section.computer.fqdn
        for service in section.listening_services.services:
            said = service.banner or service.tls_subject
            lines.append(f"    {service.port} {said}".rstrip())
    sys.stdout.write(f"{observation.native_key}  {name}".rstrip() + "\n")
    sys.stdout.writelines(line + "\n" for line in lines)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{done} of {total} connects{end}")
