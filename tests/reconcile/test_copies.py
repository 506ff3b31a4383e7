"""Things that look like one and are two, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import open_record
from reconcile.normalise import forms
from tests.reconcile.history import Engine, observation

DAY = 24
ONE, TWO = "b8:27:eb:10:20:31", "b8:27:eb:10:20:32"
VIRTUAL = ("00:50:56:10:20:31", "00:50:56:10:20:32")
LOCAL = ("02:11:22:33:44:51", "02:11:22:33:44:52")
DONGLE = "00:e0:4c:68:00:01"
IMAGE = "4171f4d6ed5f32d0116f9c78e616b112"
UUID = "4b257539-d4c6-46b3-ad94-bc9be8888346"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


def nic(mac: str, address: str = "10.0.0.5", kind: str = "ethernet") -> list[dict[str, Any]]:
    return [{"name": "eth0", "mac": mac, "kind": kind, "addresses": [f"{address}/24"]}]


def said(
    key: str, day: float, mac: str | None = None, kind: str = "agent", **fields: Any
) -> dict[str, Any]:
    cls = fields.pop("cls", "Computer")
    address = fields.pop("address", "10.0.0.5")
    full = fields.pop("full", True)
    parent = fields.pop("parent", None)
    more: dict[str, Any] = {"class": cls, "attributes": fields}
    if mac:
        more["interfaces"] = nic(mac, address)
    if parent:
        more["parent"] = {"native_key": parent}
    return observation(kind, key, int(day * DAY), full=full, **more)


def by_turns(*pairs: tuple[str, str], days: int = 6, **fields: Any) -> list[dict[str, Any]]:
    """Keys with an adapter each, all of which report every day."""
    return [
        said(key, day + number / 4, mac, address=f"10.0.0.{number + 5}", **fields)
        for day in range(days)
        for number, (key, mac) in enumerate(pairs)
    ]


def one_key(before: dict[str, Any], after: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [said("k", day, **before, **fields) for day in range(3)] + [
        said("k", day, **after, **fields) for day in range(4, 7)
    ]


CASES: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "an image with its name on several boards": (
        2, by_turns(("a", ONE), ("b", TWO), name="kiosk", machine_id=IMAGE),
    ),
    "a virtual machine copied with its numbers": (
        2, by_turns(("a", VIRTUAL[0]), ("b", VIRTUAL[1]), name="app", bios_uuid=UUID),
    ),
    "an agent that sees the adapter in use alone": (
        1, by_turns(("a", ONE), ("b", TWO), name="lt", bios_uuid=UUID, system_serial="5CG0362KDQ"),
    ),
    "phones of one name, each with addresses of its own making": (
        2, [said(key, day + n / 4, mac, name="galaxy-s21") for day in range(4)
            for n, (key, mac) in enumerate((("a", LOCAL[0]), ("b", LOCAL[1])))],
    ),
    "phones of one name at one address, one after the other": (
        2, [said("a", 0, ONE, name="galaxy-s21"), said("b", 20, TWO, name="galaxy-s21")],
    ),
    "another printer at the address of the first": (
        2, one_key({"mac": ONE, "name": "brn1", "model": "HL-L2350"},
                   {"mac": TWO, "name": "sw-9", "model": "C9200"}, kind="snmp"),
    ),
    "a machine that was turned into a virtual one": (
        2, one_key({"mac": ONE, "bios_uuid": "03000200-0400-0500-0006-000700080009"},
                   {"mac": VIRTUAL[0], "bios_uuid": UUID}, name="erp"),
    ),
    "another printer of one model at an address": (
        2, [said("10.0.0.9", 0, ONE, "snmp", name="brn1", model="HL-L2350"),
            said("10.0.0.9", 2, TWO, "snmp", name="brn1", model="HL-L2350")],
    ),
    "the same printer with another card and name": (
        1, one_key({"mac": ONE, "name": "brn1", "model": "HL-L2350"},
                   {"mac": TWO, "name": "prn9", "model": "HL-L2350"}, kind="snmp"),
    ),
    "a container that repeats its host's number": (
        2, [said("h", 0, ONE, system_serial="5CG0362KDQ", name="host"),
            said("c", 1, system_serial="5CG0362KDQ", name="web", cls="Container")],
    ),
    "an enclosure that a list tells of, and its blade": (
        2, [said("row", 0, kind="import", system_serial="CZ3105ABCD", name="enc", cls="Enclosure"),
            said("b", 1, ONE, system_serial="CZ3105ABCD", bios_uuid=UUID, name="blade")],
    ),
    "rows with a word for a tag": (
        2, [said("1", 0, None, "import", asset_tag="RENTAL", model="Latitude", name="a"),
            said("2", 0, None, "import", asset_tag="RENTAL", model="Latitude", name="b")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_as_many_things_as_there_are(engine: Engine, case: str) -> None:
    expected, lines = CASES[case]
    engine.tell(*lines)
    whole = [row for row in engine.record.view.all_assets() if row.parent is None]
    assert len(whole) == expected


def assets(engine: Engine) -> dict[str, set[int]]:
    """Whom each record was about, by instance of its source and native key."""
    ledger = engine.record.ledger
    rows = {row.id: row.key for row in ledger.all_records()}
    return {
        f"{rows[record].source.instance}/{rows[record].native_key}": {link.asset for link in links}
        for record, links in ledger.stretches(rows).items()
    }


def test_a_stack_that_two_pollers_tell_of_one_without_its_members(engine: Engine) -> None:
    stack = {"name": "sw", "cls": "NetworkDevice", "system_serial": "FOC1234X0AB"}
    member = said(
        "10.0.0.9/1", 0, None, "snmp", parent="10.0.0.9", cls="NetworkDevice",
        system_serial="FOC1234X0AB",
    )  # fmt: skip
    again = said("10.0.0.9", 1, ONE, "snmp", **stack)
    again["source"] = {"kind": "snmp", "instance": "two"}
    engine.tell(said("10.0.0.9", 0, ONE, "snmp", **stack), member, again)
    found = assets(engine)
    assert found["two/10.0.0.9"] == found["one/10.0.0.9"] != found["one/10.0.0.9/1"]


def test_a_report_of_a_dongle_alone_is_about_the_machine_that_has_it(engine: Engine) -> None:
    for number, key in enumerate("ab"):
        serial = f"5CG0362KD{number}"
        engine.tell(said(key, number, (ONE, TWO)[number], system_serial=serial, name=key))
    for number, key in enumerate("ab"):
        hour = 100 + number
        engine.tell(observation("agent", key, hour, full=False, interfaces=nic(DONGLE)))
    found = assets(engine)
    assert len(found["one/a"]) == len(found["one/b"]) == 1
    assert found["one/a"] != found["one/b"]


@pytest.mark.parametrize(
    "value",
    ["Default Serial", "System Product Name", "<OUT OF SPEC>", "[None]", "k.A.", "see label", "MSI",
     "Serial Not Found", "nicht vorhanden", "0x00000000", "not provided", "VirtualBox-0"],
)  # fmt: skip
def test_words_in_place_of_a_serial_number(value: str) -> None:
    assert forms.serial(value) is None


@pytest.mark.parametrize(
    "value", ["VMware-42 06 f8 f9 e0 6e 5f 75-05 ce 7e cd 07 31 d1 c8", "5CG0362KDQ", "BHJKLMN"]
)
def test_a_serial_number_is_one(value: str) -> None:
    assert forms.serial(value)


@pytest.mark.parametrize(
    "value",
    ["AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA", "DEADBEEF-DEAD-BEEF-DEAD-BEEFDEADBEEF",
     "00112233-4455-6677-8899-AABBCCDDEEFF", "FFFFFFFF-FFFF-FFFF-FFFF-000000000000"],
)  # fmt: skip
def test_uuids_that_nobody_drew(value: str) -> None:
    assert forms.bios_uuid(value) is None
