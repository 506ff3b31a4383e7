"""Values that lose their weight: by a person's word, by a limit, and how a limit is learned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconcile.deciding import DecisionRefused, Word
from reconcile.stop_list import LEAST, crowded, distrust, learn, stop_list, trust
from tests.reconcile.history import START, Engine, observation
from tests.reconcile.words import person

WORD = Word("ann", START + timedelta(hours=30), "cloned image")
SERIAL = "5CG1234XYZ"
MAC = "00:50:56:aa:00:01"


def adapter(mac: str = MAC, *addresses: str) -> dict[str, Any]:
    return {"interfaces": [{"name": "eth0", "mac": mac, "kind": "ethernet",
                            "addresses": list(addresses)}]}  # fmt: skip


def said(decision: Any, at: int) -> dict[str, Any]:
    return person(decision.act, at, **decision.extra)


def count(engine: Engine) -> int:
    return len(list(engine.record.view.all_assets()))


def test_a_distrusted_value_joins_nobody_until_it_is_taken_back(engine: Engine) -> None:
    attributes = {"system_serial": SERIAL}
    engine.tell(*(observation(kind, "k", 1, attributes=attributes) for kind in ("agent", "import")))
    assert count(engine) == 1
    engine.tell(said(distrust(engine.record, "system_serial", SERIAL.lower(), WORD), 20))
    assert count(engine) == 2
    (value,) = stop_list(engine.record).values
    assert (value.key, value.value, value.records, value.decision) == (
        "system_serial", SERIAL, 2, 1,
    )  # fmt: skip
    engine.tell(observation("cloud", "vm", 21, attributes=attributes))
    assert count(engine) == 3, "nor anybody who comes later"
    engine.tell(person("undo", 22, undoes=1))
    assert count(engine) == 1


def test_a_distrusted_mac_ties_no_scan_to_a_machine(engine: Engine) -> None:
    engine.tell(
        observation("agent", "k", 1, attributes={"name": "box"}, **adapter()),
        observation("scan", "10.0.0.9", 2, **adapter()),
    )
    assert count(engine) == 1
    engine.tell(said(distrust(engine.record, "mac", MAC, WORD), 20))
    assert count(engine) == 2
    engine.tell(said(trust(engine.record, "mac", MAC, WORD), 21))
    assert count(engine) == 1


def test_the_limit_is_a_decision(engine: Engine) -> None:
    engine.tell(
        *(
            observation("import", f"row-{n}", 1, attributes={"system_serial": SERIAL})
            for n in range(6)
        )
    )
    assert count(engine) == 1
    engine.tell(said(crowded(engine.record, 4, WORD), 20))
    assert count(engine) == 6
    found = stop_list(engine.record)
    assert (found.limit, found.learned, found.origin) == (4, True, "decision 1")
    assert [(value.key, value.value, value.records) for value in found.values] == [
        ("system_serial", SERIAL, 6)
    ]
    engine.tell(said(trust(engine.record, "system_serial", SERIAL, WORD), 21))
    assert count(engine) == 1, "one that a person trusts identifies all the same"
    engine.tell(person("undo", 22, undoes=2), person("undo", 23, undoes=1))
    assert (count(engine), stop_list(engine.record).limit) == (1, 24)


def test_it_is_learned_from_values_that_one_asset_has(engine: Engine) -> None:
    kinds = ("agent", "import", "cloud")
    engine.tell(
        *(
            observation(kind, f"k{n}", 1, attributes={"system_serial": f"SER{n:05}"})
            for n in range(120)
            for kind in kinds
        ),
        *(observation("import", f"x{n}", 1, attributes={"asset_tag": "TAG-1"}) for n in range(20)),
        group=200,
    )
    found = learn(engine.record)
    assert (found.limit, found.now) == (LEAST, 24)
    assert "120 values" in found.why
    assert "3 records or fewer" in found.why
    spreads = {spread.key: spread for spread in found.spreads}
    assert (spreads["system_serial"].values, dict(spreads["system_serial"].by_records)) == (
        120, {"3-4": 120},
    )  # fmt: skip
    assert (spreads["asset_tag"].most, dict(spreads["asset_tag"].by_records)) == (20, {"17-32": 1})


def test_little_teaches_nothing(engine: Engine) -> None:
    engine.tell(observation("agent", "k", 1, attributes={"system_serial": SERIAL}))
    found = learn(engine.record)
    assert (found.limit, found.now) == (24, 24)
    assert "too few" in found.why


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("colour", "red", "there is no key 'colour'; there are"),
        ("name", "box", "there is no key 'name'"),
        ("mac", "not one", "is no mac"),
        ("system_serial", "To Be Filled By O.E.M.", "placeholder"),
    ],
)
def test_what_is_no_value_is_refused(engine: Engine, key: str, value: str, words: str) -> None:
    with pytest.raises(DecisionRefused, match=words):
        distrust(engine.record, key, value, WORD)
