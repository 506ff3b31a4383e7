"""Outbox, client, loop: against a real collector, and without one."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import CollectorUnreachable, NotAllowed, NotEnrolled
from agent.facts.programs import Program, Programs
from agent.report.build import seal_section
from agent.report.programs import fill_programs
from agent.uplink import identity as identities
from agent.uplink.backoff import MOST_S, Backoff
from agent.uplink.client import Client
from agent.uplink.config import default_home
from agent.uplink.loop import Loop, run
from agent.uplink.outbox import Outbox, OutboxFull
from agent.uplink.submit import refresh_settings, submit_items
from collector.enrolment.tokens import Grants
from collector.intake_desk import Settings
from collector.jobs import ReportNow, Scan, State, Wanted
from stocktake.v1.intake_pb2 import Item
from stocktake.v1.observation_pb2 import (
    SECTION_STATE_CHANGED,
    SECTION_STATE_FULL,
    SECTION_STATE_UNCHANGED,
    Computer,
    Observation,
    Section,
)

Running = Any
BOTH = Grants(frozenset({"agent", "scan"}), "office", ("10.0.4.0/24",))


class Machine:
    """Something to observe, whose name and model tests change."""

    def __init__(self) -> None:
        self.name = "pc1"

    def __call__(self, identity: Any, _settings: Any) -> tuple[Observation, Sequence[str]]:
        section = Section(computer=Computer(name=self.name))
        seal_section(section)
        observation = Observation(native_key=identity.key_prefix, full=True, sections=[section])
        return observation, ("cannot read the serial number",)


class Installed:
    """A machine with so many programs."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, identity: Any, _settings: Any) -> tuple[Observation, Sequence[str]]:
        observation = Observation(native_key=identity.key_prefix, full=True)
        programs = [Program(f"p{n}", "1", "all", "", None) for n in range(self.count)]
        body = observation.sections.add().programs
        fill_programs(body, Programs("deb", tuple(programs)))
        seal_section(observation.sections[0])
        return observation, ()


def no_scan(*_: Any, **__: Any) -> Iterator[Item]:
    raise AssertionError("no scan was asked for")


def item(key: str, text: str = "") -> Item:
    section = Section(computer=Computer(name=text))
    return Item(observation=Observation(native_key=key, full=True, sections=[section]))


def states(collector: Running) -> list[int]:
    return [i.observation.sections[0].state for i in collector.items()]


def test_sequence_numbers_never_come_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put([item("a")])
    outbox.put([item("b")])
    for waiting in outbox.waiting():
        outbox.remove(waiting)
    Outbox(tmp_path).put([item("c")])
    assert [w.sequence for w in outbox.waiting()] == [3]
    (tmp_path / "sequence").write_text("")  # as a crash at the wrong disk may leave it
    outbox.put([item("d")])
    assert [w.sequence for w in outbox.waiting()] == [3, 4]


def test_a_newer_state_replaces_the_older_and_only_of_the_same_thing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put([item("scan-1")])
    outbox.put_state(item("a", "old"))
    outbox.put_state(item("b", "old"))
    outbox.put_state(item("a", "new"))
    requests = [outbox.read(waiting) for waiting in outbox.waiting()]
    told = [(r.items[0].observation.native_key, r.sequence) for r in requests if r]
    assert told == [("scan-1", 1), ("b", 3), ("a", 4)]


