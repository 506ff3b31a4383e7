"""Questions: both sides with their evidence, a suggestion with its reason, and the answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from cmdb.query.identity import RecordRef, Side
from collector.sources import persons
from reconcile.deciding import UnknownRecord, Word
from reconcile.explain import explain
from reconcile.normalise import forms
from reconcile.twins import answer, questions, suggestion
from tests.reconcile.history import START, Engine

FAULT = Path(__file__).with_name("faults") / "dr_replica.jsonl"
MAC = ("005056aa0001",)


@pytest.fixture
def asked(engine: Engine) -> Engine:
    """An engine that has one question."""
    lines = FAULT.read_text(encoding="utf-8").splitlines()
    return engine.tell(*(json.loads(line) for line in lines))


def decide(engine: Engine, number: int, *, same: bool) -> None:
    at = engine.now + timedelta(hours=1)
    word = Word("ann", at)
    line = persons.write(answer(engine.record, number, same=same, word=word))
    engine.tell(line | {"at": at.isoformat()})


def test_a_question_has_two_sides_and_a_suggestion(asked: Engine) -> None:
    (question,) = questions(asked.record)
    one, two = question.sides
    assert one.asset != two.asset
    assert one.records
    assert two.records
    assert set(one.keys["bios_uuid"]) & set(two.keys["bios_uuid"])
    assert question.because == (
        "both give bios_uuid 4206dd9c-fde1-a5ee-3964-6392dd3fa197;"
        " both were live at once, with other adapters",
    )
    assert question.suggestion == "different"


@pytest.mark.parametrize("same", [True, False])
def test_an_answer_ends_it_and_undo_asks_again(asked: Engine, *, same: bool) -> None:
    (question,) = questions(asked.record)
    count = len(list(asked.record.view.all_assets()))
    decide(asked, question.number, same=same)
    assert questions(asked.record) == ()
    assert len(list(asked.record.view.all_assets())) == count - same
    with pytest.raises(UnknownRecord, match="answered"):
        decide(asked, question.number, same=same)
    at = (asked.now + timedelta(hours=1)).isoformat()
    asked.tell({"type": "person", "at": at, "act": "undo", "extra": {"undoes": "1"}})
    (again,) = questions(asked.record)
    assert (again.number, again.sides[0].asset) == (question.number, question.sides[0].asset)


@pytest.mark.parametrize(
    ("one", "two", "because", "expected"),
    [
        ({"bios_uuid": ("a",), "mac": MAC}, {"bios_uuid": ("b",), "mac": MAC}, (),
         ("different", "two UUIDs")),
        ({"system_serial": ("a",), "name": ("x",)}, {"system_serial": ("a",), "name": ("y",)}, (),
         ("same", "nothing but the name differs")),
        ({"system_serial": ("a",)}, {"system_serial": ("a",)}, (), ("same", "nothing differs")),
        ({"system_serial": ("a",), "mac": ("m",), "name": ("x",)},
         {"system_serial": ("a",), "mac": ("n",), "name": ("y",)}, ("both were live at once",),
         ("different", "both report at the same time, with other adapters, and two names")),
        ({"system_serial": ("a",), "model": ("x",)}, {"system_serial": ("a",), "model": ("y",)}, (),
         ("different", "two models")),
        ({"system_serial": ("a",), "mac": MAC, "machine_id": ("x",)},
         {"system_serial": ("a",), "mac": MAC, "machine_id": ("y",)}, (),
         ("same", "they share system_serial and mac")),
        ({"system_serial": ("a",), "machine_id": ("x",)},
         {"system_serial": ("a",), "machine_id": ("y",)}, (),
         ("different", "they share one value, and have two machine ids")),
    ],
)  # fmt: skip
def test_the_suggestion_follows_the_evidence(
    one: dict[str, tuple[str, ...]],
    two: dict[str, tuple[str, ...]],
    because: tuple[str, ...],
    expected: tuple[str, str],
) -> None:
    assert suggestion((_side(one), _side(two)), because) == expected


def _side(keys: dict[str, tuple[str, ...]]) -> Side:
    record = RecordRef("agent", "a", "hq", "k")
    return Side("ci-1", "box", "Computer", "present", START, (record,), keys)


SWAPPED = "FFFACEDD-CF56-4B0F-A0B7-91F1B04D3933"
"""The lesser of its byte orders is another text."""


def test_uuids_are_shown_as_they_were_told(engine: Engine) -> None:
    rows = [json.loads(line) for line in FAULT.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if (attributes := row.get("attributes")) and attributes.get("bios_uuid", "")[:4] == "4206":
            attributes["bios_uuid"] = SWAPPED
    engine.tell(*rows)
    (question,) = questions(engine.record)
    assert all(side.keys["bios_uuid"] == (SWAPPED,) for side in question.sides)
    assert f"both give bios_uuid {SWAPPED};" in question.because[0]
    found = explain(engine.record, question.sides[0].asset, None, engine.now)
    told = repr(found.links)
    assert SWAPPED in told
    assert str(forms.bios_uuid(SWAPPED)) not in told
