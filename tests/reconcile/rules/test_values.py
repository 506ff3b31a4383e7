"""Whose word wins is data: orders, single sources, dynamic rules, empty answers, tolerances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcile.explain import explain
from tests.reconcile.history import Engine, Say
from tests.reconcile.rules.telling import carried_out, later, of_memory, of_name, under, value
from tests.reconcile.words import person

SERIAL = {"system_serial": "5CG1234XYZ"}
GIB = 1 << 30


def three(said: Say, attribute: str, *values: Any) -> list[dict[str, Any]]:
    """An agent, a list and a cloud tell of one machine, one hour after the other."""
    kinds = (("agent", "a1"), ("import", "hr"), ("cloud", "aws"))
    return [
        said(kind, f"k-{kind}", at, instance=instance, attributes=SERIAL | {attribute: told})
        for at, ((kind, instance), told) in enumerate(zip(kinds, values, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("text", "wins"),
    [
        (of_name("order: [import, agent]"), "b"),
        (of_name("order: [cloud/aws, import]"), "c"),
        (of_name("order: [cloud/azure, import]"), "b"),
        (of_name("order: [import, cloud/aws, agent, cloud]"), "b"),
        (of_name("rule: latest"), "c"),
        (of_name("order: [manual]"), "a"),
    ],
)
def test_the_order_of_a_file_decides(engine: Engine, said: Say, text: str, wins: str) -> None:
    engine.tell(*three(said, "name", "a", "b", "c"))
    assert value(engine, "ci-1", "name") == "a"
    under(engine, text, 4)
    assert value(engine, "ci-1", "name") == wins


@pytest.mark.parametrize(
    ("rule", "wins"),
    [("largest", 9 * GIB), ("smallest", 2 * GIB), ("latest", 4 * GIB), ("priority", 2 * GIB)],
)
def test_dynamic_rules_weigh_numbers(engine: Engine, said: Say, rule: str, wins: int) -> None:
    engine.tell(*three(said, "memory_bytes", 2 * GIB, 9 * GIB, 4 * GIB))
    under(engine, of_memory(f"rule: {rule}"), 4)
    assert value(engine, "ci-1", "memory_bytes") == wins


def test_what_most_say_wins_in_any_spelling(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "name", "other", "Box-7", "box-7."))
    under(engine, of_name("rule: most reported"), 4)
    # Of those who say the same the more trusted speaks.
    assert value(engine, "ci-1", "name") == "box-7."


def test_a_word_goes_stale_after_the_time_of_the_file(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "name", "a", "b", "c"))
    under(engine, of_name("order: [agent: 2 days, import/hr: 3 days, cloud: never]"), 4)
    assert value(engine, "ci-1", "name") == "a"
    assert value(later(engine, 3), "ci-1", "name") == "b"
    assert value(later(engine, 4), "ci-1", "name") == "c"


def test_an_empty_answer_clears_where_the_rule_says_so(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "owner", "", "Ann", None))
    assert value(engine, "ci-1", "owner") == "Ann"
    text = of_name("order: [agent: 2 days, import]", "empty: clears").replace("name", "owner")
    under(engine, text, 4)
    assert value(engine, "ci-1", "owner") is None
    (found,) = explain(engine.record, "ci-1", "owner", engine.now).attributes
    assert found.value is None
    assert found.claims[0].wins
    assert found.claims[0].why.startswith("looked at and empty, which counts")
    # It goes stale like any word.
    assert value(later(engine, 4), "ci-1", "owner") == "Ann"


def test_under_smallest_an_empty_answer_is_no_number(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "memory_bytes", None, 2 * GIB, 4 * GIB))
    under(engine, of_memory("rule: smallest", "empty: clears"), 4)
    assert value(engine, "ci-1", "memory_bytes") == 2 * GIB


def changes(engine: Engine) -> list[Any]:
    rows = engine.record.view.changes(None, 100, None)
    return [row for row in rows if row.what == "changed" and "attributes" in str(row.detail)]


@pytest.mark.parametrize("rule", ["latest", "priority", "most reported"])
def test_numbers_within_the_tolerance_do_not_flap(engine: Engine, said: Say, rule: str) -> None:
    text = of_memory(f"rule: {rule}", "tolerance: 5 %", "order: [cloud]", "compare: number")
    under(engine, text)
    for at in range(1, 9):
        for instance, size in (("a", 1000), ("b", 1040)):
            engine.tell(
                said("cloud", instance, 2 * at + (instance == "b"), instance=instance,
                     attributes=SERIAL | {"memory_bytes": size + at % 3})
            )  # fmt: skip
        assert value(engine, "ci-1", "memory_bytes") in {1000, 1001, 1002}
    assert changes(engine) == []


def test_without_a_tolerance_they_do(engine: Engine, said: Say) -> None:
    under(engine, of_memory("rule: latest", "compare: number"))
    for at in range(1, 5):
        size = 1000 + 40 * (at % 2)
        fields = SERIAL | {"memory_bytes": size}
        engine.tell(said("cloud", str(at % 2), at, instance=str(at % 2), attributes=fields))
    assert len(changes(engine)) == 3


def test_numbers_beyond_the_tolerance_are_others(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "memory_bytes", 1000, 1060, 1090))
    under(engine, of_memory("rule: most reported", "tolerance: 50", "compare: number"), 4)
    assert value(engine, "ci-1", "memory_bytes") == 1090
    (found,) = explain(engine.record, "ci-1", "memory_bytes", engine.now).attributes
    assert [claim.why for claim in found.claims] == [
        "most reported", "says the same", "another value is most reported"
    ]  # fmt: skip
    assert found.compare == "number, within 50"


def test_the_form_of_the_file_says_what_is_the_same(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "kernel_version", "6.1-A", "6.1-a", "6.2"))
    text = of_name("rule: most reported").replace("name", "kernel_version")
    under(engine, text, 4)
    assert value(engine, "ci-1", "kernel_version") == "6.1-A"
    (found,) = explain(engine.record, "ci-1", "kernel_version", engine.now).attributes
    assert "says the same" not in [claim.why for claim in found.claims]
    under(engine, text + "        compare: words\n", 5)
    (found,) = explain(engine.record, "ci-1", "kernel_version", engine.now).attributes
    assert "says the same" in [claim.why for claim in found.claims]


def test_silence_and_retirement_are_rules(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k1", 1, attributes=SERIAL), said("import", "row", 1, attributes={}))
    file = "silence: {agent: 5 days}\nclasses: {Device: {retire_after: 2 days}}\n"
    under(engine, file)
    assert later(engine, 4).find("ci-1").state == "present"
    assert later(engine, 6).find("ci-1").state == "missing"
    assert later(engine, 9).find("ci-1").state == "retired"
    found = explain(engine.record, "ci-1", None, engine.now)
    assert "silent for 5 days" in found.state_why
    assert "agent silent for 5 days (rules version 1, line 1)" in found.state_rule
    assert "retired after 2 days missing (rules version 1, line 2)" in found.state_rule
    under(engine, file.replace("2 days", "never"), 300)
    assert engine.find("ci-1").state == "missing"


def test_a_reason_names_the_rule_and_its_line(engine: Engine, said: Say) -> None:
    engine.tell(*three(said, "name", "a", "b", "c"))
    (found,) = explain(engine.record, "ci-1", "name", engine.now).attributes
    assert found.origin == "default"
    under(engine, of_name("order: [import/hr]"), 4)
    under(engine, of_name("", "order: [import/hr]"), 5)
    (found,) = explain(engine.record, "ci-1", "name", engine.now).attributes
    assert found.origin == "rules version 2, line 6 (order)"
    assert found.order == ("import/hr",)
    assert found.claims[0].why == "import/hr is the most trusted that says anything"


def test_identity_by_rules(engines: Callable[[], Engine], said: Say) -> None:
    lines = (
        said("agent", "k1", 1, **{"class": "Computer"}, attributes=SERIAL),
        said("cloud", "k2", 1, **{"class": "Computer"}, attributes=SERIAL),
    )
    for text, assets in (
        ("", 1),
        ("classes: {Device: {identity: {off: [system_serial]}}}", 2),
        ("classes: {Computer: {identity: {off: [system_serial]}}}", 2),
        ("classes: {Printer: {identity: {off: [system_serial]}}}", 1),
        ("classes: {Device: {identity: {placeholders: {system_serial: [5cg1234xyz]}}}}", 2),
        ("classes: {Device: {identity: {placeholders: {system_serial: [other]}}}}", 1),
        ("stop_list: {limit: 2}", 1),
    ):
        engine = under(engines().tell(*lines), text, 2)
        assert sum(engine.record.view.counts().values()) == assets, text
        assert sum(under(engines(), text).tell(*lines).record.view.counts().values()) == assets
        engine.tell(person("undo", 3, undoes=1))
        assert sum(carried_out(engine).record.view.counts().values()) == 1


def test_a_reason_for_identity_names_the_rule(engine: Engine, said: Say) -> None:
    engine.tell(said("agent", "k1", 1, **{"class": "Phone"}, attributes=SERIAL))
    assert explain(engine.record, "ci-1", None, engine.now).identity_rules == ()
    text = (
        "classes:\n  Device:\n    identity:\n      off: [asset_tag]\n"
        "      order: [system_serial, bios_uuid, instance_id]\n"
        "  Phone:\n    identity:\n      placeholders: {system_serial: [5cg1234xyz]}\n"
    )
    found = explain(under(engine, text, 2).record, "ci-1", None, engine.now)
    assert found.identity_rules == (
        "key order: system_serial, bios_uuid, instance_id (rules version 1, line 5)",
        "keys off: asset_tag (rules version 1, line 4)",
        "placeholders: system_serial 5CG1234XYZ (rules version 1, line 8)",
    )
    assert "system_serial=5CG1234XYZ (left out by rules)" in found.links[0].keys
    engine.tell(said("agent", "k2", 3, **{"class": "Phone"}, attributes={"name": "other"}))
    other = explain(engine.record, "other", None, engine.now)
    assert not any(rule.startswith("placeholders") for rule in other.identity_rules)
