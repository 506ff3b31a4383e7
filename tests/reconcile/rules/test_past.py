"""The past by the rules that hold now, and what was believed by those that held then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cmdb.model.observation import Json
from reconcile.past_answers import attributes_then
from reconcile.past_record import opened
from tests.reconcile.history import START, Engine, Say
from tests.reconcile.rules.telling import of_name, under

SERIAL = {"system_serial": "5CG1234XYZ"}


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


@pytest.fixture
def told(engine: Engine, said: Say) -> Engine:
    """Two sources at hour 1; rules that prefer the list at hour 10."""
    engine.tell(
        said("agent", "k1", 1, attributes=SERIAL | {"name": "a"}),
        said("import", "k2", 1, attributes=SERIAL | {"name": "b"}),
    )
    return under(engine, of_name("order: [import]"), 10)


def asked(engine: Engine, as_of: int | None, known_at: int | None) -> tuple[dict[str, Json], str]:
    moments = [None if hours is None else at(hours) for hours in (as_of, known_at)]
    with opened(engine.record, moments[0], moments[1], at(20)) as past:
        row = past.view.find("ci-1")
        views = {view.name: view.value for view in attributes_then(past, row.id)}
        assert dict(row.attributes) == views
        return views, past.past.rules_note


def test_as_of_is_told_by_the_rules_that_hold_now(told: Engine) -> None:
    values, note = asked(told, 5, None)
    assert values["name"] == "b"
    assert note == "by rules version 1, which hold now; the shipped rules held then"
    assert asked(told, 15, None) == ({**values}, "")


def test_known_at_is_told_by_the_rules_that_held_then(told: Engine) -> None:
    values, note = asked(told, None, 5)
    assert (values["name"], note) == ("a", "")
    assert asked(told, 3, 5)[0]["name"] == "a"
    values, note = asked(told, None, 15)
    assert (values["name"], note) == ("b", "by rules version 1, which held then")
