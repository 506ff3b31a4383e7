"""Sends what is spooled over kept connections, several at once, until all is acknowledged.

What the collector refuses for the moment is sent again, the same batch, as an agent does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from stocktake.v1.intake_pb2 import ITEM_STATE_REFUSED, ReportResponse
from tests.bench.ingest.identities import Identity
from tests.bench.ingest.spool import Parcel, parcels

_AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)
_AGAIN_AFTER_S = 0.1
_LOOK_EVERY_S = 0.005
_CALL_S = 60.0
_GIVE_UP_S = 900.0
_REPORT = "/stocktake.v1.IntakeService/Report"


class NotTaken(RuntimeError):
    """The collector refused for good, or took nothing for too long."""


@dataclass
class Sent:
    """What became of it."""

    acknowledged: int = 0
    last_sequence: int = 0
    again: int = 0
    """Calls that had to be repeated."""
    refused: list[str] = field(default_factory=list)
    told: list[Parcel] = field(default_factory=list)
    """Every batch that was acknowledged, without its body; only where it is asked for."""


class Sender:
    """The endpoints' side of one phase; connected from `with` on."""

    def __init__(self, address: str, identities: Sequence[Identity], *, keep: bool = False) -> None:
        self._address = address
        self._identities = identities
        self._keep = keep
        self._lock = threading.Lock()
        self._failed: list[Exception] = []
        self._channels: list[grpc.Channel] = []
        self.sent = Sent()
        self.limit: int | None = None
        """No more is sent once so many were acknowledged; None: all."""

    def run(self, spools: Sequence[Path], rate_per_s: float | None = None) -> Sent:
        """Sends all; with a rate no faster than that, however long an answer takes.

        Raises:
            NotTaken: something was refused for good, or nobody answered.
        """
        pace = len(spools) / rate_per_s if rate_per_s else 0.0
        threads = [
            threading.Thread(target=self._guarded, args=(spool, pace), name=spool.name)
            for spool in spools
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]
        if self.sent.refused:
            raise NotTaken(f"{len(self.sent.refused)} refused: {self.sent.refused[0]}")
        return self.sent

    def __enter__(self) -> Sender:
        for identity in self._identities:
            self._channels.append(identity.channel(self._address))
        for channel in self._channels:
            grpc.channel_ready_future(channel).result(_CALL_S)
        return self

    def __exit__(self, *_: object) -> None:
        while self._channels:
            self._channels.pop().close()

    def _guarded(self, spool: Path, pace_s: float) -> None:
        try:
            self._send(spool, pace_s)
        except Exception as error:  # noqa: BLE001 - told by run()
            self._failed.append(error)

    def _send(self, spool: Path, pace_s: float) -> None:
        calls: list[Callable[..., bytes]] = [
            channel.unary_unary(_REPORT) for channel in self._channels
        ]
        began = time.monotonic()
        for place, parcel in enumerate(parcels(spool)):
            if self._failed:
                return
            while self.limit is not None and self.sent.acknowledged >= self.limit:
                time.sleep(_LOOK_EVERY_S)
            wait_s = began + place * pace_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            self._note(parcel, self._delivered(calls[parcel.identity], parcel.body))

    def _delivered(self, call: Callable[..., bytes], body: bytes) -> ReportResponse:
        end = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                return ReportResponse.FromString(call(body, timeout=_CALL_S))
            except grpc.RpcError as error:
                if error.code() not in _AGAIN or time.monotonic() > end:
                    raise NotTaken(f"{error.code().name}: {error.details()}") from error
            with self._lock:
                self.sent.again += 1
            time.sleep(_AGAIN_AFTER_S)

    def _note(self, parcel: Parcel, answer: ReportResponse) -> None:
        with self._lock:
            sent = self.sent
            sent.acknowledged += parcel.items - len(answer.receipts)
            sent.last_sequence = max(sent.last_sequence, answer.journal_sequence)
            sent.refused += [
                receipt.reason
                if receipt.state == ITEM_STATE_REFUSED
                else f"asked for again: {receipt.reason}"
                for receipt in answer.receipts
            ]
            if self._keep:
                sent.told.append(parcel._replace(body=b""))
