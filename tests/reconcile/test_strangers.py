"""Values of other machines: numbers, native keys and adapters that went where they do not belong.

Small histories without a bystander, each also told late and twice; those with a fixture of their
own stand in faults/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cmdb.model.observation import RecordKey, Source
from cmdb.store.sqlite.record import open_record
from tests.reconcile.history import Engine, observation
from tests.reconcile.retell import Line, delivered_late, twice

DAY = 24
CHEAP: dict[str, Any] = {"system_serial": "Default string", "model": "NUC7i3BNH"}
IMAGE = "5f1c2b7e90d34a6f8a1b3c5d7e9f0a12"
UUID = "8d0c7a14-5b0e-4f5e-9a61-30b7c2d4e6f8"
SERIALS = ("5CG0471QWX", "5CG0471QZR", "5CG0471RTV")
DONGLE = "00:e0:4c:47:00:01"
GUEST = "VMware-42 0b 6e 1a 3f 40 7a 7c-1d 22 9f 0c 6a 7b 8c 31"
Lines = list[Line]


def wired(number: int, oui: str = "94:c6:91:20:00") -> str:
    return f"{oui}:{number:02x}"


def said(thing: str, day: float, kind: str, key: str, *macs: str, **fields: Any) -> Line:
    """A report with adapters, each at an address of its own."""
    more: dict[str, Any] = {"class": fields.pop("cls", "Computer")}
    for name in ("instance", "parent"):
        if name in fields:
            value = fields.pop(name)
            more[name] = {"native_key": value} if name == "parent" else value
    address = f"10.0.{int(macs[0][-2:], 16)}.5/24" if macs else ""
    more["interfaces"] = [
        {"name": f"eth{place}", "mac": mac, "kind": "ethernet",
         "addresses": [address] if place == 0 and kind != "import" else []}
        for place, mac in enumerate(macs)
    ]  # fmt: skip
    return Line(observation(kind, key, round(day * DAY), **more, attributes=fields), thing)


def daily(thing: str, days: range, key: str, *macs: str, **fields: Any) -> Lines:
    """An agent's reports."""
    return [said(thing, day, "agent", key, *macs, **fields) for day in days]


def image_under_one_name() -> Lines:
    return [
        said("ab"[n], day + n / 3, "agent", "k", wired(n), name="kiosk", machine_id=IMAGE)
        for day in range(8)
        for n in range(2)
    ]


def adapters_by_turns() -> Lines:
    """One machine: a wired and a wireless adapter are of two makes."""
    macs = (wired(1, "8c:16:45:00:00"), wired(2, "a4:4c:c8:00:00"))
    return [said("a", day, "agent", "k", macs[day % 2], name="lt", **CHEAP) for day in range(16)]


def key_went_and_the_machine_came_back() -> Lines:
    old = daily("a", range(5), "k", wired(1), name="till", **CHEAP)
    new = daily("b", range(6, 11), "k", wired(2), name="till", **CHEAP)
    return old + new + daily("a", range(12, 15), "other", wired(1), name="spare", **CHEAP)


def image_without_numbers_in_turn() -> Lines:
    return [
        line
        for n in range(3)
        for line in daily(
            f"t{n}", range(5 * n, 5 * n + 4), f"k{n}", wired(n), name=f"t{n}", machine_id=IMAGE
        )
    ]


def uuid_on_three_in_turn() -> Lines:
    return [
        line
        for n in range(3)
        for line in daily(
            f"p{n}", range(5 * n, 5 * n + 4), f"k{n}", wired(n), name=f"p{n}", bios_uuid=UUID
        )
    ]


def renamed_and_rewired_with_a_number() -> Lines:
    old = daily("a", range(4), "k", wired(1), name="pc1", system_serial=SERIALS[0])
    return old + daily("a", range(5, 9), "k", wired(2), name="pc2", system_serial=SERIALS[0])


def renamed_one_day_rewired_another() -> Lines:
    first = daily("a", range(3), "k", wired(1), name="pc1", **CHEAP)
    second = daily("a", range(3, 6), "k", wired(1), name="pc2", **CHEAP)
    return first + second + daily("a", range(6, 9), "k", wired(2), name="pc2", **CHEAP)


def dongle_passed_around() -> Lines:
    """Laptops that tell of the dongle alone while they have it."""
    return [
        said(f"n{n}", day + n / 10, "agent", f"k{n}", DONGLE if day % 5 == n else wired(n + 1),
             name=f"n{n}", **CHEAP)
        for day in range(15)
        for n in range(5)
    ]  # fmt: skip


