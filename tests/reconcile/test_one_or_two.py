"""Containers and their hosts, copies on one day, rows put right, disks and models that moved on.

What is one thing and what is not, and about what a person is asked; each history is also told
late and twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconcile.explain import explain
from reconcile.twins import questions
from tests.reconcile.history import Engine, observation
from tests.reconcile.retell import Line
from tests.reconcile.test_shared_number import told
from tests.reconcile.test_strangers import (
    CHEAP,
    DAY,
    GUEST,
    IMAGE,
    SERIALS,
    UUID,
    WAYS,
    Lines,
    daily,
    said,
    wired,
)

HOSTS = ("CZJ4836905", "CZJ4836911")
SYSTEMS = ("e54d0c22a86e35d6684fa1d964356f26", "0b7e1f22a86e35d6684fa1d96435aa01")
VIRTUAL = ("00:50:56:31:00:0a", "00:50:56:31:00:0b", "00:50:56:31:00:0c")
COPIED: dict[str, Any] = {"name": "app01", "bios_uuid": UUID, "machine_id": IMAGE}


def inside(thing: str, day: float, key: str, serial: str, **fields: Any) -> Line:
    """A report from a container, by the agent of one product, with its one adapter."""
    by, mac = fields.pop("by", "one"), fields.pop("mac", "02:42:ac:11:00:02")
    fields = {"cls": "Container", "name": "3159aa2a34f4"} | fields
    line = said(thing, day, "agent", key, system_serial=serial, **fields)
    line.said["source"]["instance"] = by
    address = f"172.17.0.{int(mac[-2:], 16)}/16"
    line.said["interfaces"] = [
        {"name": "eth0", "mac": mac, "kind": "virtual", "addresses": [address]}
    ]
    return line


def twice_inside(thing: str, key: str, serial: str, days: range, **fields: Any) -> Lines:
    """Reports of two agents in a container, of which the second takes it for a computer."""
    return [
        inside(thing, day + place / 4, f"{by}-{key}", serial, by=by, cls=cls, **fields)
        for day in days
        for place, (by, cls) in enumerate((("one", "Container"), ("edr", "Computer")))
    ]


def host(number: int, days: range, **fields: Any) -> Lines:
    macs = wired(2 * number + 1), wired(2 * number + 2)
    name = f"srv{number}"
    return daily(f"h{number}", days, f"k{number}", *macs, name=name,
                 system_serial=HOSTS[number], **fields)  # fmt: skip


def containers_of_two_hosts_with_one_name() -> Lines:
    lines = []
    for number in range(2):
        lines += host(number, range(5))
        lines += twice_inside(f"c{number}", f"c{number}", HOSTS[number], range(4), name="web")
    return lines


def containers_of_one_host_with_one_name() -> Lines:
    lines = host(0, range(5))
    for number in range(2):
        for day in range(4):
            lines.append(
                inside(f"c{number}", day + number / 4, f"c{number}", HOSTS[0], name="web",
                       mac=f"02:42:ac:11:00:0{number + 2}")
            )  # fmt: skip
    return lines


def containers_of_one_image() -> Lines:
    """All of them have its machine id, and their host's numbers."""
    image = {"machine_id": IMAGE, "bios_uuid": UUID}
    lines = host(0, range(5), bios_uuid=UUID)
    for number, name in enumerate(("3159aa2a34f4", "77aa9a2a34f1", "0b7e1f22a86e")):
        mac = f"02:42:ac:11:00:0{number + 2}"
        days = range(number, 4)
        lines += twice_inside(
            f"c{number}", f"c{number}", HOSTS[0], days, name=name, mac=mac, **image
        )
    return lines


def container_with_an_adapter_drawn_by_lot() -> Lines:
    return host(0, range(5)) + twice_inside("c", "c", HOSTS[0], range(4), mac="7a:11:5c:01:02:03")


def container_that_only_takes_itself_for_a_computer() -> Lines:
    return host(0, range(5)) + [
        inside("c", day, "edr-c", HOSTS[0], by="edr", cls="Computer") for day in range(4)
    ]


def container_and_the_row_of_its_host() -> Lines:
    row = said("h", 1, "import", "r", name="srv0", system_serial=HOSTS[0], asset_tag="A1001")
    return [row, *twice_inside("c", "c", HOSTS[0], range(4))]


