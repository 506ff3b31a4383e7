"""Alerts, and the channels over which they go out."""

from __future__ import annotations

from dataclasses import dataclass

from cmdb.alerts.center import AlertPage, ChannelView
from cmdb.store.desk_alerts import AlertRow
from collector.clock import utc_now
from collector.operation import Context, InputRefused, NoParams, Operation


@dataclass(frozen=True)
class AlertList:
    """Alerts, newest first."""

    alerts: tuple[AlertRow, ...]


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts: open, resolved, or all."""

    state: str | None = None


@dataclass(frozen=True)
class AlertRef:
    """One alert."""

    alert_id: int


@dataclass(frozen=True)
class ChannelList:
    """All channels, their secrets masked."""

    channels: tuple[ChannelView, ...]


@dataclass(frozen=True)
class ChannelParams:
    """A new channel."""

    name: str
    url: str
    """An Apprise address, such as mailto://user:password@host or json://host/path."""
    allow_link_local: bool = False


@dataclass(frozen=True)
class ChannelRef:
    """One channel."""

    channel: str


@dataclass(frozen=True)
class Done:
    """It was done."""

    channel: str


def _list(context: Context, params: AlertFilter) -> AlertList:
    if params.state not in (None, "open", "resolved"):
        raise InputRefused(f"state is {params.state!r}; it must be open or resolved")
    context.alerting.evaluate(context.record, context.now)
    return AlertList(context.alerting.center.alerts(params.state))


def _show(context: Context, params: AlertRef) -> AlertPage:
    return context.alerting.center.alert(params.alert_id)


def _acknowledge(context: Context, params: AlertRef) -> AlertRow:
    return context.alerting.center.acknowledge(params.alert_id, context.account, utc_now())


def _channels(context: Context, _params: NoParams) -> ChannelList:
    return ChannelList(context.alerting.center.channels())


def _add_channel(context: Context, params: ChannelParams) -> ChannelView:
    from cmdb.alerts.address import check
    from cmdb.alerts.apprise_send import known

    check(params.url, allow_link_local=params.allow_link_local)
    known(params.url)
    return context.alerting.center.add_channel(
        params.name, params.url, utc_now(), allow_link_local=params.allow_link_local
    )


def _remove_channel(context: Context, params: ChannelRef) -> Done:
    context.alerting.center.remove_channel(params.channel, utc_now())
    return Done(params.channel)


def _try_channel(context: Context, params: ChannelRef) -> Done:
    from cmdb.alerts.apprise_send import send
    from cmdb.alerts.courier import Courier

    Courier(context.desk.alerts, send).try_channel(params.channel)
    return Done(params.channel)


OPERATIONS = (
    Operation("alerts.list", "GET", "/alerts", "Alerts", AlertFilter, AlertList, _list, "viewer"),
    Operation(
        "alerts.show", "GET", "/alerts/{alert_id}", "One alert with its history", AlertRef,
        AlertPage, _show, "viewer",
    ),
    Operation(
        "alerts.acknowledge", "POST", "/alerts/{alert_id}/acknowledge",
        "Say that someone sees to it", AlertRef, AlertRow, _acknowledge, "licence_manager",
    ),
    Operation(
        "channels.list", "GET", "/channels", "Where alerts go", NoParams, ChannelList, _channels,
        "administrator",
    ),
    Operation(
        "channels.add", "POST", "/channels", "Send alerts there, too", ChannelParams, ChannelView,
        _add_channel, "administrator",
    ),
    Operation(
        "channels.remove", "POST", "/channels/{channel}/remove", "Send no alerts there any more",
        ChannelRef, Done, _remove_channel, "administrator",
    ),
    Operation(
        "channels.test", "POST", "/channels/{channel}/test", "Send a test message", ChannelRef,
        Done, _try_channel, "administrator",
    ),
)  # fmt: skip
