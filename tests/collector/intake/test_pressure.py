"""A record that falls behind slows the intake; one that has caught up lets the journal shrink."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from collector.answers import Refused
from collector.frame import Report
from collector.home import Home
from collector.intake import Backlog, Intake
from collector.intake_desk import IntakeDesk, Line
from collector.intake_process import Housekeeping
from stocktake.v1.intake_pb2 import Item
from stocktake.v1.observation_pb2 import Observation


@pytest.mark.parametrize("most", [Backlog(100, 1_000), Backlog(1_000, 100)])
def test_a_backlog_makes_the_intake_busy_until_it_is_gone(collector: Any, most: Backlog) -> None:
    identity, _ = collector.enrolled()
    desk = collector.serving.desk
    waiting = [101]
    intake = Intake(desk, lambda: Backlog(waiting[0], waiting[0]), most)
    observer = desk.registry.get(identity.observer_id)
    report = Report("batch-0000000001", 1, [Item(observation=Observation())])
    with pytest.raises(Refused, match="busy: 101 entries of 0 MiB wait") as caught:
        intake.take(observer, report)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    waiting[0] = 100
    assert intake.take(observer, report).journal_sequence == 1


def test_what_was_applied_a_round_ago_is_trimmed(tmp_path: Path) -> None:
    desk = IntakeDesk(Home(tmp_path).create())
    applied = [0]
    house = Housekeeping(desk, lambda: applied[0])
    desk.append("import/x", "jsonl.v1", tuple(Line(str(n).encode()) for n in range(5)))
    assert house.backlog() == Backlog(5, 5)
    applied[0] = 3
    house.keep()
    assert len(desk.journal.read(0, 10, 1000)) == 5
    applied[0] = 4
    house.keep()
    assert [n.sequence for n in desk.journal.read(0, 10, 1000)] == [4, 5]
    assert house.backlog() == Backlog(
        1, 5
    )  # what came at once is counted until all of it is applied
    desk.close()


def test_tokens_are_made_without_a_server_for_where_it_last_listened(tmp_path: Path) -> None:
    from agent.uplink.token import parse_token
    from collector.enrolment.tokens import Grants
    from collector.intake_desk import Addresses

    desk = IntakeDesk(Home(tmp_path).create())
    desk.set_addresses(Addresses(("c.test:1",), ("c.test:2",)))
    desk.close()
    desk = IntakeDesk(Home(tmp_path))
    made = desk.make_token(Grants(frozenset({"agent"}), "s"), timedelta(days=1), "person/x")
    token = parse_token(made.text)
    assert token.addresses == ("c.test:2",)
    assert token.fingerprint == desk.authority.fingerprint
    desk.close()
