"""Sends what waits in the queue, and tries again what did not get through.

An attempt is noted before it is made and marked sent after. If the server dies between the two
the message goes out once more: twice is better than never. Otherwise each goes out once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from cmdb.alerts.address import check
from cmdb.alerts.errors import ChannelRefused, DeliveryFailed, UnknownChannel
from cmdb.store.desk_alerts import AlertDesk, ChannelRow, DeliveryRow

BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(hours=24),
)
"""How long it waits after each attempt; past the last it gives up."""


class Send(Protocol):
    """Sends one message to one address."""

    def __call__(self, url: str, title: str, text: str) -> None:
        """Returns when it was handed over.

        Raises:
            DeliveryFailed: It was not; the message holds no secret.
        """
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did."""

    sent: int = 0
    failed: int = 0
    """Will be tried again."""
    given_up: int = 0


class Courier:
    """Works the queue of one desk. One at a time."""

    def __init__(self, desk: AlertDesk, send: Send) -> None:
        self._desk = desk
        self._send = send

    def deliver(self, at: datetime) -> Delivered:
        """Sends all that is due; what fails waits longer each time, until it is given up."""
        channels = {row.name: row for row in self._desk.channels()}
        states = [self._one(row, channels, at) for row in self._desk.queued() if row.next_at <= at]
        return Delivered(states.count("sent"), states.count("queued"), states.count("given up"))

    def try_channel(self, name: str) -> None:
        """Sends a message that says it is a test.

        Raises:
            UnknownChannel: There is none of that name.
            DeliveryFailed: It did not get through.
            ChannelRefused: Its address may not be sent to.
        """
        row = next((row for row in self._desk.channels() if row.name == name), None)
        if row is None:
            raise UnknownChannel(f"there is no channel {name!r}")
        self._hand_over(row, "Test message", f"Alerts of Stocktake arrive in the channel {name}.")

    def _one(self, row: DeliveryRow, channels: Mapping[str, ChannelRow], at: datetime) -> str:
        before = self._opening_of(row)
        if before is not None and before.state == "queued":
            return "waits"
        channel = channels.get(row.channel)
        if channel is None or (before is not None and before.state != "sent"):
            reason = "the channel is gone" if channel is None else "that it opened did not arrive"
            self._desk.put_delivery(replace(row, state="cancelled", done_at=at, reason=reason))
            return "cancelled"
        wait = BACK_OFF[min(row.attempts, len(BACK_OFF) - 1)]
        tried = replace(row, attempts=row.attempts + 1, next_at=at + wait)
        self._desk.put_delivery(tried)
        done = self._attempt(tried, channel, at)
        self._desk.put_delivery(done)
        return done.state

    def _attempt(self, row: DeliveryRow, channel: ChannelRow, at: datetime) -> DeliveryRow:
        try:
            self._hand_over(channel, row.title, row.text)
        except (DeliveryFailed, ChannelRefused) as error:
            if row.attempts > len(BACK_OFF):
                return replace(row, state="given up", done_at=at, reason=str(error))
            return replace(row, reason=str(error))
        return replace(row, state="sent", done_at=at, reason="")

    def _hand_over(self, channel: ChannelRow, title: str, text: str) -> None:
        check(channel.url, allow_link_local=channel.allow_link_local, resolve=True)
        self._send(channel.url, title, text)

    def _opening_of(self, row: DeliveryRow) -> DeliveryRow | None:
        """The message that the alert opened, for one that it is resolved."""
        if row.what != "resolved":
            return None
        for each in self._desk.deliveries(row.alert):
            if (each.episode, each.channel, each.what) == (row.episode, row.channel, "opened"):
                return each
        return None
