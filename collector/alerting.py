"""Alerts as the server keeps them: positions weighed when the record moved, messages sent.

The one place that knows both the licence rules and the alert centre.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cmdb.alerts.center import AlertCenter
from cmdb.store.port import Record, StoreError
from licenses.alerts import RULES, findings
from licenses.errors import LicenceError
from licenses.position import positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from cmdb.store.desk_alerts import AlertDesk
    from collector.reconciler import Stop
    from licenses.catalogue.load import Catalogue

_LOOK_EVERY_S = 2.0
_LOOK_LATEST_S = 60.0
_REST = 20
"""So many times as long as a look took it waits for the next: in a large estate that moves all the
while, alerts are not to take the processor from those who ask."""
_log = logging.getLogger(__name__)


class Alerting:
    """Evaluates the rules of one home when the record, or the day, is another."""

    def __init__(self, desk: AlertDesk, home: Path) -> None:
        self._home = home
        self.center = AlertCenter(desk, RULES)
        self._desk = desk
        self._lock = threading.Lock()
        self._seen: tuple[int, date] | None = None

    def catalogue(self) -> Catalogue:
        """The products that are known: the shipped ones and those of the home.

        Raises:
            CatalogueError: The home's own catalogue.toml is not in order.
        """
        from licenses.catalogue.load import load

        own = self._home / "catalogue.toml"
        return load(own if own.exists() else None)

    def evaluate(self, record: Record, now: datetime) -> bool:
        """Opens and resolves alerts if the record moved or a day began; says whether it looked.

        Args:
            record: Of one moment.
            now: The record's clock.
        """
        with self._lock:
            mark = (record.view.change_sequence(), now.date())
            if mark == self._seen:
                return False
            found = findings(positions(record, now, self.catalogue()), now)
            self.center.evaluate(found, {rule.name for rule in RULES}, now)
            self._seen = mark
            return True

    def deliver(self, now: datetime) -> None:
        """Sends what waits and is due."""
        if not self._desk.queued():
            return
        from cmdb.alerts.apprise_send import send
        from cmdb.alerts.courier import Courier

        Courier(self._desk, send).deliver(now)

    def run(
        self,
        reading: Callable[[], AbstractContextManager[Record]],
        stop: Stop,
        clock: Callable[[], datetime],
    ) -> None:
        """Evaluates and delivers until it is told to stop; a failure is told once and retried."""
        failing = False
        while not stop.is_set():
            began = time.thread_time()
            try:
                with reading() as record:
                    self.evaluate(record, record.view.replay_clock() or clock())
                self.deliver(clock())
                failing = False
            except (StoreError, LicenceError) as error:
                if not failing:
                    _log.warning("alerts are not checked for now: %s", error)
                failing = True
            stop.wait(pause_s(time.thread_time() - began))


def pause_s(took_s: float) -> float:
    """Time until the next look, after one that used the processor for so long."""
    return min(max(_LOOK_EVERY_S, _REST * took_s), _LOOK_LATEST_S)
