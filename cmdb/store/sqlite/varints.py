"""Whole numbers in as few bytes as they need: seven bits a byte, the lowest first.

All but a number's last byte have the eighth bit set (LEB128). For a few numbers; of many packed.py
makes planes.
"""

from __future__ import annotations

from collections.abc import Iterable

_LOW, _MORE, _BITS = 0x7F, 0x80, 7


def write(numbers: Iterable[int]) -> bytes:
    """Numbers from 0 on, one after the other."""
    found = bytearray()
    for number in numbers:
        left = number
        while left > _LOW:
            found.append(left & _LOW | _MORE)
            left >>= _BITS
        found.append(left)
    return bytes(found)


def read(body: bytes, place: int, count: int) -> tuple[list[int], int]:
    """So many numbers from a place on, and the place behind them."""
    found = []
    for _ in range(count):
        number = shift = 0
        while (byte := body[place]) & _MORE:
            number |= (byte & _LOW) << shift
            shift += _BITS
            place += 1
        found.append(number | byte << shift)
        place += 1
    return found, place
