"""gRPC IntakeService: admits what observers hand in, journals it, and only then acknowledges.

Knows protobuf and the journal; what an item means for the record is the pipeline's business.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import grpc

from collector.admission import NotAdmitted, admit, batch_id_in_order
from collector.answers import Refused, refusals, unary
from collector.enrolment.registry import Observer
from collector.frame import NotAFrame, Report, report_in_stream, report_of
from collector.ingest import journalled
from collector.intake_desk import IntakeDesk
from collector.journal.port import Batch, BatchId, Entry, Sections
from collector.peer import observer_of
from stocktake.v1.intake_pb2 import (
    ITEM_STATE_REFUSED,
    ITEM_STATE_RESEND_FULL,
    Item,
    ItemReceipt,
    ReportResponse,
    ReportStreamResponse,
)

SERVICE = "stocktake.v1.IntakeService"
RETRY_AFTER_S = 15


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is journalled and not reconciled."""

    entries: int
    size_bytes: int


MOST_WAITING = Backlog(entries=50_000, size_bytes=512 * 1024 * 1024)
"""So much may wait: observers keep what comes after it, and the disk is not filled."""
_STREAMS = 8
_NOT_PARSED = "the item is not in protobuf's wire form, or a text in it is not UTF-8"


class Intake:
    """Admits, journals, acknowledges."""

    def __init__(
        self, desk: IntakeDesk, backlog: Callable[[], Backlog], most: Backlog = MOST_WAITING
    ) -> None:
        """`backlog` says what is journalled and not reconciled; past `most` nothing is taken."""
        self._desk = desk
        self._backlog = backlog
        self._most = most
        self._streams = threading.BoundedSemaphore(_STREAMS)

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service, for a gRPC server."""
        stream: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._report_stream
        )
        return grpc.method_handlers_generic_handler(
            SERVICE, {"Report": unary(self._report), "ReportStream": stream}
        )

    def take(self, observer: Observer, report: Report) -> ReportResponse:
        """Journal what may be taken of a batch; says what became of the rest.

        Raises:
            Refused: nothing was taken of it.
            JournalError: nothing was taken of it.
        """
        if not batch_id_in_order(report.batch_id):
            raise _invalid("batch_id is not 16 to 64 bytes of [a-z0-9-]")
        waiting = self._backlog()
        if waiting.entries > self._most.entries or waiting.size_bytes > self._most.size_bytes:
            raise Refused(
                grpc.StatusCode.UNAVAILABLE,
                f"busy: {waiting.entries} entries of {waiting.size_bytes // 2**20} MiB wait to be"
                f" reconciled; try again in {RETRY_AFTER_S} s",
            )
        entries, sections, refused = self._admitted(observer, report.items)
        note = ReportResponse(receipts=refused).SerializeToString()
        name = BatchId(observer.id, report.batch_id)
        appended = self._desk.journal.append(entries, batch=Batch(name, sections, note))
        answer = ReportResponse.FromString(appended.note)
        answer.receipts.extend(_resend(answer, appended.unmet, len(report.items)))
        answer.receipts.sort(key=lambda receipt: receipt.index)
        answer.batch_id = report.batch_id
        answer.journal_sequence = appended.last
        answer.duplicate = appended.duplicate
        return answer

    def _admitted(
        self, observer: Observer, items: Sequence[Item | None]
    ) -> tuple[list[Entry], list[Sections | None], list[ItemReceipt]]:
        now = self._desk.clock()
        origin = f"observer/{observer.id}"
        entries: list[Entry] = []
        sections: list[Sections | None] = []
        refused: list[ItemReceipt] = []
        for index, item in enumerate(items):
            try:
                whole = _parsed(item)
                sections.append(admit(whole, observer))
                form, body = journalled(whole)
                entries.append(Entry(origin, form, now, body))
            except NotAdmitted as error:
                receipt = ItemReceipt(index=index, state=ITEM_STATE_REFUSED, reason=str(error))
                refused.append(receipt)
        return entries, sections, refused

    def _report(self, data: bytes, context: grpc.ServicerContext) -> ReportResponse:
        observer = observer_of(context, self._desk.registry)
        try:
            report = report_of(data)
        except NotAFrame as error:
            raise _invalid(str(error)) from error
        return self.take(observer, report)

    def _report_stream(
        self, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        with refusals(context):
            if not self._streams.acquire(blocking=False):
                raise Refused(grpc.StatusCode.UNAVAILABLE, "busy: too many streams; use Report")
            try:
                for data in requests:
                    yield self._stream_answer(data, context).SerializeToString()
            finally:
                self._streams.release()

    def _stream_answer(self, data: bytes, context: grpc.ServicerContext) -> ReportStreamResponse:
        observer = observer_of(context, self._desk.registry)
        try:
            return ReportStreamResponse(report=self.take(observer, report_in_stream(data)))
        except NotAFrame as error:
            return ReportStreamResponse(error=str(error))
        except Refused as refused:
            if refused.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            return ReportStreamResponse(error=refused.sentence)


def _parsed(item: Item | None) -> Item:
    if item is None:
        raise NotAdmitted(_NOT_PARSED)
    return item


def _resend(answer: ReportResponse, unmet: Sequence[int], items: int) -> list[ItemReceipt]:
    """Receipts for entries that need what is not held; their places counted in the batch."""
    refused = {receipt.index for receipt in answer.receipts}
    taken = [index for index in range(items) if index not in refused]
    return [
        ItemReceipt(
            index=taken[entry],
            state=ITEM_STATE_RESEND_FULL,
            reason="a section that this one refers to is not held here; send the item whole",
        )
        for entry in unmet
        if entry < len(taken)
    ]


def _invalid(sentence: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, sentence)
