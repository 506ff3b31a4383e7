"""How instants, JSON and bodies are written into SQLite."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cmdb.model.canonical import decode, encode, encode_words
from cmdb.model.observation import Json

if TYPE_CHECKING:
    import zstandard

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVEL = 3
_DIFFERENCE_LEVEL = 5
"""Differences of small changes are a quarter smaller than at 3, in the same time."""
_MAX_BODY_BYTES = 64 * 1024 * 1024
_SHORTEST_DICTIONARY = 8
"""Bytes; the library refuses shorter ones."""


@functools.lru_cache(maxsize=4_096)
def to_micros(at: datetime) -> int:
    """Microseconds since 1970; remembered, since a report has few times and asks for them often."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@functools.lru_cache(maxsize=4_096)
def from_micros(micros: int) -> datetime:
    """The instant, aware, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def canonical(value: Json) -> bytes:
    """JSON that is the same for equal values: sorted keys, no spaces, UTF-8."""
    return encode(value)


def canonical_words(value: Json) -> bytes:
    """The same of a value in which no number is a fraction."""
    return encode_words(value)


def parse(body: bytes | str) -> Json:
    """The value that canonical() wrote."""
    return decode(body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"))


def digest(body: bytes) -> bytes:
    """BLAKE2b-128: tells whether a body changed."""
    return hashlib.blake2b(body, digest_size=16).digest()


def compress(body: bytes, against: bytes = b"") -> bytes:
    """The body as zstd, or as its difference from another body."""
    if len(against) < _SHORTEST_DICTIONARY:
        return _plain().compress(body)
    import zstandard

    dictionary = _dictionary(against)
    return zstandard.ZstdCompressor(level=_DIFFERENCE_LEVEL, dict_data=dictionary).compress(body)


def decompress(packed: bytes, against: bytes = b"") -> bytes:
    """The body that compress() packed."""
    if len(against) < _SHORTEST_DICTIONARY:
        return _plain().decompress(packed)
    import zstandard

    return zstandard.ZstdDecompressor(dict_data=_dictionary(against)).decompress(
        packed, max_output_size=_MAX_BODY_BYTES
    )


def decompress_chain(body: bytes, differences: Sequence[bytes]) -> bytes:
    """What is left of a body after differences that each rest on the one before.

    One call for all: a year of days is read in the time of ten single steps.
    """
    if not differences:
        return body
    return _plain().chain([_plain().compress(body), *differences])


class _Plain(threading.local):
    """Contexts without a dictionary: making one costs more than using it, and none is shared."""

    def __init__(self) -> None:
        import zstandard

        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, body: bytes) -> bytes:
        return self._compressor.compress(body)

    def decompress(self, packed: bytes) -> bytes:
        return self._decompressor.decompress(packed, max_output_size=_MAX_BODY_BYTES)

    def chain(self, frames: list[bytes | bytearray | memoryview]) -> bytes:
        return self._decompressor.decompress_content_dict_chain(frames)


@functools.cache
def _plain() -> _Plain:
    return _Plain()


def _dictionary(raw: bytes) -> zstandard.ZstdCompressionDict:
    import zstandard

    return zstandard.ZstdCompressionDict(raw, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
