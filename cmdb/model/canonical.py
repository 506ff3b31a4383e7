"""JSON that is the same for equal values: sorted keys, no spaces, UTF-8.

What json.JSONEncoder writes is the form, since digests and marks of what was kept long ago rest on
it. msgspec writes it several times as fast; where the two differ, json decides: fractions that
need an exponent, what is no number, what is no UTF-8.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import cast

from cmdb.model.observation import Json

_SLOW = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_DECODER = json.JSONDecoder()
_EXPONENT = re.compile(rb"e(?<=[0-9]e)[0-9-]")
"""Perhaps one: texts may hold the same. It begins with a letter, which is searched for fastest."""
_SMALL = b"0.0000"
"""How msgspec begins fractions that json writes with an exponent."""
_NONE = b"null"
"""What msgspec writes for what is no number, too."""
_SHORT_BYTES = 256
"""Shorter bodies are read sooner than a reader is fetched."""


def encode(value: Json) -> bytes:
    """The canonical form.

    Raises:
        ValueError: A number in it is none.
    """
    try:
        found = _encoder()(value)
    except (TypeError, ValueError):
        # A lone surrogate, or a key that is no text.
        return _encode_slowly(value)
    if _NONE in found or _SMALL in found or _EXPONENT.search(found):
        return _encode_slowly(value)
    return found


def encode_words(value: Json) -> bytes:
    """The same of a value in which no number is a fraction: there msgspec and json agree."""
    try:
        return _encoder()(value)
    except (TypeError, ValueError):
        return _encode_slowly(value)


def decode(body: bytes) -> Json:
    """The value that encode() wrote; any other JSON, too."""
    if len(body) <= _SHORT_BYTES:
        return _decode_slowly(body)
    read, wrong = _decoder()
    try:
        return read(body)
    except (UnicodeDecodeError, wrong):
        # A lone surrogate, or a number that json alone takes.
        return _decode_slowly(body)


def _encode_slowly(value: Json) -> bytes:
    return _SLOW.encode(value).encode("utf-8", "surrogatepass")


def _decode_slowly(body: bytes) -> Json:
    # json.loads() would look for the encoding first, which is known.
    return cast("Json", _DECODER.decode(body.decode("utf-8", "surrogatepass")))


@functools.cache
def _encoder() -> Callable[[Json], bytes]:
    from msgspec.json import Encoder

    return Encoder(order="sorted").encode


@functools.cache
def _decoder() -> tuple[Callable[[bytes], Json], type[Exception]]:
    import msgspec

    return msgspec.json.Decoder().decode, msgspec.DecodeError
