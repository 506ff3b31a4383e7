"""Who says the same again says it anew: of words of equal weight the newest counts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.store.sqlite.record import open_record
from tests.reconcile.history import START, Engine, Say, observation
from tests.reconcile.rules.telling import files, later, under
from tests.reconcile.test_order import lines
from tests.reconcile.test_rebuild_from_ledger import run

SERIAL = {"system_serial": "5CG1234XYZ"}


@pytest.mark.parametrize("field", ["name", "scope", "class"])
def test_the_newer_of_two_equals_wins_though_it_says_nothing_new(
    engine: Engine, said: Say, field: str
) -> None:
    def row(key: str, at: int, word: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"attributes": SERIAL | {"name": word}} | {"class": "Phone"}
        if field != "name":
            fields = {"attributes": SERIAL, "class": "Phone", field: word}
        return said("cloud", key, at, instance=key, **fields)

    words = ("Printer", "Storage")
    engine.tell(row("a", 1, words[0]), row("b", 2, words[1]))
    for at in range(3, 7):
        place = at % 2
        engine.tell(row("ba"[place], at, words[1 - place]))
        found = engine.find("ci-1")
        shown = {"name": found.name, "scope": found.scope, "class": found.cls}[field]
        assert shown == words[1 - place]


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
@given(st.data())
def test_what_is_said_again_leads_where_a_rebuild_does(data: st.DataObject) -> None:
    history = data.draw(st.lists(lines(), min_size=2, max_size=5))
    again = data.draw(st.lists(st.sampled_from(history), max_size=6))
    text = data.draw(st.one_of(st.just(""), files()))
    with tempfile.TemporaryDirectory() as folder:
        record = open_record(Path(folder) / "record.db")
        engine = under(Engine(record), text).tell(*history)
        for at, line in enumerate(again, 13):
            engine.tell(_moved(line, at))
            later(engine, 0)
        before = engine.state()
        run(engine)
        assert engine.state() == before
        record.close()


def _moved(line: dict[str, Any], at: int) -> dict[str, Any]:
    seen = observation("agent", "any", at)
    assert START.isoformat() < seen["at"]
    return {**line, "at": seen["at"], "observed_at": seen["at"]}
