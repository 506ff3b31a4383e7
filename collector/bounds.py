"""Bounds on everything that an observer sends: lengths, counts, characters, instants.

Walks any message by its declaration, so that a new field is bounded from its first day. What the
values mean is none of its business, save for the columns of programs.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
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
_TAB, _LINE_FEED, _FIRST_PLAIN, _DELETE = 0x09, 0x0A, 0x20, 0x7F
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
    _bound_rows((message,))


def _bound_rows(rows: Sequence[Message]) -> None:
    """Messages of one kind, and what is within them: all at once where nothing is wrong."""
    kind = cast("Descriptor", rows[0].DESCRIPTOR)
    single = _SINGLE.get(kind)
    if single is not None:
        for row in rows:
            single(row)
        return
    plan = _plan(kind)
    _bound_flat(plan, rows)
    for field in plan.deep:
        if field.is_repeated:
            _bound_lists(field, rows)
        else:
            _bound_present(field, rows)


def _bound_lists(field: FieldDescriptor, rows: Sequence[Message]) -> None:
    within: list[Message] = []
    kind = field.message_type
    for row in rows:
        values = getattr(row, field.name)
        if not values:
            continue
        if len(values) > LIST_LIMIT:
            raise OutOfBounds(
                f"{field.name} has {len(values)} entries; at most {LIST_LIMIT} are taken"
            )
        if kind is None:
            _bound_values(field, values)
        elif kind.GetOptions().map_entry:
            within += _map_values(kind, values)
        else:
            within += values
    if within:
        _bound_rows(within)


def _bound_values(field: FieldDescriptor, values: MutableSequence[object]) -> None:
    for index, value in enumerate(values):
        clean = _bound_one(field, value)
        if clean is not value:
            values[index] = clean


def _map_values(kind: Descriptor, entries: Mapping[str, Message]) -> Iterable[Message]:
    key = kind.fields_by_name["key"]
    for name in entries:
        _bound_text(key, name)
    return entries.values()


def _bound_present(field: FieldDescriptor, rows: Sequence[Message]) -> None:
    name = field.name
    present = [getattr(row, name) for row in rows if row.HasField(name)]
    if field.message_type is None:
        for value in present:
            _bound_one(field, value)
    elif present:
        _bound_rows(present)


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


def _bound_one(field: FieldDescriptor, value: object) -> object:
    if isinstance(value, str):
        return _bound_text(field, value)
    if isinstance(value, bytes):
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


def _check_instant(instant: Message) -> None:
    told = cast("Timestamp", instant)
    if told.seconds not in _SECONDS or told.nanos not in _NANOS:
        raise OutOfBounds("an instant lies outside the years 1 to 9999")


def _check_programs(message: Message) -> None:
    programs = cast("Programs", message)
    count = len(programs.hashes) // 8
    if len(programs.hashes) % 8 or count != programs.count or count > PROGRAMS_LIMIT:
        raise OutOfBounds(
            f"programs: {len(programs.hashes)} bytes of hashes do not fit count"
            f" {programs.count}, or it is above {PROGRAMS_LIMIT}"
        )
    if len(programs.package_system.encode()) > 32:  # noqa: PLR2004
        raise OutOfBounds("programs: package_system is longer than 32 bytes")
    if len(programs.installed_days) not in {0, count}:
        raise OutOfBounds("programs: installed_days are neither empty nor one for each entry")
    if len(programs.gone) % 8 or len(programs.gone) // 8 > PROGRAMS_LIMIT:
        raise OutOfBounds(f"programs: gone has {len(programs.gone)} bytes, which are no hashes")
    if len(programs.whole_hash) not in {0, WHOLE_HASH_BYTES}:
        raise OutOfBounds(f"programs: whole_hash has {len(programs.whole_hash)} bytes")
    _check_entries(programs.entries, count)
    _check_hashes(programs.hashes)
    _check_hashes(programs.gone)


def _check_entries(entries: bytes, count: int) -> None:
    text = np.frombuffer(entries, np.uint8)
    # One pass finds what ends an entry, what parts its columns, and what may not be there.
    places = np.flatnonzero(text < _FIRST_PLAIN)
    found = text[places]
    ends = places[found == _LINE_FEED]
    if len(ends) != count or not entries.endswith(b"\n" * bool(count)):
        raise OutOfBounds(f"programs: entries are not {count} lines, each closed by a line feed")
    if count and max(int(ends[0]), int(np.diff(ends).max(initial=0)) - 1) > TEXT_BYTES:
        raise OutOfBounds(f"programs: an entry is longer than {TEXT_BYTES} bytes")
    if np.count_nonzero(found == _TAB) + count != len(found) or (text == _DELETE).any():
        raise OutOfBounds("programs: an entry holds a control character")
    if entries.isascii():
        return
    try:
        entries.decode()
    except UnicodeDecodeError as error:
        raise OutOfBounds("programs: an entry is not UTF-8") from error


def _check_hashes(hashes: bytes) -> None:
    values = np.frombuffer(hashes, "<u8")
    if (values[1:] <= values[:-1]).any():
        raise OutOfBounds("programs: hashes do not ascend")


_SINGLE: Mapping[Descriptor, Callable[[Message], None]] = {
    Programs.DESCRIPTOR: _check_programs,
    Timestamp.DESCRIPTOR: _check_instant,
}
"""Kinds of messages that are looked at in a way of their own."""
