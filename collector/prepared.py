"""Items as the intake journals them: rows of sections in the form in which a record keeps them.

Many threads admit what one process reconciles, so what can be worked out of an item by itself is
worked out before it is journalled. An item stays one on the wire, without the rows: they follow as
canonical JSON in a field that protobuf passes over. Knows nothing of what rows mean.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from cmdb.model.canonical import encode
from cmdb.model.observation import Json
from stocktake.v1.intake_pb2 import Item
from stocktake.v1.observation_pb2 import SectionState

_TAG = b"\xc2\x3e"
"""Of field 1000 with a length: (1000 << 3 | 2) as a varint."""
_ROW = struct.Struct("<HI")
"""Place of a section, and bytes of its rows, which follow."""
_END = struct.Struct("<II")
"""Bytes of all rows, and their checksum."""
_TOLD = frozenset(
    {
        SectionState.SECTION_STATE_UNSPECIFIED,
        SectionState.SECTION_STATE_FULL,
        SectionState.SECTION_STATE_PARTIAL,
    }
)


class Damaged(ValueError):
    """The rows of a journal entry are not what was written."""


def prepare(item: Item, readers: Mapping[str, Callable[[Any], Json]]) -> bytes:
    """The bytes of an admitted item for the journal; takes the rows out of it.

    Args:
        item: An item; a run or an observation.
        readers: How rows are read, by the name of their section's body.
    """
    found = [
        (place, body, encode(reader(body)))
        for place, section in enumerate(item.observation.sections)
        if section.state in _TOLD
        and (name := section.WhichOneof("body")) is not None
        and (reader := readers.get(name)) is not None
        and (body := getattr(section, name)) is not None
    ]
    told = bytearray()
    for place, body, rows in found:
        told += _ROW.pack(place, len(rows)) + rows
        body.Clear()
        body.SetInParent()
    told += _END.pack(len(told), zlib.crc32(told))
    return b"".join((item.SerializeToString(), _TAG, _varint(len(told)), told))


def rows_of(entry: bytes) -> dict[int, bytes]:
    """The rows that prepare() took out, by the place of their section.

    Raises:
        Damaged: They are not whole.
    """
    end = len(entry) - _END.size
    if end < 0:
        raise Damaged("the entry is too short to hold its rows")
    size, checksum = _END.unpack_from(entry, end)
    start = end - size
    if start < 0 or zlib.crc32(entry[start:end]) != checksum:
        raise Damaged("the rows of the entry are damaged")
    found: dict[int, bytes] = {}
    while start < end:
        place, length = _ROW.unpack_from(entry, start)
        start += _ROW.size + length
        found[place] = entry[start - length : start]
    return found


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
