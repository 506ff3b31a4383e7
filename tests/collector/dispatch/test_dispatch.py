"""Check-ins and jobs over real gRPC, and the door that queues them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.uplink.checkin import CheckIns
from agent.uplink.client import RequestRefused
from agent.uplink.identity import load
from agent.uplink.outbox import Outbox
from agent.uplink.sealed import NotForUs, new_sealing_key, unseal
from collector.door_client import Door, DoorClosed
from collector.enrolment.errors import NotKnown
from collector.enrolment.errors import RequestRefused as Refused
from collector.enrolment.sealing import seal
from collector.enrolment.tokens import Grants
from collector.home import Home
from collector.intake_desk import Line, Settings
from collector.jobs import ReportNow, Scan, State, Wanted
from stocktake.v1 import dispatch_pb2 as pb

Running = Any
PROBE = Grants(frozenset({"scan"}), "office", ("10.0.4.0/24",))
SCAN = Scan(("10.0.4.0/28",), "office", ports=(22, 443), techniques=("tcp",), rate_per_s=50)


def check_in(client: Any, **said: Any) -> pb.CheckInResponse:
    answer: pb.CheckInResponse = client.check_in(pb.CheckInRequest(protocol_version=1, **said))
    return answer


def progress(client: Any, job_id: str, state: pb.JobState.ValueType, **said: Any) -> bool:
    request = pb.JobProgressRequest(job_id=job_id, state=state, **said)
    return bool(client.job_progress(request).cancel)


def test_settings_travel_when_they_changed(collector: Running) -> None:
    identity, client = collector.enrolled()
    first = check_in(client)
    assert first.settings.report_every.ToTimedelta() == timedelta(hours=4)
    assert first.settings.check_in_every.ToTimedelta() == timedelta(seconds=60)
    assert not check_in(client, settings_hash=first.settings_hash).HasField("settings")
    with Door(collector.home) as door:
        door.set_settings(Settings(report_every=timedelta(minutes=5)), identity.observer_id)
    told = check_in(client, settings_hash=first.settings_hash)
    assert told.settings.report_every.ToTimedelta() == timedelta(minutes=5)


def test_a_check_in_is_kept_with_its_clock_and_complaints(collector: Running) -> None:
    identity, client = collector.enrolled()
    request = pb.CheckInRequest(agent_version="1.2", complaints=["cannot read x"], outbox_batches=3)
    request.clock.FromDatetime(datetime.now(UTC) - timedelta(minutes=10))
    client.check_in(request)
    with Door(collector.home) as door:
        observer = door.list_observers()[0]
    assert observer.id == identity.observer_id
    assert observer.clock_offset is not None
    assert timedelta(minutes=-11) < observer.clock_offset < timedelta(minutes=-9)
    assert (observer.agent_version, observer.outbox_batches) == ("1.2", 3)
    assert observer.complaints == ("cannot read x",)


def test_allowed_prefixes_reach_the_agent(collector: Running) -> None:
    identity, client = collector.enrolled()
    with Door(collector.home) as door:
        door.allow_scan(identity.observer_id, ("10.9.0.0/16",))
        with pytest.raises(Refused, match=r"not an address prefix"):
            door.allow_scan(identity.observer_id, ("10.9.0.1/16",))
    folder = collector.folder / "a"
    CheckIns(folder, identity, Outbox(folder)).ask(client)
    assert load(folder).scan_prefixes == ("10.9.0.0/16",)


def test_a_report_is_asked_for_until_it_is_done(collector: Running) -> None:
    identity, client = collector.enrolled()
    wanted = Wanted("person/x", observer_id=identity.observer_id, report_now=ReportNow(full=True))
    with Door(collector.home) as door:
        job = door.queue_job(wanted)
        assert [(j.job_id, j.report_now.full) for j in check_in(client).jobs] == [(job.id, True)]
        assert [j.job_id for j in check_in(client).jobs] == [job.id]
        progress(client, job.id, pb.JOB_STATE_DONE)
        assert list(check_in(client).jobs) == []
        assert door.list_jobs()[0].state is State.DONE


def test_a_scan_for_a_scope_goes_to_one_probe_that_may(collector: Running) -> None:
    _, agent = collector.enrolled("a")
    _, first = collector.enrolled("p1", PROBE)
    _, second = collector.enrolled("p2", PROBE)
    narrow = Grants(frozenset({"scan"}), "office", ("10.0.4.0/30",))
    _, not_allowed = collector.enrolled("p3", narrow)
    with Door(collector.home) as door:
        job = door.queue_job(Wanted("person/x", scan=SCAN))
        assert list(check_in(agent).jobs) == []
        assert list(check_in(not_allowed).jobs) == []
        offered = check_in(first).jobs
        assert [j.job_id for j in offered] == [job.id]
        assert list(offered[0].scan.ports) == [22, 443]
        assert list(check_in(second).jobs) == []
        assert not progress(first, job.id, pb.JOB_STATE_RUNNING, done=5, total=16)
        running = door.list_jobs()[0]
        assert (running.state, running.done, running.total) == (State.RUNNING, 5, 16)
        with pytest.raises(RequestRefused, match="has no job"):
            progress(second, job.id, pb.JOB_STATE_DONE)
        door.cancel_job(job.id)
        assert progress(first, job.id, pb.JOB_STATE_RUNNING)
        assert check_in(first).jobs[0].cancel
        progress(first, job.id, pb.JOB_STATE_CANCELLED)
        assert door.list_jobs()[0].state is State.CANCELLED


def test_a_job_of_a_probe_that_fell_silent_goes_to_another(collector: Running) -> None:
    _, first = collector.enrolled("p1", PROBE)
    _, second = collector.enrolled("p2", PROBE)
    job = collector.serving.desk.queue_job(Wanted("person/x", scan=SCAN))
    assert len(check_in(first).jobs) == 1
    collector.clock.offset = timedelta(minutes=16)
    assert [j.job_id for j in check_in(second).jobs] == [job.id]


def test_a_job_expires(collector: Running) -> None:
    _, probe = collector.enrolled("p1", PROBE)
    wanted = Wanted("person/x", lasts=timedelta(minutes=5), scan=SCAN)
    collector.serving.desk.queue_job(wanted)
    collector.clock.offset = timedelta(minutes=6)
    assert list(check_in(probe).jobs) == []
    ended = collector.serving.desk.list_jobs()[0]
    assert (ended.state, ended.message) == (State.FAILED, "expired")


def test_a_free_job_is_cancelled_at_once(collector: Running) -> None:
    desk = collector.serving.desk
    job = desk.queue_job(Wanted("person/x", scan=SCAN))
    assert desk.cancel_job(job.id).state is State.CANCELLED
    with pytest.raises(NotKnown, match="there is no job job-none"):
        desk.cancel_job("job-none")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("person/x"),
        Wanted("person/x", report_now=ReportNow()),
        Wanted("person/x", scan=Scan((), "office")),
        Wanted("person/x", scan=Scan(("10.0.4.0/28",), "office", ports=(0,))),
        Wanted("person/x", scan=Scan(("10.0.4.0/28",), "office", techniques=("magic",))),
        Wanted("person/x", lasts=timedelta(0), scan=SCAN),
    ],
)
def test_a_job_out_of_order_is_refused_through_the_door(collector: Running, wanted: Wanted) -> None:
    with Door(collector.home) as door, pytest.raises(Refused):
        door.queue_job(wanted)
    assert collector.serving.desk.list_jobs() == ()


def test_sections_that_are_not_held_are_asked_for_in_full(collector: Running) -> None:
    _, client = collector.enrolled()
    jobs = check_in(client, section_hashes=[b"x" * 32]).jobs
    assert [job.report_now.full for job in jobs] == [True]


def test_a_certificate_near_its_end_is_to_be_renewed(collector: Running) -> None:
    _, client = collector.enrolled()
    assert not check_in(client).renew
    collector.clock.offset = timedelta(days=21)
    assert check_in(client).renew


def test_a_sealed_credential_is_read_by_its_observer_alone(collector: Running) -> None:
    identity, client = collector.enrolled("p", PROBE)
    desk = collector.serving.desk
    key = desk.registry.get(identity.observer_id).sealing_key
    sealed = seal("snmp", b"s3cret", key)
    scan = Scan(("10.0.4.0/28",), "office", credentials=(sealed,))
    desk.queue_job(Wanted("person/x", observer_id=identity.observer_id, scan=scan))
    credential = check_in(client).jobs[0].scan.credentials[0]
    assert b"s3cret" not in credential.SerializeToString()
    assert unseal(credential, identity.sealing_key) == b"s3cret"
    with pytest.raises(NotForUs):
        unseal(credential, new_sealing_key())
    credential.name = "other"
    with pytest.raises(NotForUs):
        unseal(credential, identity.sealing_key)


def test_lines_through_the_door_are_journalled_with_their_times(collector: Running) -> None:
    then = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    with Door(collector.home) as door:
        lines = (Line("ä".encode(), then), Line(b"\xff now"))
        appended = door.append("import/estate", "jsonl.v1", lines)
        assert (appended.first, appended.last) == (1, 2)
        assert door.status().last == 2
    first, second = collector.entries()
    assert (first.entry.body, first.entry.received_at) == ("ä".encode(), then)
    assert second.entry.body == b"\xff now"
    assert second.entry.received_at > datetime.now(UTC) - timedelta(minutes=1)
    assert first.entry.origin == "import/estate"


def test_the_door_is_for_its_owner_alone(collector: Running) -> None:
    assert collector.home.door_path.parent.stat().st_mode & 0o777 == 0o700


def test_a_home_that_nobody_serves_says_so(tmp_path: Any) -> None:
    with (
        Door(Home(tmp_path / "none"), timedelta(seconds=5)) as door,
        pytest.raises(DoorClosed, match="no server answers"),
    ):
        door.status()
