"""The life of alerts, on a real desk."""

import pytest

from cmdb.alerts.center import AlertCenter
from cmdb.alerts.errors import ChannelRefused, UnknownAlert, UnknownChannel
from cmdb.alerts.rule import Finding, Rule, Severity
from cmdb.query.encode import to_json
from cmdb.store.desk_alerts import AlertDesk

SHORT = Rule("licence.short", "Too few rights", Severity.CRITICAL)
OLD = Rule("source.silent", "A source fell silent", Severity.WARNING)
RULES = (SHORT, OLD)
VISIO = Finding("licence.short", "Visio", "Visio is short of 3", "8 required, 5 owned")
SILENT = Finding("source.silent", "agent-1", "agent-1 is silent", "since yesterday")


@pytest.fixture
def center(alert_desk: AlertDesk) -> AlertCenter:
    return AlertCenter(alert_desk, RULES)


def test_an_alert_opens_once_resolves_and_opens_again(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    first = center.evaluate([VISIO], {"licence.short"}, clock.now)
    assert [row.subject for row in first.opened] == ["Visio"]
    assert (first.opened[0].severity, first.opened[0].state) == ("critical", "open")

    again = center.evaluate([VISIO, VISIO], {"licence.short"}, clock.later(hours=1))
    assert (again.opened, again.resolved, again.open) == ((), (), 1)
    assert center.alerts()[0].last_seen == clock.now
    assert center.alerts()[0].first_seen < clock.now

    over = center.evaluate([], {"licence.short"}, clock.later(hours=1))
    assert [row.state for row in over.resolved] == ["resolved"]
    assert over.open == 0
    assert center.evaluate([], {"licence.short"}, clock.later(hours=1)).resolved == ()

    reopened = center.evaluate([VISIO], {"licence.short"}, clock.later(hours=1))
    (row,) = reopened.opened
    assert row.id == first.opened[0].id
    assert (row.episode, row.resolved_at) == (2, None)
    page = center.alert(row.id)
    assert [event.what for event in page.events] == ["opened", "resolved", "reopened"]
    assert page.summary == "Too few rights"
    assert to_json(page)


def test_a_rule_that_was_not_evaluated_changes_nothing(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    center.evaluate([VISIO, SILENT], {"licence.short", "source.silent"}, clock.now)
    changed = center.evaluate([], {"source.silent"}, clock.later(hours=1))
    assert [row.subject for row in changed.resolved] == ["agent-1"]
    assert [row.subject for row in center.alerts("open")] == ["Visio"]


def test_a_finding_of_an_unknown_rule_leaves_all_as_it_was(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="is not one that was evaluated"):
        center.evaluate([VISIO, Finding("no.such", "x", "x", "x")], {"licence.short"}, clock.now)
    assert center.alerts() == ()


def test_acknowledging_ends_with_the_episode(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    (row,) = center.evaluate([VISIO], {"licence.short"}, clock.now).opened
    assert center.acknowledge(row.id, "admin", clock.later(minutes=1)).acknowledged_by == "admin"
    assert center.acknowledge(row.id, "other", clock.later(minutes=1)).acknowledged_by == "admin"
    center.evaluate([], {"licence.short"}, clock.later(hours=1))
    center.evaluate([VISIO], {"licence.short"}, clock.later(hours=1))
    assert center.alerts()[0].acknowledged_at is None
    with pytest.raises(UnknownAlert):
        center.acknowledge(99, "admin", clock.now)


def test_titles_are_one_line(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    bad = Finding("licence.short", "x", "a\r\nBcc: everyone\u202e", "text")
    (row,) = center.evaluate([bad], {"licence.short"}, clock.now).opened
    assert row.title == "a Bcc: everyone"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "on the server itself"),
        ("syslog://", "on the server itself"),
        ("json://169.254.169.254/latest", "link-local"),
        ("json://user:pw@169.254.1.1:80/", "link-local"),
        ("json://2852039166/", "link-local"),
        ("json://[fe80::1]/", "link-local"),
        ("json://[::ffff:169.254.169.254]/", "link-local"),
        ("mailto://user:pw@example.test?smtp=169.254.169.254", "link-local"),
        ("no address", "without spaces"),
        ("nothing", "no address"),
        ("json://a\n", "without spaces"),
    ],
)
def test_addresses_that_are_refused(center: AlertCenter, clock, url: str, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ChannelRefused, match=says):
        center.add_channel("bad", url, clock.now)
    assert center.channels() == ()


def test_link_local_is_allowed_by_name(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    center.add_channel("odd", "json://169.254.1.1/", clock.now, allow_link_local=True)
    assert center.channels()[0].allow_link_local


def test_channels_show_no_secret(center: AlertCenter, clock) -> None:  # type: ignore[no-untyped-def]
    urls = {
        "a": "json://user:pa55@127.0.0.1:8080/hook/tok3n?key=k3y",
        "b": "slack://tok3n/k3y/pa55",
        "c": "mailtos://user:pa55@mail.example?to=x@example",
    }
    for name, url in urls.items():
        center.add_channel(name, url, clock.now)
    shown = {each.name: each.address for each in center.channels()}
    assert shown == {
        "a": "json://***@127.0.0.1:8080/***",
        "b": "slack://***",
        "c": "mailtos://***@mail.example/***",
    }
    with pytest.raises(ChannelRefused, match="there is a channel"):
        center.add_channel("a", urls["a"], clock.now)
    center.remove_channel("a", clock.now)
    with pytest.raises(UnknownChannel):
        center.remove_channel("a", clock.now)
