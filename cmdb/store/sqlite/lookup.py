"""A map from many 64-bit keys to numbers that is asked for thousands of keys at once.

Open addressing in numpy arrays, a quarter full at most: a list of 1,500 programs is a handful of
array operations, where a sorted array would be searched in sixteen steps for each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Numbers = NDArray[np.uint32]

_ROOM = 4
"""Slots for each key, at least."""
_SMALLEST = 64


class Lookup:
    """Made once from all keys; numbers are greater than 0, and each is of one key."""

    def __init__(self, keys: Keys, numbers: Numbers) -> None:
        size = _SMALLEST
        while size < _ROOM * len(keys):
            size *= 2
        self._mask = np.int64(size - 1)
        self._keys = np.zeros(size, np.int64)
        self._numbers = np.zeros(size, np.uint32)
        self._fill(keys, numbers)

    def _fill(self, keys: Keys, numbers: Numbers) -> None:
        place = keys & self._mask
        while len(keys):
            free = self._numbers[place] == 0
            # Of several that want one slot the last has it; the others go on from there.
            self._numbers[place[free]] = numbers[free]
            self._keys[place[free]] = keys[free]
            left = self._numbers[place] != numbers
            keys, numbers = keys[left], numbers[left]
            place = (place[left] + 1) & self._mask

    def get(self, keys: Keys) -> tuple[Numbers, NDArray[np.bool_]]:
        """The numbers of keys, and which of them there are."""
        place = keys & self._mask
        found = self._numbers[place]
        hit = (self._keys[place] == keys) & (found != 0)
        going = np.flatnonzero((found != 0) & ~hit)
        at, wanted = place[going], keys[going]
        while len(going):
            at = (at + 1) & self._mask
            numbers = self._numbers[at]
            same = (self._keys[at] == wanted) & (numbers != 0)
            found[going], hit[going] = numbers, same
            on = (numbers != 0) & ~same
            going, at, wanted = going[on], at[on], wanted[on]
        return found, hit
