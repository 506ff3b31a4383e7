"""Engines on files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import SqliteRecord, open_record
from tests.reconcile.history import Engine, observation


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Makes them."""
    made: list[SqliteRecord] = []

    def make() -> Engine:
        made.append(open_record(tmp_path / f"record-{len(made)}.db"))
        return Engine(made[-1])

    yield make
    for record in made:
        record.close()


@pytest.fixture
def engine(engines: Callable[[], Engine]) -> Engine:
    return engines()


@pytest.fixture
def said() -> Callable[..., dict[str, Any]]:
    return observation
