"""The life of alerts: opened, acknowledged, resolved, opened again. What goes out is queued here.

An alert is one rule about one subject. It opens when the rule first holds and resolves when the
rule was evaluated and no longer does; a rule that was not evaluated changes nothing. The message
for each step is put into the queue together with the step; courier.py sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cmdb.alerts.address import check, masked
from cmdb.alerts.errors import ChannelRefused, UnknownAlert, UnknownChannel
from cmdb.alerts.rule import Finding, Rule
from cmdb.store.desk_alerts import AlertDesk, AlertEvent, AlertRow, ChannelRow, DeliveryRow

OPEN, RESOLVED = "open", "resolved"
QUEUED = "queued"
_LONGEST_TITLE = 200
_LONGEST_TEXT = 2_000
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation changed."""

    opened: tuple[AlertRow, ...]
    """Opened, for the first time or again."""
    resolved: tuple[AlertRow, ...]
    open: int
    """Alerts that are open now, whoever opened them."""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert with all that happened to it."""

    alert: AlertRow
    summary: str
    """What its rule is about."""
    events: tuple[AlertEvent, ...]
    deliveries: tuple[DeliveryRow, ...]


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel without its secrets."""

    name: str
    address: str
    """Masked."""
    created_at: datetime
    allow_link_local: bool
    waiting: int
    """Messages that wait for it."""
    last_reason: str
    """Why the last attempt of one that waits failed."""