def container_that_goes_to_another_host() -> Lines:
    lines = host(0, range(9)) + host(1, range(9))
    lines += twice_inside("c", "c", HOSTS[0], range(4))
    return lines + twice_inside("c", "c", HOSTS[1], range(5, 9))


def container_with_all_numbers_of_its_host() -> Lines:
    return host(0, range(5), bios_uuid=UUID) + twice_inside(
        "c", "c", HOSTS[0], range(4), bios_uuid=UUID
    )


def container_that_has_its_hosts_adapters() -> Lines:
    """One network for both: only its agent tells that it is a container."""
    lines = daily("h", range(5), "k", wired(1), name="srv", system_serial=HOSTS[0], bios_uuid=UUID)
    own = {"name": "srv", "system_serial": HOSTS[0], "machine_id": SYSTEMS[1]}
    return lines + [
        said("c", day + 0.2, "agent", "c", wired(1), cls="Container", **own) for day in range(4)
    ]


def machine_that_once_told_of_an_engine_alone() -> Lines:
    """Its own adapter was off: it is no container for that."""
    lines = daily("a", range(4), "k", wired(1), name="srv", system_serial=HOSTS[0])
    lines.append(inside("a", 4, "k", HOSTS[0], cls="Computer", name="srv"))
    return [*lines, said("a", 1, "import", "r", name="srv-old", system_serial=HOSTS[0])]


def copies_with_a_report_each(number: int = 2, **fields: Any) -> Lines:
    return [
        said(f"v{n}", n / 24, "agent", f"k{n}", VIRTUAL[n], **COPIED, **fields)
        for n in range(number)
    ]


def copies_with_a_serial_number() -> Lines:
    return copies_with_a_report_each(system_serial=GUEST)


def three_copies() -> Lines:
    return copies_with_a_report_each(3)


def another_adapter_on_the_first_day() -> Lines:
    return [said("v", n / 24, "agent", "k", VIRTUAL[n], **COPIED) for n in range(2)]


def agent_installed_anew_on_the_first_day() -> Lines:
    return [said("v", n / 24, "agent", f"k{n}", VIRTUAL[0], **COPIED) for n in range(2)]


def another_adapter_and_key_after_days() -> Lines:
    old = daily("v", range(5), "k", VIRTUAL[0], **COPIED)
    return old + daily("v", range(5, 9), "l", VIRTUAL[1], **COPIED)


def two_in_turn(first: dict[str, Any], second: dict[str, Any]) -> Lines:
    """One serial number, and nothing else in common."""
    lines = daily("a", range(3), "k", wired(1), name="n1", system_serial=SERIALS[0], **first)
    return lines + daily(
        "b", range(5, 9), "l", wired(2), name="n2", system_serial=SERIALS[0], **second
    )


def two_models_of_one_series_in_turn() -> Lines:
    return two_in_turn({"model": "Dell Latitude 5440"}, {"model": "Dell Latitude 7490"})


def two_systems_in_turn() -> Lines:
    return two_in_turn({"machine_id": SYSTEMS[0]}, {"machine_id": SYSTEMS[1]})


def one_model_in_two_spellings() -> Lines:
    models = {"model": "HP EliteBook 840 G7 Notebook PC"}, {"model": "EliteBook 840"}
    return [Line(line.said, "a") for line in two_in_turn(*models)]


def row(day: float, serial: str, **fields: Any) -> Line:
    return said("a", day, "import", "r", system_serial=serial, **fields)


def row_with_another_number_put_right(**fields: Any) -> Lines:
    agent = daily("a", range(9), "k", wired(1), name="pc8", system_serial=SERIALS[0])
    rows = [row(day, serial, **fields) for day, serial in ((1, "ZZZ9988"), (5, SERIALS[0]))]
    return agent + rows


def named_row_put_right() -> Lines:
    return row_with_another_number_put_right(name="pc8")


def numbered_row_put_right() -> Lines:
    return row_with_another_number_put_right(asset_tag="A1001")


def row_put_right_twice() -> Lines:
    return [*named_row_put_right(), row(3, "YYY5544", name="pc8")]


def row_written_over_among_machines_of_one_name() -> Lines:
    """The first has no agent; its asset number says that it is another."""
    agent = daily("b", range(9), "k", wired(1), name="kiosk", system_serial=SERIALS[0])
    first = row(1, "ZZZ9988", name="kiosk", asset_tag="A1001")
    then = row(5, SERIALS[0], name="kiosk", asset_tag="A1002")
    return [*agent, first, Line(then.said, "b")]


