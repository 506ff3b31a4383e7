"""Whose claim wins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cmdb.model.observation import Json
from reconcile.deciding import DecisionRefused, Word
from reconcile.explain import attributes, explain
from reconcile.setting import set_values
from tests.reconcile.history import Engine, Say


def two(engine: Engine, said: Say, **later: str) -> None:
    engine.tell(
        said(
            "agent", "a", 0, attributes={"name": "pc", "system_serial": "AAA1", "owner": "agent's"}
        ),
        said("import", "b", 1, attributes={"name": "list", "system_serial": "AAA1", **later}),
    )


def test_an_agents_word_beats_a_list(engine: Engine, said: Say) -> None:
    two(engine, said)
    assert engine.find("pc").attributes["name"] == "pc"


def test_a_lists_word_on_the_owner_beats_an_agents(engine: Engine, said: Say) -> None:
    two(engine, said, owner="finance")
    assert engine.find("pc").attributes["owner"] == "finance"


def test_an_empty_claim_never_wins_over_a_value(engine: Engine, said: Say) -> None:
    two(engine, said, owner="")
    assert engine.find("pc").attributes["owner"] == "agent's"


def test_a_stale_word_yields_to_a_fresh_one_when_the_time_comes(engine: Engine, said: Say) -> None:
    two(engine, said)
    later = engine.now + timedelta(days=31)
    assert engine.pipeline.refresh(later) == 1
    assert engine.find("list").attributes["name"] == "list"
    assert engine.pipeline.refresh(later) == 0


def test_every_claim_is_explained(engine: Engine, said: Say) -> None:
    two(engine, said)
    found = explain(engine.record, "pc", "name", engine.now)
    assert [(c.value, c.wins, c.why) for c in found.attributes[0].claims] == [
        ("pc", True, "agent is the most trusted that says anything"),
        ("list", False, "import ranks 5, agent ranks 1"),
    ]


def test_a_scans_device_is_an_agents_computer_and_back(engine: Engine, said: Say) -> None:
    nic = [{"name": "eth0", "mac": "00:50:56:aa:00:01", "kind": "ethernet"}]
    engine.tell(said("scan", "10.0.0.5", 0, **{"class": "Device"}, interfaces=nic))
    engine.tell(said("agent", "a", 1, **{"class": "Computer"}, interfaces=nic))
    assert [row.cls for row in engine.record.view.all_assets()] == ["Computer"]


def test_a_value_is_shown_with_the_claim_that_is_explained(engine: Engine, said: Say) -> None:
    two(engine, said, owner="", vendor="Dell")
    engine.tell(said("cloud", "c", 2, attributes={"system_serial": "AAA1", "name": "pc"}))
    row = engine.find("pc")
    for at in (engine.now, engine.now + timedelta(days=400)):
        told = explain(engine.record, "pc", None, at).attributes
        expected = []
        for each in told:
            if each.value is not None:
                best = each.claims[0]
                sources = {(claim.source_kind, claim.source_instance) for claim in each.claims}
                expected.append(
                    (each.name, each.value, best.source_kind, best.stale, len(sources) - 1)
                )
        shown = attributes(engine.record, row.id, at)
        assert [
            (view.name, view.value, view.source_kind, view.stale, view.losers) for view in shown
        ] == expected
        assert {entry[-1] for entry in expected} >= {0, 1}


@pytest.mark.parametrize("value", [True, -4, "-4"])
def test_what_is_no_number_is_kept_and_counts_for_nothing(
    engine: Engine, said: Say, value: Json
) -> None:
    told = {"name": "pc", "cpu_cores": value, "memory_bytes": value}
    engine.tell(said("import", "a", 0, **{"class": "Computer"}, attributes=told))
    assert engine.find("pc").attributes.keys().isdisjoint({"cpu_cores", "memory_bytes"})
    [cores] = explain(engine.record, "pc", "cpu_cores", engine.now).attributes
    assert cores.claims[0].value == value
    assert "no number" in cores.claims[0].why


@pytest.mark.parametrize("value", ["zzz", "00000000-0000-0000-0000-000000000000", "12-34"])
def test_a_person_sets_no_uuid_that_is_none(engine: Engine, said: Say, value: str) -> None:
    engine.tell(said("import", "a", 0, **{"class": "Computer"}, attributes={"name": "pc"}))
    word = Word("ann", engine.now)
    with pytest.raises(DecisionRefused, match="bios_uuid is a UUID"):
        set_values(engine.record, "pc", [f"bios_uuid={value}"], word)
    good = "4c4c4544-0053-3510-8034-b4c04f534d32"
    assert set_values(engine.record, "pc", [f"bios_uuid={good}"], word).values["bios_uuid"] == good
