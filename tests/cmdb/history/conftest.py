"""The state of a record, present or past, as the reconciler's tests see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from reconcile.past_record import opened
from tests.reconcile.history import Engine

_LAST_SEEN = 6


def state_of(record: Any) -> Any:
    """Engine.state() of any record, without when each was seen last: that is kept once only."""
    reading = Engine.__new__(Engine)
    reading.record = record
    state = reading.state()
    for values in state["assets"].values():
        del values[_LAST_SEEN]
    # Titles are interned once and for all; later ones had no holder.
    state["holders"] = {name: held for name, held in state["holders"].items() if held}
    return state


def past_of(engine: Engine, as_of: datetime | None, known_at: datetime | None) -> Any:
    """The state at a moment."""
    with opened(engine.record, as_of, known_at, engine.now) as past:
        return state_of(past)


@pytest.fixture
def present() -> Callable[[Engine], Any]:
    return lambda engine: state_of(engine.record)


@pytest.fixture
def past() -> Callable[[Engine, datetime | None, datetime | None], Any]:
    return past_of
