"""A report with thousands of adapters holds nobody up and joins by no more than some of them."""

from __future__ import annotations

from reconcile.evidence import _MOST_VALUES
from reconcile.witness import Witness
from tests.reconcile.history import Engine, Say


def test_identifying_values_of_a_record_are_bounded(engine: Engine, said: Say) -> None:
    adapters = [
        {
            "name": f"e{number}",
            "kind": "ethernet",
            "mac": f"00:50:56:00:{number // 256:02x}:{number % 256:02x}",
        }
        for number in range(4_000)
    ]
    for record in range(8):
        engine.tell(said("agent", f"k{record}", record, interfaces=adapters))
    (asset,) = engine.record.view.all_assets()
    links = engine.record.ledger.linked(asset.id)
    assert len(links) == 8
    timeline = Witness(engine.record.ledger).timeline(links[0].record)
    assert len(timeline.nodes[0].of("mac")) == _MOST_VALUES


def test_a_report_of_what_changed_is_no_new_evidence(engine: Engine, said: Say) -> None:
    whole = said("agent", "k1", 0, instance="k1", attributes={"system_serial": "5CG1234567"})
    engine.tell({**whole, "class": "Computer"})
    for hour in (1, 2, 3):
        part = said("agent", "k1", hour, instance="k1", full=False, programs=[])
        engine.tell({**part, "class": "Computer"})
    (row,) = engine.record.ledger.all_records()
    assert len(Witness(engine.record.ledger).timeline(row.id).visits) == 1