def row_of_a_machine_that_a_list_gives_up_late() -> Lines:
    """The new one took over the name; the list wrote of the old one before, and a while longer."""
    old = [row(day, "ZZZ9988", name="pc8") for day in range(6)]
    new = [Line(row(day, SERIALS[0], name="pc8").said, "b") for day in range(6, 9)]
    agent = daily("b", range(2, 9), "k", wired(1), name="pc8", system_serial=SERIALS[0])
    return old + new + agent


def board_replaced_and_rows_of_one_number_each() -> Lines:
    """The native key alone says that both boards are of one machine: so do serial and adapter."""
    kept = wired(7, "a4:4c:c8:00:00")
    old = {"name": "lt", "system_serial": SERIALS[0], "bios_uuid": UUID}
    new = old | {"bios_uuid": "34d5f0a4-714c-4e24-9b44-84a93e51c404"}
    return [
        *daily("a", range(4), "k", wired(1), kept, **old),
        *daily("a", range(5, 9), "k", wired(2), kept, **new),
        said("a", 6, "manual", "edit", system_serial=SERIALS[0]),
        said("a", 6, "import", "r", kept, name="Ann's", cls="Device"),
    ]


def row_written_over_for_one_of_the_same_uuid() -> Lines:
    """Makers gave both one UUID, and the new one has the old one's name."""
    lines = []
    for number, days in enumerate((range(4), range(5, 9))):
        numbers = {"name": "pc8", "system_serial": SERIALS[number]}
        thing = "ab"[number]
        lines += daily(thing, days, f"k{number}", wired(number), bios_uuid=UUID, **numbers)
        lines.append(said(thing, days[2], "import", "r", asset_tag=f"A100{number}", **numbers))
    return lines


def row_written_over_for_one_without_serial_number() -> Lines:
    """Agents know the asset numbers, by which the row is known."""
    lines = []
    uuids = (UUID, "34d5f0a4-714c-4e24-9b44-84a93e51c404")
    for number, days in enumerate((range(4), range(5, 9))):
        own = {"name": "pc8", "asset_tag": f"A100{number}"}
        thing = "ab"[number]
        lines += daily(
            thing, days, f"k{number}", wired(number), bios_uuid=uuids[number], **own, **CHEAP
        )
        lines.append(said(thing, days[2], "import", "r", **own))
    return lines


def row_with_another_asset_number() -> Lines:
    """Nobody else has the new one: the machine was labelled anew."""
    lines = daily("a", range(4), "k", wired(1), name="pc8", asset_tag="A1001", **CHEAP)
    return lines + [
        said("a", day, "import", "r", name="pc8", asset_tag=tag)
        for day, tag in ((1, "A1001"), (5, "B2001"))
    ]


def dock_that_scans_see() -> Lines:
    """At addresses of which no agent tells: dock and name together say who has it."""
    dock = "00:50:b6:00:00:01"
    lines = []
    for number in range(2):
        line = said(f"a{number}", number, "agent", f"k{number}", wired(number), name=f"lt{number}",
                    system_serial=SERIALS[number])  # fmt: skip
        line.said["interfaces"].append({"name": "eth9", "mac": dock, "kind": "dock"})
        lines.append(line)
        for day in (5 + number, 9 + number):
            address = f"10.9.0.{day}"
            seen: dict[str, Any] = {"class": "Device", "attributes": {"name": f"LT{number}"},
                    "interfaces": [{"mac": dock, "addresses": [address]}]}  # fmt: skip
            lines.append(Line(observation("scan", address, day * DAY, **seen), f"a{number}"))
    return lines


def disk_in_another_model() -> Lines:
    """Name, machine id and native key go with the disk; the new maker wrote no serial number."""
    disk = {"name": "till", "machine_id": SYSTEMS[0]}
    lines = daily("a", range(4), "k", wired(1), model="OptiPlex 7080",
                  system_serial=SERIALS[0], **disk)  # fmt: skip
    return lines + daily("b", range(5, 9), "k", wired(2), **disk, **CHEAP)


