"""The faults: each a table entry with its rate, the things it takes, and what it does to them.

A fault makes things of its own beside the ordinary ones, so that none has two that contradict
each other. What is right follows one rule: a thing is hardware or a virtual machine, not its
name, address, owner or installation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.bench.reconcile.estate import DAYS, Estate, Thing
from tests.bench.reconcile.hardware import KIND, Kind

Apply = Callable[[Estate, Sequence[Thing]], None]


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    name: str
    groups_per_10_000: float
    kinds: tuple[str, ...]
    """Of the things of one group, in order; all at one site."""
    apply: Apply
    why: str
    twin_ok: bool = False
    scopes: int = 1
    """2: the things stand at two sites."""


OWN_KINDS = {
    "container": Kind("container", 0, "Container", "ctr", KIND["server"].models, 1, 3),
    "enclosure": Kind("enclosure", 0, "Enclosure", "enc", KIND["server"].models[:1], 1, 0),
    "blade": Kind("blade", 0, "Computer", "bl", KIND["server"].models[:1], 1, 3),
    "stack": replace(KIND["switch"], name="stack", short="stk"),
    "member": replace(KIND["switch"], name="member", short="mbr"),
}
"""Kinds that come with a fault only."""


def share_of_things(faults: Sequence[Fault]) -> float:
    """Share of an estate's endpoints that have one of these faults."""
    return sum(fault.groups_per_10_000 * len(fault.kinds) for fault in faults) / 10_000


def afflict(estate: Estate, faults: Sequence[Fault], endpoints: int) -> dict[str, int]:
    """Adds the things with faults, each kind at least once; tells how many groups of each."""
    made = {}
    for fault in faults:
        made[fault.name] = max(1, round(fault.groups_per_10_000 * endpoints / 10_000))
        for _ in range(made[fault.name]):
            _group(estate, fault)
    return made


FAILED_RUNS = "failed_runs"


def fail_runs(estate: Estate) -> None:
    """Printers at sites whose last runs failed or broke off are still there, as far as is known."""
    for thing in estate.things:
        if thing.kind.name == "printer" and thing.site.quiet_from < DAYS:
            thing.row, thing.states = None, ("present",)
            thing.faults.append(FAILED_RUNS)


def _group(estate: Estate, fault: Fault) -> None:
    sites = [site for site in estate.sites if not site.routed and site.quiet_from == DAYS]
    chosen = estate.rng.sample(sites or estate.sites, min(fault.scopes, len(sites)))
    things = []
    for place, kind in enumerate(fault.kinds):
        site = chosen[place % len(chosen)]
        thing = estate.add(OWN_KINDS.get(kind) or KIND[kind], site)
        thing.faults.append(fault.name)
        thing.twin_ok, thing.states = fault.twin_ok, ()
        if thing.kind.every_days and thing.agent is None:
            thing.agent = estate.draw.once("ag########@@")
        things.append(thing)
    fault.apply(estate, things)
