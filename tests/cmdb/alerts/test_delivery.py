"""Messages by mail and webhook: once for each opening and resolution, again when they fail."""

from datetime import timedelta

import pytest

from cmdb.alerts.apprise_send import known, send
from cmdb.alerts.center import AlertCenter
from cmdb.alerts.courier import BACK_OFF, Courier
from cmdb.alerts.errors import ChannelRefused, DeliveryFailed, UnknownChannel
from cmdb.alerts.rule import Finding, Rule, Severity
from cmdb.store.desk_alerts import AlertDesk

RULE = Rule("licence.short", "Too few rights", Severity.CRITICAL)
VISIO = Finding("licence.short", "Visio", "Visio is short of 3", "8 required, 5 owned")
EVALUATED = {"licence.short"}


@pytest.fixture
def center(alert_desk: AlertDesk) -> AlertCenter:
    return AlertCenter(alert_desk, (RULE,))


@pytest.fixture
def courier(alert_desk: AlertDesk) -> Courier:
    return Courier(alert_desk, send)


def test_mail_and_webhook_get_one_message_each_for_opening_and_resolution(  # type: ignore[no-untyped-def]
    center: AlertCenter, courier: Courier, clock, webhook, mailbox
) -> None:
    center.add_channel("hook", webhook.url, clock.now)
    center.add_channel("mail", mailbox.url, clock.now)
    center.evaluate([VISIO], EVALUATED, clock.now)
    assert courier.deliver(clock.now).sent == 2
    center.evaluate([VISIO], EVALUATED, clock.later(hours=1))
    assert courier.deliver(clock.now).sent == 0
    center.evaluate([], EVALUATED, clock.later(hours=1))
    assert courier.deliver(clock.now).sent == 2
    assert courier.deliver(clock.later(days=2)).sent == 0

    assert [each["title"] for each in webhook.taken] == [
        "Critical: Visio is short of 3",
        "Resolved: Visio is short of 3",
    ]
    assert webhook.taken[0]["message"] == "8 required, 5 owned"
    assert [subject for subject, _ in mailbox.taken] == [
        "Critical: Visio is short of 3",
        "Resolved: Visio is short of 3",
    ]
    assert "8 required, 5 owned" in mailbox.taken[0][1]


def test_what_fails_is_tried_again_later_and_then_given_up(  # type: ignore[no-untyped-def]
    center: AlertCenter, courier: Courier, clock, webhook
) -> None:
    center.add_channel("hook", webhook.url, clock.now)
    webhook.status = 500
    (row,) = center.evaluate([VISIO], EVALUATED, clock.now).opened
    assert courier.deliver(clock.now).failed == 1
    assert courier.deliver(clock.now).failed == 0, "not before the wait is over"
    (shown,) = center.channels()
    assert shown.waiting == 1
    assert "127.0.0.1" in shown.last_reason
    assert "s3cret" not in shown.last_reason

    rounds = []
    for wait in BACK_OFF:
        clock.later(seconds=wait.total_seconds())
        rounds.append(courier.deliver(clock.now))
    assert [each.given_up for each in rounds] == [0] * (len(BACK_OFF) - 1) + [1]
    (delivery,) = center.alert(row.id).deliveries
    assert (delivery.state, delivery.attempts) == ("given up", len(BACK_OFF) + 1)
    assert delivery.reason

    webhook.status = 200
    center.evaluate([], EVALUATED, clock.later(days=1))
    courier.deliver(clock.now)
    assert webhook.taken == [], "who never heard that it opened is not told that it is over"


def test_a_message_that_failed_arrives_once_when_the_receiver_is_back(  # type: ignore[no-untyped-def]
    center: AlertCenter, courier: Courier, clock, webhook
) -> None:
    center.add_channel("hook", webhook.url, clock.now)
    webhook.status = 503
    center.evaluate([VISIO], EVALUATED, clock.now)
    courier.deliver(clock.now)
    center.evaluate([], EVALUATED, clock.later(seconds=10))
    assert courier.deliver(clock.now).sent == 0, "the resolution waits for the opening"
    webhook.status = 200
    clock.later(seconds=BACK_OFF[0].total_seconds())
    assert courier.deliver(clock.now).sent + courier.deliver(clock.now).sent == 2
    assert [each["title"][:8] for each in webhook.taken] == ["Critical", "Resolved"]


def test_a_server_that_dies_while_sending_sends_again(  # type: ignore[no-untyped-def]
    alert_desk: AlertDesk,
    clock,
    webhook,
) -> None:
    center = AlertCenter(alert_desk, (RULE,))
    center.add_channel("hook", webhook.url, clock.now)
    center.evaluate([VISIO], EVALUATED, clock.now)

    def dies(url: str, title: str, text: str) -> None:
        send(url, title, text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Courier(alert_desk, dies).deliver(clock.now)
    assert Courier(alert_desk, send).deliver(clock.now).sent == 0
    assert Courier(alert_desk, send).deliver(clock.later(minutes=1)).sent == 1
    assert len(webhook.taken) == 2


def test_a_channel_added_later_hears_only_what_opens_later(  # type: ignore[no-untyped-def]
    center: AlertCenter, courier: Courier, clock, webhook
) -> None:
    center.evaluate([VISIO], EVALUATED, clock.now)
    center.add_channel("hook", webhook.url, clock.now)
    center.evaluate([], EVALUATED, clock.later(hours=1))
    assert courier.deliver(clock.now).sent == 0
    center.evaluate([VISIO], EVALUATED, clock.later(hours=1))
    assert courier.deliver(clock.now).sent == 1


def test_a_removed_channel_is_not_written_to(center, courier, clock, webhook) -> None:  # type: ignore[no-untyped-def]
    center.add_channel("hook", webhook.url, clock.now)
    (row,) = center.evaluate([VISIO], EVALUATED, clock.now).opened
    center.remove_channel("hook", clock.now)
    assert courier.deliver(clock.later(days=1)).sent == 0
    assert webhook.paths == []
    assert center.alert(row.id).deliveries[0].state == "cancelled"


def test_redirects_are_not_followed(center, courier, clock, webhook) -> None:  # type: ignore[no-untyped-def]
    center.add_channel("hook", webhook.url, clock.now)
    port = webhook.url.split(":")[2].split("/")[0]
    webhook.status, webhook.location = 302, f"http://127.0.0.1:{port}/elsewhere"
    center.evaluate([VISIO], EVALUATED, clock.now)
    courier.deliver(clock.now)
    assert webhook.paths == ["/hook/s3cret"]


def test_trying_a_channel(center: AlertCenter, courier: Courier, clock, webhook) -> None:  # type: ignore[no-untyped-def]
    center.add_channel("hook", webhook.url, clock.now)
    courier.try_channel("hook")
    assert webhook.taken[0]["title"] == "Test message"
    webhook.status = 500
    with pytest.raises(DeliveryFailed):
        courier.try_channel("hook")
    with pytest.raises(UnknownChannel):
        courier.try_channel("nowhere")


def test_addresses_of_no_service_are_known_beforehand() -> None:
    known("json://127.0.0.1/x")
    with pytest.raises(ChannelRefused, match="no known service"):
        known("nosuch://tok3n/x")
    assert sum(BACK_OFF, timedelta(0)) > timedelta(days=1)
