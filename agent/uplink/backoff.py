"""How long to wait before the next try: exponential, with full jitter.

A thousand agents that lost the same collector must not come back in the same second.
"""

from __future__ import annotations

from collections.abc import Callable

BASE_S = 1.0
MOST_S = 300.0


class Backoff:
    """Waits that grow with each failure until something succeeds."""

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        """`uniform` draws a number between two (random.uniform)."""
        self._uniform = uniform
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(MOST_S, BASE_S * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return self._uniform(0.0, ceiling)

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0