def card_moved() -> Lines:
    return [
        line
        for day in range(10)
        for line in (
            said("a", day, "agent", "ka", wired(1 if day < 5 else 3), name="pc1", **CHEAP),
            said("b", day + 0.2, "agent", "kb", wired(2 if day < 5 else 1), name="pc2", **CHEAP),
        )
    ]


def disks_exchanged() -> Lines:
    """Hardware is known by its adapters; names and native keys go with the disks."""
    return [
        said("ab"[n if day < 5 else 1 - n], day + n / 5, "agent", f"k{n}",
             wired(n if day < 5 else 1 - n), name=f"pc{n}", **CHEAP)
        for day in range(10)
        for n in range(2)
    ]  # fmt: skip


def serials_swapped_in_a_list() -> Lines:
    lines = []
    for n in range(2):
        lines += daily("ab"[n], range(3), f"k{n}", wired(n), name=f"n{n}", system_serial=SERIALS[n])
        row = {"name": f"n{n}", "system_serial": SERIALS[1 - n], "asset_tag": f"A10{n}7"}
        lines.append(said("ab"[n], 1, "import", f"r{n}", wired(n), **row))
    return lines


def number_copied_down_a_list() -> Lines:
    lines = daily("r0", range(3), "k", wired(9), name="n0", system_serial=SERIALS[0])
    for n in range(4):
        row = {"name": f"n{n}", "system_serial": SERIALS[0], "asset_tag": f"A10{n}7"}
        lines.append(said(f"r{n}", 1, "import", f"r{n}", wired(n + 20), **row))
    return lines


def row_put_right() -> Lines:
    lines = []
    for n in range(2):
        lines += daily("ab"[n], range(3), f"k{n}", wired(n), name=f"n{n}", system_serial=SERIALS[n])
        for day, serial in ((1, SERIALS[0]), (2, SERIALS[n])):
            row = {"name": f"n{n}", "system_serial": serial, "asset_tag": f"A10{n}7"}
            lines.append(said("ab"[n], day, "import", f"r{n}", wired(n), **row))
    return lines


def row_with_an_old_name() -> Lines:
    lines = daily("a", range(3), "k", wired(1), name="new", system_serial=SERIALS[0])
    row = {"name": "old", "system_serial": SERIALS[0], "asset_tag": "A1077"}
    return [*lines, said("a", 1, "import", "r", DONGLE, **row)]


def two_rows_of_which_one_is_old() -> Lines:
    """A machine issued anew: a row with another name and tag takes the place of the first."""
    rows = ((0, "r1", "ann", "A1001"), (9, "r2", "bob", "A1002"))
    return [
        said("a", day, "import", key, name=name, asset_tag=tag, system_serial=SERIALS[0])
        for day, key, name, tag in rows
    ]


def blades_with_one_number() -> Lines:
    """Live at once: their boards tell them apart, and nobody is asked."""
    return [
        said(f"b{n}", day + n / 4, "agent", f"k{n}", wired(n), name=f"b{n}",
             system_serial="CZ3105ABCD", board_serial=f"PDHSE0BRH{n}J0{n}")
        for day in range(5)
        for n in range(2)
    ]  # fmt: skip


def guests_with_the_number_of_a_host_unseen() -> Lines:
    macs = ("00:50:56:31:00:0a", "00:50:56:31:00:0b")
    return [
        said(f"g{n}", day + n / 4, "cloud", f"vm-{n}", macs[n], name=f"g{n}",
             system_serial="8HXK2T3", cls="VirtualMachine")
        for day in range(5)
        for n in range(2)
    ]  # fmt: skip


def guest_and_the_row_of_its_host() -> Lines:
    row = said("host", 0, "import", "r", name="kvm1", system_serial="8HXK2T3", model="R640")
    return [row] + [
        said("g", day, "cloud", "vm-1", "52:54:00:31:00:0a", name="g1",
             system_serial="8HXK2T3", cls="VirtualMachine")
        for day in range(1, 4)
    ]  # fmt: skip


def guest_with_the_uuid_of_its_host() -> Lines:
    """Of the host an agent tells, of the guest its manager."""
    guest = {"name": "g1", "bios_uuid": UUID, "cls": "VirtualMachine"}
    return daily("host", range(4), "k", wired(1), name="kvm1", bios_uuid=UUID) + [
        said("g", day, "cloud", "vm-1", "52:54:00:31:00:0a", **guest) for day in range(4)
    ]


