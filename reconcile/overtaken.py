"""Which words yield because of their age.

A stale word yields to what was said later and is fresh, and to nothing else: while nobody fresh
said anything after it, it counts as if it were not stale. So an older word of a lower rank never
comes forward because a later one of a higher rank grew old. Knows ranks and times, no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class Spoken(NamedTuple):
    """When something was said, and with what weight."""

    rank: int
    said_at: datetime
    stale: bool


def overtaken(words: Sequence[Spoken], *, by_rank: bool) -> list[bool]:
    """Of each word whether it yields to all that do not.

    Args:
        words: All that say something about one matter.
        by_rank: Whether rank decides among them. Then a fresh word also yields that a stale one of
            a higher rank, overtaken itself, was said no earlier than: the latest decides.
    """
    latest = max((word.said_at for word in words if not word.stale), default=None)
    if latest is None or not any(word.stale for word in words):
        return [False] * len(words)
    old = [word.stale and word.said_at < latest for word in words]
    above = [word for word, is_old in zip(words, old, strict=True) if is_old and by_rank]
    return [
        is_old or (not word.stale and any(_beats(other, word) for other in above))
        for word, is_old in zip(words, old, strict=True)
    ]


def _beats(one: Spoken, other: Spoken) -> bool:
    return one.rank < other.rank and one.said_at >= other.said_at
