"""Bodies of sections, packed with a dictionary for each kind.

Sections of one kind resemble each other far more than any resembles itself: a dictionary made
from the first few hundred of a kind halves all that come later. A frame names the dictionary
that it needs, so a dictionary, once used, is never changed.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from enum import IntEnum
from typing import TYPE_CHECKING

from cmdb.model.observation import SectionKind
from cmdb.store.sqlite import codec

if TYPE_CHECKING:
    import zstandard

_SAMPLES = 192
_DICTIONARY_BYTES = 24 * 1024
_SHORTEST_SAMPLE = 48
"""Bytes; shorter ones have nothing to be shared."""
_SAMPLE_BYTES = 64 * 1024
"""Longer bodies teach nothing that shorter ones do not."""
_FIRST_ID = 32_768
"""Lower ids are reserved by the format."""
_LEVEL = 3
_MAX_BODY_BYTES = 64 * 1024 * 1024
_MOST_ALIKE = 16_384
_WITHOUT = frozenset({SectionKind.PROGRAMS.value})
"""Numbers, which have no words in common."""


class Shape(IntEnum):
    """Bodies beside those of sections, whose kinds come first."""

    MACHINE = 32
    PART = 33
    CHANGE = 34
    BONDS = 35
    TIMELINE = 36


class Bodies:
    """Packs bodies; one connection's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._samples: dict[int, list[bytes]] = {}
        self._writing: dict[int, zstandard.ZstdCompressor | None] | None = None
        self._plain = False
        self._alike: dict[tuple[int, bytes], bytes] = {}

    def pack_plainly(self) -> None:
        """From now on packs without dictionaries: their tables cost more than a few rows gain."""
        self._plain = True

    def closed(self, kind: int, body: bytes) -> bytes:
        """The packed form of a body of a section of that kind, or of another number."""
        if self._plain or kind in _WITHOUT:
            return codec.compress(body)
        known = self._compressors().get(kind)
        if known is not None:
            return known.compress(body)
        samples = self._samples.setdefault(kind, [])
        if len(samples) < _SAMPLES and _SHORTEST_SAMPLE <= len(body) <= _SAMPLE_BYTES:
            samples.append(body)
        return codec.compress(body)

    def closed_alike(self, kind: int, body: bytes) -> bytes:
        """The same of a body that many have: its packed form is remembered."""
        known = self._alike.get((kind, body))
        if known is None:
            known = self.closed(kind, body)
            # Before there is a dictionary each body is a sample of what to learn from.
            if self._plain or self._compressors().get(kind) is not None:
                if len(self._alike) >= _MOST_ALIKE:
                    self._alike.clear()
                self._alike[kind, body] = known
        return known

    def settle(self) -> None:
        """Makes the dictionaries for which there is enough; in a transaction."""
        for kind, samples in list(self._samples.items()):
            if len(samples) >= _SAMPLES:
                self._train(kind, samples)
                del self._samples[kind]

    def _train(self, kind: int, samples: list[bytes]) -> None:
        import zstandard

        # Drawn by lot: what was read of one store is remembered beside what was read of others.
        number = _FIRST_ID + secrets.randbelow(2**31 - _FIRST_ID)
        size = min(_DICTIONARY_BYTES, sum(map(len, samples)) // 8)
        try:
            made = zstandard.train_dictionary(size, [*samples], dict_id=number, level=_LEVEL)
        except zstandard.ZstdError:
            # Bodies too short or too much alike to learn from: they pack well as they are.
            self._compressors()[kind] = None
            return
        self._db.execute("INSERT INTO dictionary VALUES (?, ?, ?)", (number, kind, made.as_bytes()))
        self._compressors()[kind] = _compressor(made.as_bytes())

    def _compressors(self) -> dict[int, zstandard.ZstdCompressor | None]:
        if self._writing is None:
            rows = self._db.execute("SELECT kind, body FROM dictionary ORDER BY rowid").fetchall()
            self._writing = {kind: _compressor(body) for kind, body in rows}
        return self._writing

    def forget(self) -> None:
        """Drops dictionaries that a rolled-back transaction may have made."""
        self._writing = None
        self._alike.clear()


class _Readers(threading.local):
    """Decompressors by the number of their dictionary; no thread may use another's."""

    def __init__(self) -> None:
        self.known: dict[int, zstandard.ZstdDecompressor] = {}


_readers = _Readers()


def opened(db: sqlite3.Connection, packed: bytes) -> bytes:
    """The body that Bodies.closed() packed."""
    number = _frame_dictionary(packed)
    if not number:
        return codec.decompress(packed)
    known = _readers.known.get(number)
    if known is None:
        import zstandard

        row = db.execute("SELECT body FROM dictionary WHERE id=?", (number,)).fetchone()
        dictionary = zstandard.ZstdCompressionDict(row[0])
        known = _readers.known[number] = zstandard.ZstdDecompressor(dict_data=dictionary)
    return known.decompress(packed, max_output_size=_MAX_BODY_BYTES)


def _frame_dictionary(packed: bytes) -> int:
    """Number of the dictionary that a frame needs, 0 for none (RFC 8878, 3.1.1.1)."""
    descriptor = packed[4]
    size = (0, 1, 2, 4)[descriptor & 3]
    start = 5 if descriptor & 0x20 else 6
    return int.from_bytes(packed[start : start + size], "little")


def _compressor(dictionary: bytes) -> zstandard.ZstdCompressor:
    import zstandard

    data = zstandard.ZstdCompressionDict(dictionary)
    data.precompute_compress(level=_LEVEL)
    return zstandard.ZstdCompressor(dict_data=data)
