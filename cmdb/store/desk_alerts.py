"""The part of the desk that keeps alerts, channels and the queue of what goes out.

An adapter keeps rows and knows no rule: what opens and resolves is cmdb/alerts' business.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One thing that is, or was, the matter."""

    id: int
    """0 until it is kept."""
    rule: str
    subject: str
    severity: str
    state: str
    """open or resolved."""
    title: str
    text: str
    episode: int
    """How often it was opened, from 1."""
    first_seen: datetime
    last_seen: datetime
    opened_at: datetime
    """When this episode began."""
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """A step in an alert's life."""

    alert: int
    at: datetime
    what: str
    """opened, reopened, resolved or acknowledged."""
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """Where messages go. The URL holds secrets: mask it before it is shown."""

    name: str
    url: str
    created_at: datetime
    allow_link_local: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One message to one channel."""

    id: int
    """0 until it is kept."""
    alert: int
    episode: int
    what: str
    """opened or resolved."""
    channel: str
    title: str
    text: str
    state: str
    """queued, sent, given up or cancelled."""
    queued_at: datetime
    next_at: datetime
    """When it is tried (again)."""
    attempts: int = 0
    done_at: datetime | None = None
    reason: str = ""
    """Why the last attempt failed, or why it will not be sent."""


class AlertDesk(Protocol):
    """Alerts, channels and deliveries."""

    def transaction(self) -> AbstractContextManager[object]:
        """All writes inside take effect together, or none does when it raises."""
        ...

    def alert(self, alert_id: int) -> AlertRow | None:
        """The alert of that number."""
        ...

    def alerts(self, state: str | None = None) -> tuple[AlertRow, ...]:
        """All of them or those of one state, the newest episode first."""
        ...

    def alert_about(self, rule: str, subject: str) -> AlertRow | None:
        """The one alert of a rule about a subject."""
        ...

    def put_alert(self, row: AlertRow) -> AlertRow:
        """Keeps it, and returns it with its number."""
        ...

    def add_event(self, event: AlertEvent) -> None:
        """Appends to an alert's history."""
        ...

    def events(self, alert_id: int) -> tuple[AlertEvent, ...]:
        """An alert's history, oldest first."""
        ...

    def channels(self) -> tuple[ChannelRow, ...]:
        """All channels, by name."""
        ...

    def put_channel(self, row: ChannelRow) -> None:
        """Adds or replaces a channel."""
        ...

    def drop_channel(self, name: str) -> bool:
        """Takes a channel out; says whether it was there."""
        ...

    def put_delivery(self, row: DeliveryRow) -> None:
        """Keeps it; one message goes to a channel but once for each step of an episode."""
        ...

    def deliveries(self, alert_id: int) -> tuple[DeliveryRow, ...]:
        """What went, goes and did not go out about an alert, oldest first."""
        ...

    def queued(self, channel: str | None = None) -> tuple[DeliveryRow, ...]:
        """What waits to go out, oldest first."""
        ...
