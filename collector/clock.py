"""The collector's clock, and when it stands still."""

from __future__ import annotations

from datetime import UTC, datetime

REPLAY = "replay/"
"""Origins of journal entries whose own time is the clock."""


def utc_now() -> datetime:
    """The collector's clock."""
    return datetime.now(UTC)
