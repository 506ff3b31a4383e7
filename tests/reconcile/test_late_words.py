"""A word that comes late ends where its source said something else of it, or left it out."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model.observation import Extent, Observation, RecordKey, Section, SectionKind, Source
from cmdb.store.sqlite.record import open_record
from reconcile.pipeline import Pipeline
from reconcile.witness import Witness
from tests.cmdb.history.conftest import past_of
from tests.reconcile.history import START, Engine, observation

MACHINES = {"one": "94:c6:91:20:00:01", "two": "94:c6:91:20:00:02"}
_SETTINGS = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def report(at: int, machine: str, **fields: Any) -> dict[str, Any]:
    """Whole, of one of the machines that one native key was about."""
    adapters = [{"name": "eth0", "mac": MACHINES[machine], "kind": "ethernet", "addresses": []}]
    told = {"system_serial": f"SERIAL-{machine}", "name": f"{machine}-{at}"}
    attributes = told | fields.pop("attributes", {})
    return observation("agent", "k1", at, attributes=attributes, interfaces=adapters, **fields)


@st.composite
def reports(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of two machines by turns, each leaving out what it may."""
    found = []
    for at in draw(st.lists(st.integers(0, 9), min_size=3, max_size=6, unique=True)):
        fields: dict[str, Any] = {}
        if draw(st.booleans()):
            fields["class"] = draw(st.sampled_from(("Computer", "VirtualMachine")))
        if draw(st.booleans()):
            fields["parent"] = {"native_key": "host"}
        if draw(st.booleans()):
            fields["attributes"] = {"owner": draw(st.sampled_from(("ops", "sales")))}
        if draw(st.booleans()):
            fields["services"] = [{"protocol": "tcp", "port": 22, "process": "sshd"}]
        if draw(st.booleans()):
            version = draw(st.sampled_from(("1", "2")))
            fields["programs"] = [{"name": "bash", "version": version, "package_system": "deb"}]
        found.append(report(at * 8, draw(st.sampled_from(sorted(MACHINES))), **fields))
    return found


@_SETTINGS
@given(st.data())
def test_no_order_changes_what_an_ended_stretch_says(data: st.DataObject) -> None:
    history = data.draw(reports())
    history.append(observation("agent", "host", 0, attributes={"name": "host"}))
    ordered = sorted(history, key=lambda line: str(line["observed_at"]))
    other = data.draw(st.permutations(history))
    said, late = _answers(ordered), _answers(other)
    for moment, answer in said.items():
        assert late[moment] == answer, moment


def _answers(order: list[dict[str, Any]]) -> dict[str, Any]:
    """The state now, and as of whenever anything was said."""
    when = sorted({str(line["observed_at"]) for line in order})
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(open_record(Path(folder) / "record.db"))
        engine.tell(*({**line, "at": when[-1]} for line in order))
        found = {"now": engine.state()}
        for at in when:
            found[at] = past_of(engine, datetime.fromisoformat(at), None)
        engine.record.close()
    return found


def test_a_class_ends_with_the_first_report_after_it_that_leaves_it_out(tmp_path: Path) -> None:
    """The stretch of the first machine ends at 48 hours; its last word, at 24, had no class."""
    history = [report(0, "one", **{"class": "VirtualMachine"}), report(24, "one"),
               report(48, "two"), report(72, "two")]  # fmt: skip
    for number, order in enumerate(permutations(history)):
        engine = Engine(open_record(tmp_path / f"{number}.db")).tell(*order)
        assert engine.find("one-24").cls == "Device", number
        engine.record.close()


def test_a_word_that_was_repeated_counts_in_each_stretch(tmp_path: Path) -> None:
    """Of `Computer` the last time is kept; that it was said at 24, too, follows from the visit."""
    said = ((0, "one", "Computer"), (24, "one", "Computer"), (48, "two", "Computer"),
            (12, "one", "VirtualMachine"))  # fmt: skip
    history = [report(at, machine, **{"class": cls}) for at, machine, cls in said]
    for number, order in enumerate(permutations(history)):
        engine = Engine(open_record(tmp_path / f"{number}.db")).tell(*order)
        assert engine.find("one-24").cls == "Computer", number
        engine.record.close()


def test_values_told_in_part_end_with_a_whole_report_in_each_stretch(tmp_path: Path) -> None:
    """The second machine is not part of the host of which the first one's report told."""
    first = report(0, "one", full=False, parent={"native_key": "host"})
    second = report(24, "two")
    back = report(48, "one", full=False, **{"class": "Computer"})
    history = [first, second, back, observation("cloud", "host", 0)]
    history[-1]["source"] = first["source"]
    when = [datetime.fromisoformat(str(line["observed_at"])) for line in history[:3]]
    answers = []
    for number, order in enumerate(permutations(history)):
        engine = Engine(open_record(tmp_path / f"{number}.db"))
        engine.tell(*({**line, "at": back["at"]} for line in order))
        answers.append([engine.state(), *(past_of(engine, at, None) for at in when)])
        engine.record.close()
    assert all(answer == answers[0] for answer in answers)
    assert not [each for each in answers[0][0]["relations"] if each[0].endswith("k1[1]")]


