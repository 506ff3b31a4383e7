"""Alerts are weighed soon in a small estate, and leave the processor to others in a large one."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cmdb.store.sqlite.desk import open_desk
from cmdb.store.sqlite.record import open_record
from collector.alerting import Alerting, pause_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cmdb.store.port import Record

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("took_s", "wanted_s"), [(0.0, 2.0), (0.1, 2.0), (0.5, 10.0), (2.0, 40.0), (9.0, 60.0)]
)
def test_the_longer_a_look_takes_the_later_is_the_next(took_s: float, wanted_s: float) -> None:
    assert pause_s(took_s) == wanted_s


class OneLook:
    """Stops after the first look, and keeps for how long it was asked to wait."""

    def __init__(self) -> None:
        self.waited: list[float | None] = []

    def is_set(self) -> bool:
        return bool(self.waited)

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return True


def test_a_small_estate_is_looked_at_every_two_seconds(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.db")
    desk = open_desk(tmp_path / "desk.db")
    lock = threading.Lock()

    @contextmanager
    def reading() -> Iterator[Record]:
        with lock:
            yield record

    stop = OneLook()
    Alerting(desk.alerts, tmp_path).run(reading, stop, lambda: NOW)
    (waited,) = stop.waited
    assert waited is not None
    assert 2.0 <= waited <= 60.0
    record.close()
