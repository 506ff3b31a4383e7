"""The bench runs, measures everything that is there, and would notice a loss. No pace is judged."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stocktake.v1 import observation_pb2 as pb
from tests.bench.ingest.figures import GOALS, Figures, p95
from tests.bench.ingest.kills import compared
from tests.bench.ingest.machines import (
    COMPONENTS,
    CONNECTIONS,
    INTERFACES,
    SCALARS,
    SECTIONS,
    SERVICES,
    Estate,
)
from tests.bench.ingest.spool import Parcel
from tests.bench.ingest.titles import PROGRAMS, TITLES

_LATER = {"as_of_p95_ms"}
"""Figures of what the product may not have yet."""
_NOT_AT_THIS_SIZE = {"first_reports_slowdown"}


def test_thirty_endpoints_live_through_every_phase() -> None:
    program = Path(__file__).with_name("bench_ingest.py")
    words = (
        "--endpoints 30 --seed 5 --identities 8 --senders 4 --read-seconds 1 --kills 2"
        " --kill-endpoints 20 --as-of-assets 2 --as-of-days 10"
    )
    done = subprocess.run(
        [sys.executable, str(program), *words.split()],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    missing = set(told["not_measured"])
    assert missing <= _LATER | _NOT_AT_THIS_SIZE
    for goal in GOALS:
        assert goal.key in missing or goal.key in told, goal.key
    assert (told["acknowledged"], told["lost"], told["doubled"]) == (60, 0, 0)
    assert told["kills"] >= 1
    assert all(count > 0 for count in told["reads_made"].values())
    assert (told["endpoints"], told["seed"]) == (30, 5)


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate(seed=5, size=1_000)


def sections(estate: Estate, number: int, generation: int = 0) -> dict[str, bytes]:
    machine = estate.machine(number, generation)
    found = {}
    for name in SECTIONS:
        section = pb.Section()
        estate.fill(machine, section, name)
        found[name] = getattr(section, name).SerializeToString(deterministic=True)
    return found


def test_an_endpoint_follows_from_seed_and_number(estate: Estate) -> None:
    again = Estate(seed=5, size=1_000)
    assert sections(estate, 17, 3) == sections(again, 17, 3)
    assert sections(estate, 17) != sections(estate, 18)
    assert sections(Estate(seed=6, size=1_000), 17) != sections(estate, 17)


def test_an_endpoint_is_as_large_as_the_bench_says(estate: Estate) -> None:
    told = sections(estate, 3)
    programs = pb.Programs.FromString(told["programs"])
    assert (programs.count, programs.entries.count(b"\n")) == (PROGRAMS, PROGRAMS)
    hashes = np.frombuffer(programs.hashes, "<u8")
    assert bool((hashes[1:] > hashes[:-1]).all())
    parts = pb.Components.FromString(told["components"]).components
    disks = pb.Disks.FromString(told["disks"]).disks
    assert len(parts) + len(disks) == COMPONENTS
    assert len(pb.Connections.FromString(told["connections"]).connections) == CONNECTIONS
    assert len(pb.ListeningServices.FromString(told["listening_services"]).services) == SERVICES
    assert len(pb.NetworkInterfaces.FromString(told["network_interfaces"]).interfaces) == INTERFACES
    scalars = len(pb.Computer.FromString(told["computer"]).ListFields())
    scalars += len(pb.OperatingSystem.FromString(told["operating_system"]).ListFields())
    scalars += len(pb.Attributes.FromString(told["attributes"]).values)
    assert scalars == SCALARS


def test_a_day_changes_three_programs_and_one_service(estate: Estate) -> None:
    for number in range(30):
        before, after = estate.machine(number), estate.machine(number, 1)
        gone = before.programs.keys() - after.programs.keys()
        come = after.programs.keys() - before.programs.keys()
        moved = {
            title
            for title in before.programs.keys() & after.programs.keys()
            if before.programs[title] != after.programs[title]
        }
        assert len(gone) == len(come)
        assert len(come) + len(moved) == 2
        assert len(set(before.services) - set(after.services)) == 1
        assert len(after.services) == SERVICES


def test_titles_are_skewed_as_in_a_real_estate(estate: Estate) -> None:
    machines = 200
    held = np.zeros(TITLES, np.int64)
    for number in range(machines):
        held[list(estate.machine(number).programs)] += 1
    assert held[:100].mean() > 0.85 * machines
    assert held[10_000:].mean() < 0.1 * machines
    assert (held > 0).sum() > 0.9 * TITLES


# --- what the kills would notice


def told(*generations: tuple[int, int]) -> list[Parcel]:
    return [Parcel(number, generation, 0, 1, b"") for number, generation in generations]


@pytest.mark.parametrize(
    ("held", "moves", "lost", "doubled"),
    [
        ({"host-000001": [2]}, {"host-000001": [(0, 1), (1, 2)]}, 0, 0),
        ({"host-000001": [2]}, {"host-000001": [(0, 2)]}, 0, 0),
        ({"host-000001": [2]}, {}, 0, 0),
        ({}, {}, 3, 0),
        ({"host-000001": [1]}, {"host-000001": [(0, 1)]}, 1, 0),
        ({"host-000001": [2, 2]}, {"host-000001": [(0, 2)]}, 0, 1),
        ({"host-000001": [2]}, {"host-000001": [(0, 1), (0, 1), (1, 2)]}, 0, 1),
    ],
)
def test_what_was_lost_or_came_twice_is_counted(
    held: dict[str, list[int]], moves: dict[str, list[tuple[int, int]]], lost: int, doubled: int
) -> None:
    assert compared(told((1, 0), (1, 1), (1, 2)), held, moves) == (lost, doubled)


# --- figures


def test_figures_stand_beside_their_goals() -> None:
    figures = Figures()
    figures.put("restart_s", 12.345678)
    figures.put("lost", 0)
    figures.missing["as_of_p95_ms"] = "not there"
    text = "\n".join(figures.lines())
    assert "SHORT  restart_s" in text
    assert "at most 10 s" in text
    assert "not measured: not there" in text
    said = figures.json()
    assert said["short_of_goal"] == ["restart_s"]
    assert said["restart_s"] == 12.35
    assert "lost" not in said["short_of_goal"]


def test_the_95th_of_a_hundred() -> None:
    assert p95([number / 1000 for number in range(1, 101)]) == pytest.approx(95)