def guest_with_another_name_for_its_manager() -> Lines:
    mac = "52:54:00:31:00:0a"
    shown = {"name": "Finance", "bios_uuid": UUID, "cls": "VirtualMachine"}
    own = daily("g", range(4), "k", mac, name="fin01", bios_uuid=UUID)
    return own + [said("g", day, "cloud", "vm-1", mac, **shown) for day in range(4)]


def guest_under_three_names() -> Lines:
    """A serial number that the hypervisor made is the guest's own."""
    lines = daily("g", range(3), "k", "00:50:56:31:00:0a", name="fin01", system_serial=GUEST)
    shown = {"name": "Finance", "system_serial": GUEST, "cls": "VirtualMachine"}
    row = said("g", 4, "import", "r", name="fin-old", system_serial=GUEST)
    return [*lines, said("g", 1, "cloud", "vm-5", **shown), row]


def host_with_a_virtual_switch() -> Lines:
    return [
        said("a", day, "agent", "k", *(("00:15:5d:31:00:0a",), (wired(1), "00:15:5d:31:00:0a"))[
            day % 2], name="lt", system_serial=SERIALS[0])
        for day in range(6)
    ]  # fmt: skip


def turned_virtual_with_its_adapter() -> Lines:
    old = daily("p", range(4), "k", wired(1), name="erp", model="PowerEdge T30", machine_id=IMAGE)
    model = "VMware7,1"
    return old + daily("v", range(5, 9), "k", wired(1), name="erp", model=model, machine_id=IMAGE)


def moved_to_another_release_of_a_hypervisor() -> Lines:
    lines = []
    for start, model in ((0, "VMware Virtual Platform"), (5, "VMware20,1")):
        days = range(start, start + 4)
        lines += daily("v", days, "k", "00:50:56:31:00:0a", name="erp", model=model)
    return lines


def row_that_names_a_virtual_model() -> Lines:
    lines = daily("a", range(3), "k", wired(1), name="h", system_serial=SERIALS[0], model="T30")
    row = {"name": "h", "system_serial": SERIALS[0], "model": "Virtual Machine"}
    return [*lines, said("a", 1, "import", "r", **row)]


CASES: tuple[Callable[[], Lines], ...] = (
    image_under_one_name, adapters_by_turns, key_went_and_the_machine_came_back,
    image_without_numbers_in_turn, uuid_on_three_in_turn, renamed_and_rewired_with_a_number,
    renamed_one_day_rewired_another, dongle_passed_around, card_moved, disks_exchanged,
    serials_swapped_in_a_list, number_copied_down_a_list, row_put_right, row_with_an_old_name,
    two_rows_of_which_one_is_old, blades_with_one_number, guests_with_the_number_of_a_host_unseen,
    guest_and_the_row_of_its_host, guest_with_the_uuid_of_its_host,
    guest_with_another_name_for_its_manager, guest_under_three_names, host_with_a_virtual_switch,
    turned_virtual_with_its_adapter, moved_to_another_release_of_a_hypervisor,
    row_that_names_a_virtual_model,
)  # fmt: skip
WAYS: dict[str, Callable[[tuple[Line, ...]], tuple[Line, ...]]] = {
    "in order": lambda lines: lines,
    "late": lambda lines: delivered_late(lines, 1),
    "later": lambda lines: delivered_late(lines, 2),
    "twice": twice,
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    record = open_record(tmp_path / "record.db")
    yield Engine(record)
    record.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_one_thing_and_what_is_not(
    engine: Engine, case: Callable[[], Lines], way: str
) -> None:
    lines = WAYS[way](tuple(sorted(case(), key=lambda line: str(line.said["at"]))))
    engine.tell(*(line.said for line in lines), group=3)
    assets = defaultdict(set)
    for line in lines:
        assets[line.thing].add(asset_of(engine, line.said))
    assert all(len(found) == 1 for found in assets.values()), "one thing is several"
    assert len(set.union(*assets.values())) == len(assets), "several things are one"
    assert list(engine.record.ledger.twins()) == [], "nobody is asked"


def asset_of(engine: Engine, said: dict[str, Any]) -> int:
    """Whom a line is about."""
    ledger = engine.record.ledger
    source = Source(said["source"]["kind"], said["source"]["instance"])
    row = ledger.record(RecordKey(source, said["scope"], said["native_key"]))
    assert row is not None
    at = datetime.fromisoformat(said["observed_at"])
    links = ledger.stretches([row.id])[row.id]
    return max((link for link in links if link.since <= at), key=lambda link: link.since).asset
