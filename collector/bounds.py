"""Bounds on everything that an observer sends: lengths, counts, characters, instants.

Walks any message by its declaration, so that a new field is bounded from its first day. What the
values mean is none of its business, save for the columns of programs.
"""

import math
import re
import sys
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from stocktake.v1.observation_pb2 import Programs

TEXT_BYTES = 4096
LIST_LIMIT = 20_000
PROGRAMS_LIMIT = 50_000
HASH_BYTES = 32

# Texts with a bound of their own, by message and field.
TEXT_LIMITS = {
    "stocktake.v1.Observation.native_key": 512,
    "stocktake.v1.RecordRef.native_key": 512,
    "stocktake.v1.ListeningService.banner": 1024,
    "stocktake.v1.Observation.scope": 200,
    "stocktake.v1.RecordRef.scope": 200,
    "stocktake.v1.Run.scope": 200,
    "stocktake.v1.Run.run_id": 128,
    "stocktake.v1.Observation.run_id": 128,
    "stocktake.v1.Source.kind": 32,
    "stocktake.v1.Source.instance": 200,
    "stocktake.v1.Attributes.ValuesEntry.key": 200,
}

# Names that identify must be as they are; other texts have such characters replaced.
_EXACT = frozenset({"native_key", "scope", "run_id", "kind", "instance", "key"})
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SECONDS = range(-62_135_596_800, 253_402_300_800)  # years 1 to 9999
_NANOS = range(1_000_000_000)


class OutOfBounds(ValueError):
    """A message holds more than is taken, or what is no text; says where and what."""


_MOST_NUMBER = 2**63 - 1


def bound(message: Message) -> None:
    """Check a message and all within it; control characters in plain texts become U+FFFD.

    Raises:
        OutOfBounds: something is too long, too many, or not what it must be.
    """
    if isinstance(message, Programs):
        _check_programs(message)
        return
    if isinstance(message, Timestamp):
        if message.seconds not in _SECONDS or message.nanos not in _NANOS:
            raise OutOfBounds("an instant lies outside the years 1 to 9999")
        return
    for field, value in message.ListFields():
        if field.is_repeated:
            _bound_many(message, field, value)
        else:
            clean = _bound_one(field, value)
            if clean is not value:
                setattr(message, field.name, clean)


def _bound_many(message: Message, field: FieldDescriptor, values: Sequence[object]) -> None:
    if len(values) > LIST_LIMIT:
        raise OutOfBounds(f"{field.name} has {len(values)} entries; at most {LIST_LIMIT} are taken")
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _bound_map(field, getattr(message, field.name))
        return
    for index, value in enumerate(values):
        clean = _bound_one(field, value)
        if clean is not value:
            getattr(message, field.name)[index] = clean


def _bound_map(field: FieldDescriptor, entries: dict[str, Message]) -> None:
    assert field.message_type is not None
    key = field.message_type.fields_by_name["key"]
    for name in list(entries):
        _bound_one(key, name)
        bound(entries[name])


def _bound_one(field: FieldDescriptor, value: object) -> object:
    if isinstance(value, Message):
        bound(value)
    elif isinstance(value, str):
        return _bound_text(field, value)
    elif isinstance(value, bytes):
        _bound_bytes(field, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise OutOfBounds(f"{field.name} is not a number")
    elif isinstance(value, int) and value > _MOST_NUMBER:
        raise OutOfBounds(f"{field.name} is larger than {_MOST_NUMBER}, which no store can hold")
    return value


def _bound_text(field: FieldDescriptor, text: str) -> str:
    limit = TEXT_LIMITS.get(field.full_name, TEXT_BYTES)
    size = len(text) if len(text) > limit else len(text.encode())
    if size > limit:
        raise OutOfBounds(f"{field.name} is longer than {limit} bytes")
    if not _CONTROL.search(text):
        return text
    if field.name in _EXACT:
        raise OutOfBounds(f"{field.name} holds a control character")
    return _CONTROL.sub("\ufffd", text)


def _bound_bytes(field: FieldDescriptor, value: bytes) -> None:
    if field.name == "content_hash":
        if len(value) != HASH_BYTES:
            raise OutOfBounds(f"content_hash has {len(value)} bytes; a SHA-256 has {HASH_BYTES}")
    elif len(value) > TEXT_BYTES:
        raise OutOfBounds(f"{field.name} is longer than {TEXT_BYTES} bytes")


def _check_programs(programs: Programs) -> None:
    count = len(programs.hashes) // 8
    if len(programs.hashes) % 8 or count != programs.count or count > PROGRAMS_LIMIT:
        raise OutOfBounds(
            f"programs: {len(programs.hashes)} bytes of hashes do not fit count"
            f" {programs.count}, or it is above {PROGRAMS_LIMIT}"
        )
    if programs.entries.count(b"\n") != count or not programs.entries.endswith(b"\n" * bool(count)):
        raise OutOfBounds(f"programs: entries are not {count} lines, each closed by a line feed")
    if len(programs.package_system.encode()) > 32:  # noqa: PLR2004
        raise OutOfBounds("programs: package_system is longer than 32 bytes")
    _check_entries(programs.entries)
    _check_hashes(programs.hashes)


def _check_entries(entries: bytes) -> None:
    if max(map(len, entries.split(b"\n"))) > TEXT_BYTES:
        raise OutOfBounds(f"programs: an entry is longer than {TEXT_BYTES} bytes")
    if _CONTROL_BYTES.search(entries):
        raise OutOfBounds("programs: an entry holds a control character")
    try:
        entries.decode()
    except UnicodeDecodeError as error:
        raise OutOfBounds("programs: an entry is not UTF-8") from error


def _check_hashes(hashes: bytes) -> None:
    numbers = array("Q", hashes)
    if sys.byteorder == "big":
        numbers.byteswap()
    values = cast("Sequence[int]", numbers)
    if any(after <= before for before, after in pairwise(values)):
        raise OutOfBounds("programs: hashes do not ascend")
