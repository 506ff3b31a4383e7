"""Which numbers stand under a 64-bit hash: a map in memory, in plain arrays.

An indexed table would be written at a random place for every value; this is loaded when the store
is opened for writing and costs twenty bytes a value.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

_SHARDS = 256
_SHARD_BITS = 8
_EMPTY, _GONE, _MANY = 0, 0xFFFFFFFF, 0xFFFFFFFE
_FULL = 0.6
_SMALLEST = 16
_MASK = 2**64 - 1


class Hashes:
    """A map from a hash to the numbers under it, ascending. Numbers are from 1 to 2**32 - 3."""

    def __init__(self) -> None:
        self._shards = _Shards()
        self._many: dict[int, list[int]] = {}

    def get(self, key: int) -> tuple[int, ...]:
        """The numbers under a hash."""
        key &= _MASK
        found = self._shards[key & (_SHARDS - 1)].get(key)
        if found == _MANY:
            return tuple(self._many[key])
        return (found,) if found else ()

    def first(self, key: int, limit: int) -> tuple[int, ...]:
        """At most so many of them."""
        key &= _MASK
        found = self._shards[key & (_SHARDS - 1)].get(key)
        if found == _MANY:
            return tuple(self._many[key][:limit])
        return (found,)[:limit] if found else ()

    def shared(self) -> Iterator[list[int]]:
        """The numbers under each hash that has several."""
        yield from self._many.values()

    def add(self, key: int, number: int) -> None:
        """Puts a number under a hash; putting it twice is putting it once."""
        key &= _MASK
        shard = self._shards[key & (_SHARDS - 1)]
        found = shard.get(key)
        if not found:
            shard.put(key, number)
        elif found == _MANY:
            numbers = self._many[key]
            place = bisect_left(numbers, number)
            if place == len(numbers) or numbers[place] != number:
                insort(numbers, number)
        elif found != number:
            self._many[key] = sorted((found, number))
            shard.put(key, _MANY)

    def load(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Adds many."""
        for key, number in pairs:
            self.add(key, number)

    def discard(self, key: int, number: int) -> None:
        """Takes a number out from under a hash."""
        key &= _MASK
        shard = self._shards[key & (_SHARDS - 1)]
        found = shard.get(key)
        if found == number:
            shard.put(key, _GONE)
        elif found == _MANY:
            numbers = self._many[key]
            place = bisect_left(numbers, number)
            if place < len(numbers) and numbers[place] == number:
                del numbers[place]
            if len(numbers) == 1:
                shard.put(key, self._many.pop(key)[0])


class _Shards(dict[int, "_Shard"]):
    """Made when they are first asked for: many maps are small, and live for one question."""

    def __missing__(self, place: int) -> _Shard:
        made = self[place] = _Shard()
        return made


class _Shard:
    """Open addressing; a key keeps its place until the table grows."""

    __slots__ = ("_keys", "_mask", "_numbers", "_used")

    def __init__(self) -> None:
        self._sized(_SMALLEST)

    def _sized(self, size: int) -> None:
        self._keys = array("Q", bytes(8 * size))
        self._numbers = array("I", bytes(4 * size))
        self._mask = size - 1
        self._used = 0

    def get(self, key: int) -> int:
        """What is under a key, 0 for nothing."""
        keys, numbers, mask = self._keys, self._numbers, self._mask
        place = key >> _SHARD_BITS & mask
        while number := numbers[place]:
            if keys[place] == key:
                return 0 if number == _GONE else number
            place = place + 1 & mask
        return 0

    def put(self, key: int, number: int) -> None:
        """Puts it there."""
        keys, numbers, mask = self._keys, self._numbers, self._mask
        place = key >> _SHARD_BITS & mask
        while numbers[place]:
            if keys[place] == key:
                numbers[place] = number
                return
            place = place + 1 & mask
        keys[place], numbers[place] = key, number
        self._used += 1
        if self._used > _FULL * (mask + 1):
            self._grow()

    def _grow(self) -> None:
        kept = [
            (key, number)
            for key, number in zip(self._keys, self._numbers, strict=True)
            if number not in {_EMPTY, _GONE}
        ]
        size = _SMALLEST
        while len(kept) > _FULL / 2 * size:
            size *= 2
        self._sized(size)
        for key, number in kept:
            self.put(key, number)
