"""Sends what waits in the outbox and takes note of each answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from agent.uplink.client import Client, RequestRefused
from agent.uplink.config import locked
from agent.uplink.identity import utc_now
from agent.uplink.memory import Memory
from agent.uplink.outbox import Outbox, Waiting
from stocktake.v1.intake_pb2 import (
    ITEM_STATE_REFUSED,
    ITEM_STATE_RESEND_FULL,
    ReportRequest,
    ReportResponse,
)
from stocktake.v1.observation_pb2 import SECTION_STATE_PARTIAL, Observation

_log = logging.getLogger(__name__)


@dataclass
class Delivered:
    """What became of what waited."""

    batches: int = 0
    items: int = 0
    refused: list[str] = field(default_factory=list)
    resend_full: bool = False


class Delivery:
    """The way from the outbox to a collector."""

    def __init__(self, home: Path, outbox: Outbox) -> None:
        self._lock = home / "delivery.lock"
        self._outbox = outbox
        self._memory = Memory(home)

    def flush(self, client: Client) -> Delivered:
        """Send all that waits, oldest first; what is acknowledged is forgotten.

        Raises:
            CollectorUnreachable: nobody takes it; what is left waits.
            NotAllowed: the collector does not let us speak; what is left waits.
        """
        delivered = Delivered()
        with locked(self._lock):
            for waiting in self._outbox.waiting():
                request = self._outbox.read(waiting)
                if request is not None:
                    self._send(client, waiting, request, delivered)
        return delivered

    def _send(
        self, client: Client, waiting: Waiting, request: ReportRequest, delivered: Delivered
    ) -> None:
        request.sent_at.FromDatetime(utc_now())
        try:
            answer = client.report(request)
        except RequestRefused as error:
            _log.error("batch %s is dropped: %s", request.batch_id, error)
            delivered.refused.append(str(error))
        else:
            self._note(request, answer, delivered)
        self._outbox.remove(waiting)

    def _note(self, request: ReportRequest, answer: ReportResponse, delivered: Delivered) -> None:
        delivered.batches += 1
        states = {receipt.index: receipt for receipt in answer.receipts}
        for index, item in enumerate(request.items):
            receipt = states.get(index)
            key = item.observation.native_key
            if receipt is None:
                delivered.items += 1
                self._acknowledge(item.observation)
            elif receipt.state == ITEM_STATE_RESEND_FULL:
                delivered.resend_full = True
                self._memory.acknowledge(key, {})
            elif receipt.state == ITEM_STATE_REFUSED:
                _log.error("item %d of %s is refused: %s", index, request.batch_id, receipt.reason)
                delivered.refused.append(receipt.reason)

    def _acknowledge(self, observation: Observation) -> None:
        """Only full accounts by an agent come again as unchanged."""
        if not observation.full or observation.source.kind not in {"", "agent"}:
            return
        hashes: dict[str, bytes] = {
            section.WhichOneof("body") or "": section.content_hash
            for section in observation.sections
            if section.content_hash and section.state != SECTION_STATE_PARTIAL
        }
        if hashes:
            self._memory.acknowledge(observation.native_key, hashes)
