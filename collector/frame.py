"""Takes a batch apart so that one item that cannot be parsed does not spoil the others.

Knows the wire form of one message, ReportRequest (and the one around it in a stream); judges no
contents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from stocktake.v1.intake_pb2 import Item, ReportRequest

REPORT_BYTES = 16 * 1024 * 1024
ITEMS_LIMIT = 1_000

_ITEMS_FIELD = ReportRequest.DESCRIPTOR.fields_by_name["items"].number
_REPORT_FIELD = 1
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10


class NotAFrame(ValueError):
    """The bytes are no batch; the message says why."""


@dataclass(frozen=True)
class Report:
    """A batch: its header, and its items; None where an item is no Item or not UTF-8."""

    batch_id: str
    sequence: int
    items: Sequence[Item | None]


def report_of(data: bytes) -> Report:
    """The batch in the bytes of a ReportRequest.

    Raises:
        NotAFrame: it is none, or larger than allowed.
    """
    if len(data) > REPORT_BYTES:
        raise NotAFrame(f"the batch has {len(data)} bytes; at most {REPORT_BYTES} are taken")
    try:
        request = ReportRequest.FromString(data)
    except DecodeError:
        return _with_holes(data)
    return _checked(Report(request.batch_id, request.sequence, request.items))


def report_in_stream(data: bytes) -> Report:
    """The batch in the bytes of a ReportStreamRequest.

    Raises:
        NotAFrame: it is none, or larger than allowed.
    """
    inner = b""
    for number, kind, _, content in _fields(data):
        if number == _REPORT_FIELD and kind == _LENGTH:
            inner = content
    return report_of(inner)


def _with_holes(data: bytes) -> Report:
    header = bytearray()
    items: list[Item | None] = []
    for number, kind, whole, content in _fields(data):
        if number == _ITEMS_FIELD and kind == _LENGTH:
            items.append(_item(content))
        else:
            header += whole
    try:
        request = ReportRequest.FromString(bytes(header))
    except DecodeError as error:
        raise NotAFrame("the batch is no ReportRequest, or its id is not UTF-8") from error
    return _checked(Report(request.batch_id, request.sequence, items))


def _checked(report: Report) -> Report:
    if len(report.items) > ITEMS_LIMIT:
        raise NotAFrame(f"the batch has {len(report.items)} items; at most {ITEMS_LIMIT} are taken")
    return report


def _item(content: bytes) -> Item | None:
    try:
        return Item.FromString(content)
    except DecodeError:
        return None


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Number, wire type, all bytes and content of each top-level field, in order."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        begin = at
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        elif kind == _LENGTH:
            size, begin = _varint(data, at)
            at = begin + size
        else:
            raise NotAFrame("the batch is not in protobuf's wire form")
        if at > len(data):
            raise NotAFrame("the batch ends in the middle of a field")
        yield number, kind, data[start:at], data[begin:at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004  # the bit that says more is to come
            return value, at + index + 1
    raise NotAFrame("the batch ends in the middle of a number")
