"""What a record gave and did not count is told, with the reason."""

from __future__ import annotations

from reconcile.explain import explain
from tests.reconcile.history import Engine, Say

ADAPTERS = [
    {"name": "eth0", "mac": "00:00:5e:00:01:0a", "kind": "ethernet"},
    {"name": "dock0", "mac": "3c:52:82:aa:00:01", "kind": "dock"},
    {"name": "br0", "mac": "3c:52:82:aa:00:03", "kind": "bridge"},
    {"name": "eth1", "mac": "06:00:00:aa:00:04", "kind": "ethernet"},
    {"name": "wlan0", "mac": "3c:52:82:aa:00:02", "kind": "wifi"},
]


def _told(engine: Engine, name: str) -> dict[tuple[str, str], str]:
    (link,) = explain(engine.record, name, None, engine.now).links
    return {(each.key, each.value): each.why for each in link.uncounted}


def test_placeholders_and_adapters(engine: Engine, said: Say) -> None:
    values = {"name": "pc-1", "system_serial": "To be filled by O.E.M.", "board_serial": "B73K21X9"}
    engine.tell(said("agent", "m1", 0, attributes=values, interfaces=ADAPTERS))
    found = _told(engine, "pc-1")
    assert found.keys() == {
        ("system_serial", "To be filled by O.E.M."),
        ("mac", "00:00:5e:00:01:0a"),
        ("mac", "3c:52:82:aa:00:01"),
        ("mac", "3c:52:82:aa:00:03"),
        ("mac", "06:00:00:aa:00:04"),
    }
    assert "placeholder" in found["system_serial", "To be filled by O.E.M."]
    assert "dock" in found["mac", "3c:52:82:aa:00:01"]
    assert "bridge" in found["mac", "3c:52:82:aa:00:03"]
    assert "given by software" in found["mac", "06:00:00:aa:00:04"]


def test_a_text_that_is_no_uuid_is_not_called_a_placeholder(engine: Engine, said: Say) -> None:
    for name, value in (("pc-1", "zz"), ("pc-2", "ffffffff-ffff-ffff-ffff-ffffffffffff")):
        engine.tell(said("import", name, 0, attributes={"name": name, "bios_uuid": value}))
    assert _told(engine, "pc-1") == {("bios_uuid", "zz"): "no UUID"}
    assert "placeholder" in "".join(_told(engine, "pc-2").values())


def test_a_value_that_too_many_give(engine: Engine, said: Say) -> None:
    for number in range(30):
        values = {"name": f"pc-{number}", "system_serial": "5CG1234XYZ"}
        engine.tell(said("agent", f"m{number}", 0, attributes=values))
    assert _told(engine, "pc-7") == {
        ("system_serial", "5CG1234XYZ"): "on the stop-list: more than 24 records give it"
    }
