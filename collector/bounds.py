"""Bounds on everything that an observer sends: lengths, counts, characters, instants.

Walks any message by its declaration, so that a new field is bounded from its first day. What the
values mean is none of its business, save for the columns of programs.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import cast

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from stocktake.v1.observation_pb2 import Programs

TEXT_BYTES = 4096
LIST_LIMIT = 20_000
PROGRAMS_LIMIT = 50_000
HASH_BYTES = 32
WHOLE_HASH_BYTES = 8

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
_CONTROL_BYTES = bytes({*range(0x20), 0x7F} - {0x09, 0x0A})
_LINE_FEED = 0x0A
_MOST_UTF8 = 4
"""Bytes of one character."""
_WIDE = frozenset({FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64})
_DEEP = frozenset(
    {
        FieldDescriptor.TYPE_MESSAGE,
        FieldDescriptor.TYPE_BYTES,
        FieldDescriptor.TYPE_DOUBLE,
        FieldDescriptor.TYPE_FLOAT,
    }
)
_SECONDS = range(-62_135_596_800, 253_402_300_800)  # years 1 to 9999
_NANOS = range(1_000_000_000)


class OutOfBounds(ValueError):
    """A message holds more than is taken, or what is no text; says where and what."""


_MOST_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class _Plan:
    """What of a kind of message is looked at, and how: made once from its declaration."""

    texts: tuple[FieldDescriptor, ...]
    """Single texts."""
    texts_of: Callable[[Message], tuple[str, ...]]
    short: int
    """Characters that no bound can be below in bytes."""
    wide: tuple[str, ...]
    """Whole numbers that may be larger than a store can hold."""
    deep: tuple[FieldDescriptor, ...]
    """Messages, lists, bytes and fractions."""


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
    plan = _plan(message.DESCRIPTOR)
    _bound_flat(plan, (message,))
    _bound_deep(plan, message)


def _bound_deep(plan: _Plan, message: Message) -> None:
    for field in plan.deep:
        if field.is_repeated:
            values = getattr(message, field.name)
            if values:
                _bound_many(message, field, values)
        elif message.HasField(field.name):
            _bound_one(field, getattr(message, field.name))


def _bound_flat(plan: _Plan, rows: Sequence[Message]) -> None:
    """Texts and numbers of many messages of one kind, at once where nothing is wrong."""
    if plan.texts:
        texts = list(chain.from_iterable(map(plan.texts_of, rows)))
        if max(map(len, texts)) > plan.short or _CONTROL.search("".join(texts)):
            for row in rows:
                _bound_texts(plan, row)
    for name in plan.wide:
        if max(map(attrgetter(name), rows)) > _MOST_NUMBER:
            raise OutOfBounds(f"{name} is larger than {_MOST_NUMBER}, which no store can hold")


def _bound_texts(plan: _Plan, message: Message) -> None:
    for field in plan.texts:
        text = getattr(message, field.name)
        clean = _bound_text(field, text)
        if clean is not text:
            setattr(message, field.name, clean)


@cache
def _plan(kind: Descriptor) -> _Plan:
    single = [field for field in kind.fields if not field.is_repeated]
    texts = tuple(field for field in single if field.type == FieldDescriptor.TYPE_STRING)
    wide = tuple(field.name for field in single if field.type in _WIDE)
    deep = tuple(field for field in kind.fields if field.is_repeated or field.type in _DEEP)
    limits = [TEXT_LIMITS.get(field.full_name, TEXT_BYTES) for field in texts]
    names = [field.name for field in texts]
    # With one name, attrgetter() gives the value and not a tuple of it.
    getter = attrgetter(*names, *names[:1]) if names else attrgetter("DESCRIPTOR", "DESCRIPTOR")
    return _Plan(texts, getter, min(limits, default=0) // _MOST_UTF8, wide, deep)


def _bound_many(message: Message, field: FieldDescriptor, values: Sequence[object]) -> None:
    if len(values) > LIST_LIMIT:
        raise OutOfBounds(f"{field.name} has {len(values)} entries; at most {LIST_LIMIT} are taken")
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _bound_map(field, getattr(message, field.name))
        return
    if field.message_type is not None and field.message_type is not Timestamp.DESCRIPTOR:
        plan, rows = _plan(field.message_type), cast("Sequence[Message]", values)
        _bound_flat(plan, rows)
        for row in rows if plan.deep else ():
            _bound_deep(plan, row)
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
    if field.name in {"content_hash", "base_hash"}:
        if len(value) != HASH_BYTES:
            raise OutOfBounds(f"{field.name} has {len(value)} bytes; a SHA-256 has {HASH_BYTES}")
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
    if len(programs.installed_days) not in {0, count}:
        raise OutOfBounds("programs: installed_days are neither empty nor one for each entry")
    if len(programs.gone) % 8 or len(programs.gone) // 8 > PROGRAMS_LIMIT:
        raise OutOfBounds(f"programs: gone has {len(programs.gone)} bytes, which are no hashes")
    if len(programs.whole_hash) not in {0, WHOLE_HASH_BYTES}:
        raise OutOfBounds(f"programs: whole_hash has {len(programs.whole_hash)} bytes")
    _check_entries(programs.entries)
    _check_hashes(programs.hashes)
    _check_hashes(programs.gone)


def _check_entries(entries: bytes) -> None:
    ends = np.flatnonzero(np.frombuffer(entries, np.uint8) == _LINE_FEED)
    if len(ends) and int(np.diff(ends, prepend=-1).max()) > TEXT_BYTES + 1:
        raise OutOfBounds(f"programs: an entry is longer than {TEXT_BYTES} bytes")
    if len(entries.translate(None, _CONTROL_BYTES)) != len(entries):
        raise OutOfBounds("programs: an entry holds a control character")
    try:
        entries.decode()
    except UnicodeDecodeError as error:
        raise OutOfBounds("programs: an entry is not UTF-8") from error


def _check_hashes(hashes: bytes) -> None:
    values = np.frombuffer(hashes, "<u8")
    if (values[1:] <= values[:-1]).any():
        raise OutOfBounds("programs: hashes do not ascend")
