"""What callers may take of the gRPC servers."""

from typing import Any

import grpc
import pytest

from collector.enrolment.authority import Authority
from collector.intake_desk import utc_now
from collector.listen import Listen, enrolment_server, grpc_server, observer_server

AGE, GRACE = "grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms"


@pytest.mark.parametrize(
    ("make", "threads", "age_ms", "grace_ms"),
    [(observer_server, 64, 300_000, 30_000), (enrolment_server, 16, 15_000, 5_000)],
)
def test_a_caller_who_sends_nothing_does_not_hold_a_thread_for_ever(  # type: ignore[no-untyped-def]
    make, threads: int, age_ms: int, grace_ms: int, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = spied(monkeypatch)
    server, port = make((), Listen(port=0, enrol_port=0), Authority.open(tmp_path / "a"), utc_now)
    server.stop(None).wait(10)
    assert port > 0
    assert seen["threads"] == threads
    assert threads < seen["maximum_concurrent_rpcs"] <= 128
    options = dict(seen["options"])
    assert (options[AGE], options[GRACE]) == (age_ms, grace_ms)
    assert options["grpc.max_concurrent_streams"] == 8


def test_the_door_for_the_homes_own_processes_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied(monkeypatch)
    grpc_server((), message_bytes=1024).stop(None).wait(10)
    assert not {AGE, GRACE, "grpc.max_concurrent_streams"} & dict(seen["options"]).keys()


def spied(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    real = grpc.server

    def server(pool: Any, **words: Any) -> grpc.Server:
        seen.update(words, threads=pool._max_workers)
        return real(pool, **words)

    monkeypatch.setattr(grpc, "server", server)
    return seen
