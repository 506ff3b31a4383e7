"""How observers stand, as every face shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class ObserverView:
    """An agent or a probe."""

    id: str
    name: str
    kinds: tuple[str, ...]
    """Kinds of source that it speaks as: agent, scan ..."""
    scope: str
    version: str
    enrolled_at: datetime
    last_seen: datetime | None
    clock_offset: timedelta | None
    """Its clock less ours, as measured at check-in."""
    outbox_batches: int | None
    complaints: tuple[str, ...]
    """What it could not read."""
    scan_prefixes: tuple[str, ...]
    revoked_at: datetime | None = None
