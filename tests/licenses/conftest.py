"""A record with machines, programs and entitlements, made by the real pipeline."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cmdb.store.sqlite.record import SqliteRecord, open_record
from collector.sources.lines import parse
from reconcile.pipeline import Pipeline

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _line(name: str, programs: tuple[tuple[str, str], ...], cls: str) -> str:
    return json.dumps({
        "type": "observation", "at": NOW.isoformat(),
        "source": {"kind": "import", "instance": "inventory"}, "scope": "hq", "native_key": name,
        "full": True, "class": cls,
        "attributes": {"name": name, "system_serial": f"SER{name}00X"},
        "programs": [
            {"name": title, "version": "1.0", "publisher": publisher,
             "package_system": "windows-uninstall"}
            for title, publisher in programs
        ],
    })  # fmt: skip


@pytest.fixture
def machine() -> Callable[..., str]:
    """A line about a machine with programs, given as name and publisher."""

    def make(name: str, *programs: tuple[str, str], cls: str = "Computer") -> str:
        return _line(name, programs, cls)

    return make


@pytest.fixture
def record_of(tmp_path: Path) -> Callable[..., object]:
    """A record in which these lines were said; open while the block lasts."""

    @contextmanager
    def make(*groups: list[str]) -> Iterator[SqliteRecord]:
        path = tmp_path / "record.db"
        record = open_record(path)
        try:
            for lines in groups:
                Pipeline(record).apply([parse(line, NOW) for line in lines], NOW)
            yield record
        finally:
            record.close()

    return make


@pytest.fixture
def now() -> datetime:
    return NOW