def test_batches_are_cut_to_size(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    assert outbox.put(item(f"k{n}") for n in range(1200)) == 3
    assert outbox.put(item("k", "x" * 3_000_000) for _ in range(3)) == 3


def test_a_full_outbox_complains_and_keeps_what_waits(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, limit_bytes=10_000)
    outbox.put_state(item("a", "x" * 6_000))
    with pytest.raises(OutboxFull, match="holds its 10000 bytes"):
        outbox.put([item("b", "x" * 6_000)])
    outbox.put_state(item("a", "y" * 6_000))  # replaces: no more room is needed
    assert len(outbox.waiting()) == 1


def test_a_full_disk_complains_and_keeps_what_waits(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put([item("a")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutboxFull, match="no room on the disk"):
            outbox.put([item("b", "x" * 100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [w.sequence for w in outbox.waiting()] == [1]


def test_a_damaged_batch_does_not_block_the_others(collector: Running) -> None:
    identity, _ = collector.enrolled()
    home = collector.folder / "a"
    outbox = Outbox(home)
    outbox.put([item(f"{identity.key_prefix}/1")])
    outbox.put([item(f"{identity.key_prefix}/2")])
    outbox.waiting()[0].path.write_bytes(b"\xff\xff\xff")
    assert submit_items(home, []).accepted == 1
    assert outbox.waiting() == []


def test_only_changed_sections_travel(collector: Running) -> None:
    collector.enrolled()
    home, machine = collector.folder / "a", Machine()
    run(home, machine, no_scan, once=True)
    run(home, machine, no_scan, once=True)
    machine.name = "pc2"
    run(home, machine, no_scan, once=True)
    assert states(collector) == [SECTION_STATE_FULL, SECTION_STATE_UNCHANGED, SECTION_STATE_FULL]
    assert Outbox(home).waiting() == []


def test_of_many_programs_what_changed_travels(collector: Running) -> None:
    collector.enrolled()
    home, machine = collector.folder / "a", Installed(200)
    run(home, machine, no_scan, once=True)
    machine.count = 201
    run(home, machine, no_scan, once=True)
    collector.serving.desk.forget_sections()
    machine.count = 199
    run(home, machine, no_scan, once=True)
    machine.count = 3
    run(home, machine, no_scan, once=True)
    assert states(collector) == [
        SECTION_STATE_FULL, SECTION_STATE_CHANGED, SECTION_STATE_FULL, SECTION_STATE_FULL,
    ]  # fmt: skip
    bodies = [said.observation.sections[0].programs for said in collector.items()]
    assert [(body.count, len(body.gone)) for body in bodies] == [(200, 0), (1, 0), (199, 0), (3, 0)]
    assert len(list((home / "programs").iterdir())) == 2


def test_what_the_collector_forgot_is_sent_whole_again(collector: Running) -> None:
    collector.enrolled()
    home = collector.folder / "a"
    run(home, Machine(), no_scan, once=True)
    collector.serving.desk.forget_sections()
    run(home, Machine(), no_scan, once=True)
    assert states(collector)[:2] == [SECTION_STATE_FULL, SECTION_STATE_FULL]


def test_without_a_collector_the_report_waits_and_goes_later(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    with start(tmp_path) as first:
        identity, _ = first.enrolled()
        home = first.folder / "a"
    with pytest.raises(CollectorUnreachable):
        submit_items(home, [item(identity.key_prefix, "kept")])
    assert len(Outbox(home).waiting()) == 1
    with start(tmp_path) as second:
        address = f"127.0.0.1:{second.serving.port}"
        moved = replace(identity, collectors=(*identity.collectors, address))
        identities.save(home, moved)
        assert submit_items(home, []).accepted == 1  # the second address answers
        assert len(second.entries()) == 1
    assert Outbox(home).waiting() == []


def test_refused_items_are_told_and_dropped(collector: Running) -> None:
    identity, _ = collector.enrolled()
    home = collector.folder / "a"
    result = submit_items(home, [item("somebody"), item(identity.key_prefix)])
    assert result.accepted == 1
    assert "may not speak for somebody" in result.refused[0]
    assert Outbox(home).waiting() == []


def test_a_revoked_agent_keeps_its_outbox(collector: Running) -> None:
    identity, _ = collector.enrolled()
    collector.serving.desk.revoke_observer(identity.observer_id)
    home = collector.folder / "a"
    with pytest.raises(NotAllowed, match="revoked"):
        submit_items(home, [item(identity.key_prefix)])
    assert len(Outbox(home).waiting()) == 1


def test_settings_and_prefixes_are_refreshed(collector: Running) -> None:
    identity, _ = collector.enrolled()
    collector.serving.desk.allow_scan(identity.observer_id, ("10.7.0.0/16",))
    refresh_settings(collector.folder / "a")
    assert identities.load(collector.folder / "a").scan_prefixes == ("10.7.0.0/16",)


def test_the_loop_reports_does_jobs_and_tells_complaints(collector: Running) -> None:
    identity, _ = collector.enrolled("a", BOTH)
    desk, now = collector.serving.desk, [0.0]
    desk.set_settings(Settings(check_in_every=timedelta(seconds=1)))
    desk.queue_job(
        Wanted("person/x", observer_id=identity.observer_id, report_now=ReportNow(full=True))
    )
    scan = desk.queue_job(Wanted("person/x", scan=Scan(("10.0.4.0/30",), "office")))

    def sweep(prefixes: Sequence[str], *_: Any, **rest: Any) -> Iterator[Item]:
        assert prefixes == ("10.0.4.0/30",)
        rest["progress"](4, 4)
        found = item("10.0.4.1")
        found.observation.source.kind = "scan"
        yield found

    loop = Loop(
        collector.folder / "a", Machine(), sweep, clock=lambda: now[0], uniform=lambda *_: 0
    )
    try:
        for _ in range(200):
            loop.step()
            now[0] += 2.0
            told = desk.list_observers()[0].complaints
            if told and {job.state for job in desk.list_jobs()} == {State.DONE}:
                break
            threading.Event().wait(0.02)  # lets the scan's thread run; the deadline is 200 rounds
    finally:
        loop.close()
    assert {job.state for job in desk.list_jobs()} == {State.DONE}
    assert next(j for j in desk.list_jobs() if j.id == scan.id).total == 4
    assert "10.0.4.1" in {i.observation.native_key for i in collector.items()}
    assert desk.list_observers()[0].complaints == ("cannot read the serial number",)


def test_a_certificate_past_two_thirds_is_renewed(collector: Running) -> None:
    identity, _ = collector.enrolled()
    home = collector.folder / "a"
    early = identity.not_before - timedelta(days=90)
    identities.save(home, replace(identity, not_before=early))
    run(home, Machine(), no_scan, once=True)
    assert identities.load(home).certificate_pem != identity.certificate_pem
    with Client(identities.load(home)) as client:
        assert client is not None
    assert len(collector.entries()) == 1


def test_waits_grow_and_have_full_jitter() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    backoff = Backoff(uniform)
    assert [backoff.failed() for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert [backoff.failed() for _ in range(10)][-1] == MOST_S
    assert {low for low, _ in drawn} == {0.0}
    backoff.succeeded()
    assert backoff.failed() == 1.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_at_once(collector: Running, number: int) -> None:
    collector.enrolled()
    code = (
        "import sys; from pathlib import Path; from agent.uplink.loop import run;"
        "from stocktake.v1.observation_pb2 import Observation\n"
        "def look(identity, _):\n    return Observation(native_key=identity.key_prefix), ()\n"
        "sys.exit(run(Path(sys.argv[1]), look, None, once=False))"
    )
    home = collector.folder / "a"
    agent = subprocess.Popen([sys.executable, "-c", code, str(home)], cwd=Path(__file__).parents[3])
    try:
        done = threading.Event()
        for _ in range(500):
            if collector.entries():
                break
            done.wait(0.02)
        agent.send_signal(number)
        assert agent.wait(5) == 0
    finally:
        agent.kill()
        agent.wait(5)
    assert len(collector.entries()) == 1


def test_who_is_not_enrolled_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="stocktake-agent enrol TOKEN"):
        run(tmp_path, Machine(), no_scan, once=True)


def test_the_home_follows_the_environment() -> None:
    assert default_home({"STOCKTAKE_AGENT_HOME": "/x/y"}) == Path("/x/y")
    usual = Path("/var/lib/stocktake-agent") if os.geteuid() == 0 else Path.home()
    assert default_home({}).is_relative_to(usual)


def test_nothing_is_looked_at_before_the_collector_said_what_may_be(collector: Running) -> None:
    """Sections that an administrator forbade are not in the first report either."""
    identity, _ = collector.enrolled()
    collector.serving.desk.set_settings(Settings(sections=("computer",)), identity.observer_id)
    asked: list[list[str]] = []

    def look(identity: Any, settings: Any) -> tuple[Observation, Sequence[str]]:
        asked.append(list(settings.sections))
        return Machine()(identity, settings)

    loop = Loop(collector.folder / "a", look, no_scan)
    try:
        loop.step()
        assert asked == []
        assert loop.step() >= 0
        loop.step()
    finally:
        loop.close()
    assert asked == [["computer"]]
    assert len(collector.entries()) == 1


def test_one_report_tells_its_complaints(collector: Running) -> None:
    collector.enrolled()
    run(collector.folder / "a", Machine(), no_scan, once=True)
    observer = collector.serving.desk.list_observers()[0]
    assert observer.complaints == ("cannot read the serial number",)
