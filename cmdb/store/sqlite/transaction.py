"""The transaction that writes now: its number and its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Transaction:
    """Shared by ledger and view of one connection; id 0 outside a transaction."""

    id: int = 0
    at: datetime = _NEVER
    touched: bool = False
    """Whether the view changed in it."""
