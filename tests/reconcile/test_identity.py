"""Which records are one asset, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reconcile.history import Engine, Say


def groups(engine: Engine) -> list[list[str]]:
    """Native keys by asset, sorted."""
    ledger = engine.record.ledger
    found: dict[int, list[str]] = {}
    for row in ledger.all_records():
        found.setdefault(ledger.links([row.id])[row.id].asset, []).append(row.key.native_key)
    return sorted(sorted(keys) for keys in found.values())


def test_two_observers_of_one_machine_make_one_asset(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"name": "pc", "system_serial": "5CG123"}),
        said("import", "row 1", 1, attributes={"system_serial": "5cg123", "location": "HQ"}),
    )
    assert groups(engine) == [["a", "row 1"]]
    row = engine.find("pc")
    assert row.attributes["location"] == "HQ"
    assert row.source_kinds == ("agent", "import")


@pytest.mark.parametrize(
    "serial", ["To be filled by O.E.M.", "0", "Default string", "........", ""]
)
def test_a_placeholder_joins_nothing(engine: Engine, said: Say, serial: str) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"name": "pc-1", "system_serial": serial}),
        said("agent", "b", 0, attributes={"name": "pc-2", "system_serial": serial}),
    )
    assert groups(engine) == [["a"], ["b"]]


def test_a_uuid_counts_in_both_byte_orders(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"bios_uuid": "4B257539-D4C6-46B3-AD94-BC9BE8888346"}),
        said("cloud", "b", 0, attributes={"bios_uuid": "3975254b-c6d4-b346-ad94-bc9be8888346"}),
    )
    assert groups(engine) == [["a", "b"]]


def test_a_shared_mac_does_not_join_machines_with_serials_of_their_own(
    engine: Engine, said: Say
) -> None:
    dock = [{"name": "eth1", "mac": "00:e0:4c:68:01:02", "kind": "ethernet"}]
    engine.tell(
        said("agent", "a", 0, attributes={"system_serial": "AAA1"}, interfaces=dock),
        said("agent", "b", 0, attributes={"system_serial": "BBB2"}, interfaces=dock),
    )
    assert groups(engine) == [["a"], ["b"]]
    ledger = engine.record.ledger
    first = next(iter(ledger.all_records()))
    evidence: Any = ledger.links([first.id])[first.id].evidence
    assert [(r["key"], r["why"]) for r in evidence["ignored"]] == [
        ("mac", "system_serial differs: AAA1 and BBB2")
    ]


def test_a_name_alone_never_joins(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"name": "hq-7"}),
        said("import", "b", 0, attributes={"name": "hq-7"}),
    )
    assert groups(engine) == [["a"], ["b"]]


def test_a_name_and_an_address_together_join(engine: Engine, said: Say) -> None:
    nic = [{"name": "eth0", "kind": "ethernet", "addresses": ["10.0.0.5/24"]}]
    engine.tell(
        said("agent", "a", 0, attributes={"name": "hq-7"}, interfaces=nic),
        said("import", "b", 0, attributes={"name": "HQ-7"}, interfaces=nic),
    )
    assert groups(engine) == [["a", "b"]]


def test_one_address_in_two_scopes_is_two_things(engine: Engine, said: Say) -> None:
    nic = [{"name": "eth0", "mac": None, "kind": "ethernet", "addresses": ["10.0.0.5/24"]}]
    engine.tell(
        said("agent", "a", 0, scope="east", attributes={"name": "pc"}, interfaces=nic),
        said("scan", "10.0.0.5", 0, scope="west", interfaces=nic),
    )
    assert groups(engine) == [["10.0.0.5"], ["a"]]


@pytest.mark.parametrize("scan_first", [True, False])
def test_a_scanned_address_is_its_one_known_holder(
    engine: Engine, said: Say, *, scan_first: bool
) -> None:
    nic = [{"name": "eth0", "kind": "ethernet", "addresses": ["10.0.0.5/24"]}]
    agent = said("agent", "a", 0, attributes={"name": "pc"}, interfaces=nic)
    scan = said("scan", "10.0.0.5", 1, interfaces=[{"addresses": ["10.0.0.5"]}])
    engine.tell(*((scan, agent) if scan_first else (agent, scan)))
    assert groups(engine) == [["10.0.0.5", "a"]]


def test_a_value_that_many_share_loses_its_weight_for_all_of_them(
    engine: Engine, said: Say
) -> None:
    from reconcile.identify import CROWDED

    nic = [{"name": "eth0", "mac": "00:11:22:aa:bb:cc", "kind": "ethernet"}]
    for number in range(CROWDED):
        engine.tell(said("agent", f"k{number:02}", 0, interfaces=nic))
    assert len(groups(engine)) == 1
    engine.tell(said("agent", "one more", 0, interfaces=nic))
    assert len(groups(engine)) == CROWDED + 1


def test_joining_keeps_the_older_id_and_the_other_as_alias(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"name": "pc", "system_serial": "AAA1"}),
        said("cloud", "b", 0, attributes={"instance_id": "i-77"}),
    )
    older, other = _ids(engine)
    engine.tell(said("cloud", "b", 1, attributes={"instance_id": "i-77", "system_serial": "aaa1"}))
    row = engine.find("pc")
    assert row.id == older
    assert row.aliases == (other,)
    assert engine.find(f"ci-{other}").id == older


def _ids(engine: Engine) -> list[int]:
    return sorted(row.id for row in engine.record.view.all_assets())


def test_a_record_that_leaves_gives_each_side_its_own_again(engine: Engine, said: Say) -> None:
    engine.tell(
        said("agent", "a", 0, attributes={"name": "pc", "system_serial": "AAA1"}),
        said("import", "b", 0, attributes={"name": "list", "system_serial": "AAA1"}),
        said("import", "b", 1, attributes={"name": "list", "system_serial": "BBB2"}),
    )
    assert groups(engine) == [["a"], ["b"]]
    assert engine.find("pc").id != engine.find("list").id


def test_agents_that_are_live_at_once_speak_of_machines_of_their_own(
    engine: Engine, said: Say
) -> None:
    """A cloned image: each agent is a source of its own, with its own name and adapter."""
    for at in range(0, 60, 6):
        for number in range(3):
            adapter = {"name": "eth0", "mac": f"00:50:56:aa:00:0{number}", "kind": "ethernet"}
            engine.tell(
                said(
                    "agent", f"obs-{number}", at, instance=f"obs-{number}", interfaces=[adapter],
                    attributes={"name": f"clone-{number}", "system_serial": "5CG1234XYZ"},
                )
            )  # fmt: skip
    assert len({engine.find(f"clone-{number}").id for number in range(3)}) == 3


def test_an_agent_that_was_enrolled_anew_speaks_of_the_same_machine(
    engine: Engine, said: Say
) -> None:
    for at in range(0, 60, 6):
        instance = "obs-old" if at < 30 else "obs-new"
        adapter = {"name": "eth0", "mac": f"00:50:56:aa:00:0{at // 30}", "kind": "ethernet"}
        engine.tell(
            said(
                "agent", instance, at, instance=instance, interfaces=[adapter],
                attributes={"name": f"pc-{at // 30}", "system_serial": "5CG1234XYZ"},
            )
        )  # fmt: skip
    assert len(engine.record.ledger.linked(engine.find("pc-1").id)) == 2
