"""A clone speaks by turns: what ties it to its asset is told once, with the times it holds for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from cmdb.query.identity import in_stretches
from reconcile.by_record import by_record
from reconcile.explain import explain
from reconcile.explained import LinkExplained
from tests.reconcile.history import Engine, observation

TURNS = 6


def clone(engine: Engine) -> None:
    """One native key that two machines use by turns; a list knows the serial of the first."""
    engine.tell(observation("import", "row", 0, attributes={"system_serial": "PF3A7K2M"}))
    for turn in range(TURNS):
        serial, name = (("PF3A7K2M", "one"), ("PF9Z8Y7X", "two"))[turn % 2]
        adapter = {"name": "eth0", "mac": f"3c:52:82:aa:00:0{turn % 2}", "kind": "ethernet"}
        values = {"system_serial": serial, "name": name}
        engine.tell(observation("agent", "k1", turn + 1, attributes=values, interfaces=[adapter]))


def test_each_reason_is_told_once_with_its_stretches(engine: Engine) -> None:
    clone(engine)
    found = explain(engine.record, "one", None, engine.now)
    assert [link.native_key for link in found.links] == ["k1", "row"]
    agent = found.links[0]
    assert len(agent.stretches) == TURNS // 2
    assert agent.since == agent.stretches[0].since
    assert agent.until == agent.stretches[-1].until
    times = [(each.since, each.until) for each in agent.stretches]
    assert times == sorted(times, key=lambda each: each[0])
    assert len(agent.keys) == len(set(agent.keys)) > 1
    joined = cast("dict[str, Any]", agent.evidence)["joined_by"]
    assert len(joined) == len({str(reason) for reason in joined})
    assert [reason["key"] for reason in joined].count("system_serial") == 1


def test_what_does_not_hold_for_all_says_for_which(engine: Engine) -> None:
    clone(engine)
    link = explain(engine.record, "one", None, engine.now).links[1]
    every, later = {"key": "mac", "value": "a"}, {"key": "name", "value": "b"}

    def one(*reasons: Any) -> LinkExplained:
        return replace(link, evidence={"joined_by": list(reasons)})

    (told,) = by_record([one(every), one(every, later), one(every, later)])
    reasons = cast("dict[str, Any]", told.evidence)["joined_by"]
    assert reasons == [every, {**later, "stretches": [2, 3]}]
    assert [in_stretches(each) for each in reasons] == ["", " (in 2, 3)"]
