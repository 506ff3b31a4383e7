"""What an observer's kind may not state, and numbers that no store can hold."""

from __future__ import annotations

from typing import Any

import pytest

from stocktake.v1.intake_pb2 import Item, ReportRequest
from stocktake.v1.observation_pb2 import (
    Computer,
    Observation,
    RecordRef,
    Relation,
    Relations,
    Section,
)

Running = Any


def stated(cls: str, *sections: Section, key: str = "") -> Item:
    observation = Observation(native_key=key, sections=sections)
    setattr(observation, "class", cls)
    return Item(observation=observation)


@pytest.mark.parametrize("cls", ["Entitlement", "Group", "BusinessService", "Service"])
def test_an_agent_states_machines_and_nothing_that_people_decide(
    collector: Running, cls: str
) -> None:
    identity, client = collector.enrolled()
    answer = client.report(
        ReportRequest(
            batch_id="batch-000000000001",
            sequence=1,
            items=[stated(cls, key=f"{identity.key_prefix}/x"), stated("Computer")],
        )
    )
    assert [(receipt.index, "may not state" in receipt.reason) for receipt in answer.receipts] == [
        (0, True)
    ]


def test_a_number_that_no_store_can_hold_is_refused(collector: Running) -> None:
    _, client = collector.enrolled()
    section = Section(computer=Computer(memory_bytes=2**64 - 1))
    answer = client.report(
        ReportRequest(
            batch_id="batch-000000000001", sequence=1, items=[stated("Computer", section)]
        )
    )
    assert "memory_bytes is larger" in answer.receipts[0].reason


def test_a_relation_that_is_not_declared_is_refused(collector: Running) -> None:
    _, client = collector.enrolled()
    relation = Relation(type="__proto__", target=RecordRef(native_key="x"))
    section = Section(relations=Relations(relations=[relation]))
    answer = client.report(
        ReportRequest(
            batch_id="batch-000000000001", sequence=1, items=[stated("Computer", section)]
        )
    )
    assert "no relation" in answer.receipts[0].reason