def test_what_was_told_in_part_and_late_stands_in_later_words(tmp_path: Path) -> None:
    """Of the owner was told at 12; the later word that was known first says nothing of it."""
    part: dict[str, Any] = {"full": False, "attributes": {"owner": "ops"}}
    history = [observation("agent", "k1", 0, attributes={"name": "w", "os_version": "1"}),
               observation("agent", "k1", 12, **part),
               observation("agent", "k1", 24, full=False, attributes={"os_version": "2"}),
               observation("agent", "k1", 48, attributes={"name": "w"})]  # fmt: skip
    told = [{**line, "at": history[-1]["at"]} for line in history]
    at = datetime.fromisoformat(str(history[2]["observed_at"]))
    for number, order in enumerate(permutations(told)):
        engine = Engine(open_record(tmp_path / f"{number}.db")).tell(*order)
        (asset,) = past_of(engine, at, None)["assets"].values()
        assert asset[4] == {"name": "w", "os_version": "2", "owner": "ops"}, number
        engine.record.close()


def test_when_a_machine_was_seen_last_does_not_follow_from_reports_that_name_none(
    tmp_path: Path,
) -> None:
    """Such a report, between two machines under one key, is kept or not by what came before it."""
    nobody = [observation("agent", "k1", at, parent={"native_key": "host"}) for at in (24, 30)]
    history = [report(0, "one"), *nobody, report(48, "two")]
    for number, order in enumerate(permutations(history)):
        engine = Engine(open_record(tmp_path / f"{number}.db")).tell(*order)
        seen = sorted(asset.last_seen for asset in engine.record.view.all_assets())
        assert seen == [START, START + timedelta(hours=48)], number
        engine.record.close()


def test_what_was_said_again_after_it_was_left_out_counts_from_then(tmp_path: Path) -> None:
    related: dict[str, Any] = {
        "relations": [{"type": "related_to", "target": {"native_key": "host"}}]
    }
    history = [observation("agent", "host", 0), observation("agent", "k1", 8, **related),
               observation("agent", "k1", 16), observation("agent", "k1", 32, **related),
               observation("agent", "k1", 40, full=False, **related)]  # fmt: skip
    told = [{**line, "at": history[-1]["at"]} for line in history]
    engine = Engine(open_record(tmp_path / "record.db"))
    engine.tell(*(told[place] for place in (0, 1, 4, 2, 3)))
    moments = [datetime.fromisoformat(str(line["observed_at"])) for line in history]
    found = [len(past_of(engine, at, None)["relations"]) for at in moments]
    assert found == [0, 1, 0, 1, 1]
    engine.record.close()


@st.composite
def parts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of two machines by turns, whole and in part, some without a word of which it is."""
    found = []
    for at in draw(st.lists(st.integers(0, 13), min_size=4, max_size=7, unique=True)):
        full = draw(st.integers(0, 3)) > 0
        fields: dict[str, Any] = {}
        if draw(st.booleans()):
            fields["class"] = draw(st.sampled_from(("Computer", "VirtualMachine")))
        attributes = {"owner": draw(st.sampled_from(("ops", "sales")))}
        machine = draw(st.sampled_from((*sorted(MACHINES), None)))
        if machine is not None and (full or draw(st.booleans())):
            attributes["system_serial"] = f"SERIAL-{machine}"
        if draw(st.booleans()):
            attributes["name"] = draw(st.sampled_from("vw"))
        if draw(st.booleans()):
            fields["services"] = [{"protocol": "tcp", "port": 22, "process": "sshd"}]
        found.append(observation("agent", "k1", at * 8, full=full, attributes=attributes, **fields))
    return found


@_SETTINGS
@given(st.data())
def test_no_order_changes_a_past_that_was_told_in_part(data: st.DataObject) -> None:
    history = data.draw(parts())
    ordered = sorted(history, key=lambda line: str(line["observed_at"]))
    said, late = _answers(ordered), _answers(data.draw(st.permutations(history)))
    for moment in said.keys() - {"now"}:
        assert late[moment] == said[moment], moment


def _heard(at: int, **sections: Section) -> Observation:
    """A whole report, at an hour."""
    told = {SectionKind[name]: section for name, section in sections.items()}
    when = START + timedelta(hours=at)
    key = RecordKey(Source("agent", "one"), "site", "k1")
    return Observation(key, when, START + timedelta(days=9), full=True, sections=told)


def test_what_could_not_be_looked_at_is_not_left_out(tmp_path: Path) -> None:
    """An agent that may not list the disks says so; those of which it told last are there."""
    name = Section(Extent.FULL, {"name": "web-1"})
    told = [Section(Extent.FULL, [{"name": disk}]) for disk in ("sda", "sdb")]
    disks = [*told, Section(Extent.NOT_COLLECTED)]
    history = [_heard(24 * day, ATTRIBUTES=name, DISKS=disk) for day, disk in enumerate(disks)]
    for number, order in enumerate(permutations(history)):
        record = open_record(tmp_path / f"{number}.db")
        for said in order:
            Pipeline(record).apply([said], said.received_at)
        row = next(record.ledger.all_records())
        section = record.ledger.section(row.id, SectionKind.DISKS)
        assert section is not None
        assert json.loads(section.body) == [{"name": "sdb"}], number
        record.close()


def test_a_report_a_day_adds_nothing_to_a_timeline(tmp_path: Path) -> None:
    engine = Engine(open_record(tmp_path / "record.db"))
    lines = [report(24 * day, "one", attributes={"name": "web-1"}) for day in range(60)]
    engine.tell(*lines[:2])
    row = next(engine.record.ledger.all_records())
    size = len(engine.record.ledger.timeline(row.id).body)
    engine.tell(*lines[2:], group=10)
    assert len(engine.record.ledger.timeline(row.id).body) == size
    # Of many that come again within a visit the first and the last are kept.
    engine.tell(report(24 * 61, "two"), report(24 * 62, "one"), *lines[10:50])
    assert len(Witness(engine.record.ledger).sayings(row.id).rows) < 12
    engine.record.close()