def model_spelled_otherwise_and_another_adapter() -> Lines:
    lines = daily("a", range(4), "k", wired(1), name="till", model="Intel NUC7i3BNH")
    return lines + daily("a", range(5, 9), "k", wired(2), name="till", model="NUC7i3BNH")


def machines_started_from_one_image(*, local: bool = True) -> Lines:
    """The agent's key, name and machine id lie in the image; their manager numbers them."""
    lines = []
    for number in range(3):
        mac = wired(number, "06:1a:2b:3c:4d" if local else "00:50:56:31:00")
        thing, days = f"v{number}", range(2 * number, 2 * number + 2)
        shown = {"name": "web", "instance_id": f"i-0aa1bb2cc3dd4ee{number}f"}
        lines += daily(thing, days, "image", mac, name="web", machine_id=IMAGE)
        lines += [
            said(thing, day, "cloud", f"i-{number}", mac, cls="VirtualMachine", **shown)
            for day in days
        ]
    return lines


def guests_started_from_one_image() -> Lines:
    return machines_started_from_one_image(local=False)


def guest_moved_to_another_hypervisor() -> Lines:
    guest = {"name": "erp", "machine_id": SYSTEMS[0]}
    lines = daily("v", range(4), "k", VIRTUAL[0], model="VMware7,1", **guest)
    return lines + daily("v", range(5, 9), "k", "52:54:00:31:00:0a",
                         model="Standard PC (Q35 + ICH9, 2009)", **guest)  # fmt: skip


CASES: tuple[tuple[Callable[[], Lines], int], ...] = (
    (containers_of_two_hosts_with_one_name, 0), (containers_of_one_host_with_one_name, 0),
    (containers_of_one_image, 0), (container_with_an_adapter_drawn_by_lot, 0),
    (container_that_only_takes_itself_for_a_computer, 0), (container_and_the_row_of_its_host, 0),
    (container_that_goes_to_another_host, 0), (container_with_all_numbers_of_its_host, 0),
    (container_that_has_its_hosts_adapters, 0), (machine_that_once_told_of_an_engine_alone, 0),
    (copies_with_a_report_each, 1), (copies_with_a_serial_number, 1), (three_copies, 0),
    (another_adapter_on_the_first_day, 0), (agent_installed_anew_on_the_first_day, 0),
    (another_adapter_and_key_after_days, 0), (two_models_of_one_series_in_turn, 1),
    (two_systems_in_turn, 1), (one_model_in_two_spellings, 0), (named_row_put_right, 0),
    (numbered_row_put_right, 0), (row_put_right_twice, 0),
    (row_of_a_machine_that_a_list_gives_up_late, 0),
    (row_written_over_among_machines_of_one_name, 0), (disk_in_another_model, 0),
    (board_replaced_and_rows_of_one_number_each, 0),
    (row_written_over_for_one_of_the_same_uuid, 0),
    (row_written_over_for_one_without_serial_number, 0), (row_with_another_asset_number, 0),
    (dock_that_scans_see, 0),
    (model_spelled_otherwise_and_another_adapter, 0), (guest_moved_to_another_hypervisor, 0),
    (machines_started_from_one_image, 0), (guests_started_from_one_image, 0),
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("case", "asked"), CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_as_many_things_as_there_are(
    engine: Engine, case: Callable[[], Lines], asked: int, way: str
) -> None:
    assets = told(engine, case(), way)
    assert all(len(found) == 1 for found in assets.values()), "one thing is several"
    assert len(set.union(*assets.values())) == len(assets), "several things are one"
    found = questions(engine.record)
    assert len(found) == asked
    assert all(question.suggestion == "different" for question in found)


@pytest.mark.parametrize(
    ("case", "thing", "words"),
    [
        (container_and_the_row_of_its_host, "c", "a container gives it, and reads it of its host"),
        (copies_with_a_report_each, "v0", "with one name and other adapters, as copies are"),
        (two_systems_in_turn, "a", "other machine ids, other names and other adapters"),
        (named_row_put_right, "a", "the row was put right since"),
        (disk_in_another_model, "b", "model and adapters differ: optiplex 7080 and nuc7i3bnh"),
    ],
)
def test_it_is_told_why(engine: Engine, case: Callable[[], Lines], thing: str, words: str) -> None:
    (asset,) = told(engine, case(), "in order")[thing]
    assert words in repr(explain(engine.record, f"ci-{asset}", None, engine.now).links)