class AlertCenter:
    """Alerts of all rules that were registered."""

    def __init__(self, desk: AlertDesk, rules: Iterable[Rule]) -> None:
        """Takes the desk's part for alerts, and every rule there is."""
        self._desk = desk
        self._rules = {rule.name: rule for rule in rules}

    def evaluate(
        self, findings: Iterable[Finding], rules_evaluated: Collection[str], at: datetime
    ) -> Evaluation:
        """Opens what is new, and resolves what these rules no longer find.

        The same findings again change nothing but when they were last seen.

        Raises:
            ValueError: A finding is of a rule that is not registered or was not evaluated.
        """
        current = {(finding.rule, finding.subject): finding for finding in findings}
        for finding in current.values():
            if finding.rule not in self._rules or finding.rule not in rules_evaluated:
                raise ValueError(f"rule {finding.rule!r} is not one that was evaluated")
        with self._desk.transaction():
            opened = [each for key in current if (each := self._see(current[key], at))]
            gone = [
                row
                for row in self._desk.alerts(OPEN)
                if row.rule in rules_evaluated and (row.rule, row.subject) not in current
            ]
            resolved = [self._resolve(row, at) for row in gone]
            return Evaluation(tuple(opened), tuple(resolved), len(self._desk.alerts(OPEN)))

    def alerts(self, state: str | None = None) -> tuple[AlertRow, ...]:
        """All alerts, or those of one state (open, resolved), the newest first."""
        return self._desk.alerts(state)

    def alert(self, alert_id: int) -> AlertPage:
        """One alert, with its history and deliveries.

        Raises:
            UnknownAlert: There is none of that number.
        """
        row = self._row(alert_id)
        rule = self._rules.get(row.rule)
        return AlertPage(
            row,
            rule.summary if rule else "",
            self._desk.events(row.id),
            self._desk.deliveries(row.id),
        )

    def acknowledge(self, alert_id: int, by: str, at: datetime) -> AlertRow:
        """Notes that someone has seen to it; it stays open until its cause is gone.

        Raises:
            UnknownAlert: There is none of that number.
        """
        with self._desk.transaction():
            row = self._row(alert_id)
            if row.state != OPEN or row.acknowledged_at is not None:
                return row
            self._desk.add_event(AlertEvent(row.id, at, "acknowledged", by, ""))
            return self._desk.put_alert(replace(row, acknowledged_at=at, acknowledged_by=by))

    def channels(self) -> tuple[ChannelView, ...]:
        """All channels, by name, their secrets masked."""
        return tuple(self._shown(row) for row in self._desk.channels())

    def add_channel(
        self, name: str, url: str, at: datetime, *, allow_link_local: bool = False
    ) -> ChannelView:
        """Adds a channel: messages of alerts that open from now on go there.

        Raises:
            ChannelRefused: The name is taken or none, or the address may not be sent to.
        """
        if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
            raise ChannelRefused(f"a channel's name is 1 to {_LONGEST_NAME} printable characters")
        if any(row.name == name for row in self._desk.channels()):
            raise ChannelRefused(f"there is a channel {name!r}; remove it first")
        check(url, allow_link_local=allow_link_local)
        row = ChannelRow(name, url, at, allow_link_local=allow_link_local)
        self._desk.put_channel(row)
        return self._shown(row)

    def remove_channel(self, name: str, at: datetime) -> None:
        """Takes a channel out; what waits for it is not sent any more.

        Raises:
            UnknownChannel: There is none of that name.
        """
        with self._desk.transaction():
            if not self._desk.drop_channel(name):
                raise UnknownChannel(f"there is no channel {name!r}")
            for row in self._desk.queued(name):
                self._desk.put_delivery(
                    replace(row, state="cancelled", done_at=at, reason="the channel was removed")
                )

    def _see(self, finding: Finding, at: datetime) -> AlertRow | None:
        """Keeps a finding; the alert if it opened."""
        severity = self._rules[finding.rule].severity.value
        title, text = _plain(finding.title, _LONGEST_TITLE), finding.text[:_LONGEST_TEXT]
        before = self._desk.alert_about(finding.rule, finding.subject)
        if before is None:
            row = AlertRow(
                0, finding.rule, finding.subject, severity, OPEN, title, text, 1, at, at, at
            )
            return self._open(row, "opened", at)
        seen = replace(before, severity=severity, title=title, text=text, last_seen=at)
        if before.state == OPEN:
            self._desk.put_alert(seen)
            return None
        again = replace(
            seen,
            state=OPEN,
            episode=before.episode + 1,
            opened_at=at,
            resolved_at=None,
            acknowledged_at=None,
            acknowledged_by="",
        )
        return self._open(again, "reopened", at)

    def _open(self, row: AlertRow, what: str, at: datetime) -> AlertRow:
        kept = self._desk.put_alert(row)
        self._desk.add_event(AlertEvent(kept.id, at, what, "", kept.text))
        for channel in self._desk.channels():
            self._queue(kept, "opened", channel.name, at)
        return kept

    def _resolve(self, row: AlertRow, at: datetime) -> AlertRow:
        kept = self._desk.put_alert(replace(row, state=RESOLVED, resolved_at=at))
        self._desk.add_event(AlertEvent(kept.id, at, "resolved", "", ""))
        # Only who was told that it opened is told that it is over.
        told = {
            each.channel
            for each in self._desk.deliveries(row.id)
            if each.episode == row.episode and each.what == "opened" and each.state != "cancelled"
        }
        for channel in self._desk.channels():
            if channel.name in told:
                self._queue(kept, "resolved", channel.name, at)
        return kept

    def _queue(self, row: AlertRow, what: str, channel: str, at: datetime) -> None:
        word = "Resolved: " if what == "resolved" else f"{row.severity.capitalize()}: "
        self._desk.put_delivery(
            DeliveryRow(
                0, row.id, row.episode, what, channel, word + row.title, row.text, QUEUED, at, at
            )
        )

    def _row(self, alert_id: int) -> AlertRow:
        row = self._desk.alert(alert_id)
        if row is None:
            raise UnknownAlert(f"there is no alert {alert_id}")
        return row

    def _shown(self, row: ChannelRow) -> ChannelView:
        waiting = self._desk.queued(row.name)
        reasons = [each.reason for each in waiting if each.reason]
        return ChannelView(
            row.name, masked(row.url), row.created_at, row.allow_link_local, len(waiting),
            reasons[-1] if reasons else "",
        )  # fmt: skip


def _plain(text: str, longest: int) -> str:
    """One line: a title becomes a mail's subject."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:longest]
