"""The adapters of the Record port, each on a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cmdb.store.port import Record

T0 = datetime(2026, 3, 1, tzinfo=UTC)
Opener = Callable[[], Record]


def _sqlite(folder: Path) -> Opener:
    from cmdb.store.sqlite.record import open_record

    return lambda: open_record(folder / "record.db")


ADAPTERS: dict[str, Callable[[Path], Opener]] = {"sqlite": _sqlite}
"""To add one: what opens its store, again and again the same."""


@pytest.fixture(params=sorted(ADAPTERS))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens one and the same store."""
    return ADAPTERS[request.param](tmp_path)


@pytest.fixture
def record(opener: Opener) -> Iterator[Record]:
    """The one that writes."""
    opened = opener()
    yield opened
    opened.close()


@pytest.fixture
def reader(opener: Opener, record: Record) -> Iterator[Record]:  # noqa: ARG001 - made first
    """Another one on the same store."""
    opened = opener()
    yield opened
    opened.close()
