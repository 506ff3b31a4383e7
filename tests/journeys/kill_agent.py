"""The agent that is killed: makes items and hands them in through the real outbox and client.

    python tests/journeys/kill_agent.py FOLDER

Logs each step to FOLDER/log, until FOLDER/enough is there and nothing waits.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from agent.errors import CollectorUnreachable
from agent.uplink.client import Client
from agent.uplink.delivery import Delivery
from agent.uplink.identity import load
from agent.uplink.outbox import Outbox
from stocktake.v1.intake_pb2 import Item, ReportRequest, ReportResponse
from stocktake.v1.observation_pb2 import SECTION_STATE_FULL, Observation, OperatingSystem, Section
from tests.journeys.kill_compare import item_word

_LONGEST_S = 360.0
_BETWEEN_BATCHES_S = 0.05


def main(folder: Path) -> int:
    """Make items, deliver them, log each step; until told that it is enough."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(word: str, items: Iterable[Item]) -> None:
        os.write(log, f"\n{word} {','.join(map(item_word, items))}.\n".encode())

    class Told(Client):
        def report(self, request: ReportRequest) -> ReportResponse:
            answer = super().report(request)
            refused = {receipt.index for receipt in answer.receipts}
            say("acknowledged", (x for n, x in enumerate(request.items) if n not in refused))
            return answer

    identity, outbox = load(folder), Outbox(folder)
    delivery, client = Delivery(folder, outbox), Told(identity, timeout_s=5)
    end = time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        enough = (folder / "enough").exists()
        if not enough:
            items = [_item(identity.key_prefix), _item(f"{identity.key_prefix}/{time.time_ns()}")]
            say("tried", items)
            outbox.put(items)
            say("kept", items)
        try:
            delivery.flush(client)
        except CollectorUnreachable:
            time.sleep(_BETWEEN_BATCHES_S)
        if enough and not outbox.waiting():
            return 0
        time.sleep(_BETWEEN_BATCHES_S)
    return 1


def _item(key: str) -> Item:
    """A new thing under a new key, a change of a known one under an old."""
    now_ns = time.time_ns()
    system = OperatingSystem(kernel_version=f"k{now_ns}")
    said = Observation(native_key=key, full=True)
    said.observed_at.FromNanoseconds(now_ns)
    said.sections.append(Section(state=SECTION_STATE_FULL, operating_system=system))
    return Item(observation=said)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
