"""The state is a function of what was said, whatever the order in which it arrives."""

from __future__ import annotations

import os
import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from tests.reconcile.history import Engine, observation

SERIALS = ("AAA111", "BBB222", "To Be Filled By O.E.M.")
UUIDS = ("4b257539-d4c6-46b3-ad94-bc9be8888346", "3975254b-c6d4-b346-ad94-bc9be8888346")
MACS = ("00:50:56:aa:00:01", "00:50:56:aa:00:02", "02:42:ac:11:00:02")
NAMES = ("web-1", "web-2", "WEB-1", "")
ADDRESSES = ("10.0.0.5/24", "10.0.0.6/24")


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(("agent", "scan", "import", "cloud")))
    key = draw(st.sampled_from(("10.0.0.5", "10.0.0.6") if kind == "scan" else ("k1", "k2", "k3")))
    at = draw(st.integers(0, 12))
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["class"] = draw(st.sampled_from(("Computer", "Device", "VirtualMachine")))
    attributes = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "system_serial": st.sampled_from(SERIALS),
                "bios_uuid": st.sampled_from(UUIDS),
                "name": st.sampled_from(NAMES),
                "owner": st.sampled_from(("ops", "OPS", "sales", "")),
            },
        )
    )
    if attributes:
        fields["attributes"] = attributes
    if draw(st.booleans()):
        fields["interfaces"] = [
            {"name": "eth0", "mac": draw(st.sampled_from(MACS)), "kind": "ethernet",
             "addresses": draw(st.lists(st.sampled_from(ADDRESSES), max_size=1))}
        ]  # fmt: skip
    if draw(st.booleans()):
        fields["services"] = [
            {"protocol": "tcp", "port": draw(st.sampled_from((22, 443))), "process": "nginx"}
        ]
    if draw(st.booleans()):
        fields["connections"] = [
            {"protocol": "tcp", "outbound": True, "server_address": "10.0.0.6",
             "server_port": 443, "process": "nginx"}
        ]  # fmt: skip
    if draw(st.booleans()):
        fields["programs"] = [
            {"name": name, "version": draw(st.sampled_from(("1", "2"))), "package_system": "deb"}
            for name in draw(st.sets(st.sampled_from(("bash", "curl"))))
        ]
    if draw(st.booleans()):
        fields["relations"] = [
            {"type": "related_to", "target": {"native_key": draw(st.sampled_from(("k1", "k2")))}}
        ]
    return observation(kind, key, at, full=draw(st.booleans()), **fields)


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(st.data())
def test_any_order_and_any_grouping_lead_to_one_state(data: st.DataObject) -> None:
    history = data.draw(st.lists(lines(), min_size=2, max_size=7))
    other = data.draw(st.permutations([*history, *history[:2]]))
    group = data.draw(st.integers(1, 5))
    with tempfile.TemporaryDirectory() as folder:
        states = []
        for number, (told, size) in enumerate(((history, 1), (other, group))):
            record = open_record(Path(folder) / f"{number}.db")
            engine = Engine(record)
            last = max(line["at"] for line in history)
            # The clock is part of the state (what is stale): both end at the same time.
            engine.tell(*({**line, "at": last} for line in told), group=size)
            states.append(engine.state())
            record.close()
    assert states[0] == states[1]
    assert states[0]["assets"]


def test_a_relation_to_itself_stays_when_its_sockets_change(tmp_path: Path) -> None:
    said = [
        observation("agent", "k1", 0, full=False),
        observation(
            "agent", "k1", 0, full=False,
            services=[{"protocol": "tcp", "port": 22, "process": "nginx"}],
            relations=[{"type": "related_to", "target": {"native_key": "k1"}}],
        ),
        observation(
            "agent", "k1", 0, full=False,
            connections=[
                {"protocol": "tcp", "outbound": True, "server_address": "10.0.0.6",
                 "server_port": 443, "process": "nginx"}
            ],
        ),
    ]  # fmt: skip
    own = ("agent/one/site/k1[0]", "related_to", "agent/one/site/k1[0]")
    for place, order in enumerate(permutations(said)):
        for group in (1, 3):
            engine = Engine(open_record(tmp_path / f"{place}-{group}.db"))
            engine.tell(*order, group=group)
            assert own in engine.state()["relations"]
            engine.record.close()


def test_a_relation_that_was_said_last_in_a_stretch_that_ended_finds_its_target(
    tmp_path: Path,
) -> None:
    def adapter(mac: str) -> list[dict[str, Any]]:
        return [{"name": "eth0", "mac": mac, "kind": "ethernet", "addresses": []}]

    said = [
        observation("cloud", "k1", 0, parent={"native_key": "host"}, interfaces=adapter(MACS[0]),
                    attributes={"system_serial": "AAA111"}),
        observation("cloud", "k1", 24, interfaces=adapter("94:c6:91:20:00:01"),
                    attributes={"system_serial": "BBB222"}),
        observation("cloud", "host", 48),
    ]  # fmt: skip
    for place, order in enumerate(permutations(said)):
        engine = Engine(open_record(tmp_path / f"{place}.db")).tell(*order)
        own = ("cloud/one/site/k1[0]", "part_of", "cloud/one/site/host[0]")
        assert own in engine.state()["relations"], place
        engine.record.close()
