"""Faults in which one thing shows other values than before, or in other words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.bench.reconcile.estate import DAYS, Adapter, Estate, Thing
from tests.bench.reconcile.faults import Apply, Fault
from tests.bench.reconcile.hardware import GIB, other_order

_TURN, _LATE = 25, 45


def _renamed(estate: Estate, things: Sequence[Thing]) -> None:
    thing, heir = things
    old, new = thing.facts["name"], estate.draw.once("NEW-######")
    estate.plan[_TURN].append(lambda: thing.facts.update(name=new))
    heir.begins, heir.facts["name"] = _TURN + 2, old
    thing.listed["name"] = old
    thing.expect["name"] = {"any": [new], "nocase": True}


def _adapters_change(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].keyed_by_adapter, things[0].edr = True, None


def _byte_order(estate: Estate, things: Sequence[Thing]) -> None:
    text = other_order(things[0].facts["bios_uuid"])
    things[0].managed["bios_uuid"] = estate.rng.choice((text.upper(), f"{{{text}}}", text))


def _three_classes(estate: Estate, things: Sequence[Thing]) -> None:
    things[0].guesses = ("NetworkDevice", "Computer", "Storage")
    things[0].agent = estate.draw.once("ag########@@")
    things[0].phase = 0


def _stub_first(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    agent, thing.agent, thing.edr = thing.agent or "ag-new", None, None
    thing.fixed = thing.site.fix()
    estate.plan[_TURN].append(lambda: setattr(thing, "agent", agent))


def _class_change(_estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    thing.guesses, thing.classes = ("Device", "Printer", "NetworkDevice"), ("Computer",)
    thing.expect["memory_bytes"] = thing.facts["memory_bytes"]


def _flapping(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    name, vendor, memory = (thing.facts[n] for n in ("name", "vendor", "memory_bytes"))
    thing.expect |= {
        "name": {"any": [name], "nocase": True},
        "memory_bytes": {"any": [memory], "within": 0.02},
    }
    for day in range(DAYS):
        odd = {
            "name": estate.rng.choice((name.upper(), name.lower(), name)),
            "vendor": estate.rng.choice((vendor.upper(), vendor.lower(), vendor)),
            "memory_bytes": memory - estate.rng.choice((0, 4096, GIB // 64)),
        }
        estate.plan[day].append(partial(thing.facts.update, odd))


def _new_hardware(_estate: Estate, things: Sequence[Thing]) -> None:
    old, new = things
    old.ends, new.begins = _TURN, _TURN
    new.agent, new.facts["name"], new.edr = old.agent, old.facts["name"], None


def _virtualised(_estate: Estate, things: Sequence[Thing]) -> None:
    _new_hardware(_estate, things)
    metal, virtual = things
    virtual.facts["machine_id"] = metal.facts["machine_id"]


def _new_key(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    new, name = estate.draw.once("ag########@@"), estate.draw.once("RE-######")
    estate.plan[_TURN].append(lambda: setattr(thing, "agent", new))
    estate.plan[_TURN].append(lambda: thing.facts.update(name=name))


def _dual_boot(estate: Estate, things: Sequence[Thing]) -> None:
    thing, other = things[0], estate.draw.once("ag########@@")
    first = thing.agent
    here = {"name": thing.facts["name"], "os_name": thing.facts["os_name"]}
    there = {"name": estate.draw.once("linux-######"), "os_name": "Debian GNU/Linux"}
    for day in range(DAYS):
        odd = day // 4 % 2
        estate.plan[day] += [
            partial(thing.facts.update, there if odd else here),
            partial(setattr, thing, "agent", other if odd else first),
        ]


def _moved(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    others = [site for site in estate.sites if site is not thing.site and not site.routed]
    to = estate.rng.choice(others or estate.sites)
    estate.plan[_TURN].append(lambda: setattr(thing, "site", to))


def _stack(estate: Estate, things: Sequence[Thing]) -> None:
    stack, *members = things
    for place, member in enumerate(members, 1):
        member.parent, member.phase, member.fixed, member.adapters = stack, place, None, []
        member.snmp = True
    stack.row, stack.snmp = None, True
    stack.facts.pop("asset_tag", None)
    stack.facts["system_serial"] = members[0].facts["system_serial"]
    lead = members[1].facts["system_serial"]
    estate.plan[_LATE].append(lambda: stack.facts.update(system_serial=lead))


def _partial(_estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    thing.partial_from = 8
    thing.expect["memory_bytes"] = thing.facts["memory_bytes"]


def _late(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].late, things[0].edr = True, None


def _board(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    thing.facts["board_serial"] = estate.draw.once("PK@@@@@@@@")
    new = {"bios_uuid": estate.draw.uuid(), "board_serial": estate.draw.once("PK@@@@@@@@")}
    wired, mac = thing.adapters[0], estate.draw.mac("84:a9:3e")
    estate.plan[_TURN].append(lambda: thing.facts.update(new))
    estate.plan[_TURN].append(lambda: setattr(wired, "mac", mac))


def _swap(names: tuple[str, ...]) -> Apply:
    def apply(estate: Estate, things: Sequence[Thing]) -> None:
        one, two = things
        one.edr = two.edr = None

        def swap() -> None:
            for name in names:
                held = _get(one, name)
                _set(one, name, _get(two, name))
                _set(two, name, held)

        estate.plan[_TURN].append(swap)

    return apply


def _get(thing: Thing, name: str) -> Any:
    return getattr(thing, name) if name in ("agent", "adapters") else thing.facts[name]


def _set(thing: Thing, name: str, value: Any) -> None:
    if name in ("agent", "adapters"):
        setattr(thing, name, value)
    else:
        thing.facts[name] = value


def _rewritten(estate: Estate, things: Sequence[Thing]) -> None:
    thing, serial = things[0], estate.draw.once("########@@")
    thing.facts["system_serial"] = f"00{serial.lower()}"
    thing.edr = None
    estate.plan[_TURN].append(lambda: thing.facts.update(system_serial=serial))


def _domain(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    name = f"{thing.facts['name'].lower()}.corp.example.com"
    thing.facts["fqdn"] = name
    new = name.replace("corp", "ad")
    estate.plan[_TURN].append(lambda: thing.facts.update(fqdn=new))
    thing.expect["fqdn"] = {"any": [new], "nocase": True}


def _privacy(estate: Estate, things: Sequence[Thing]) -> None:
    adapter: Adapter = things[0].adapters[0]
    for day in range(DAYS):
        groups = ":".join(f"{estate.rng.randrange(1, 1 << 16):x}" for _ in range(4))
        address = f"2001:db8:20:1:{groups}/64"
        estate.plan[day].append(partial(setattr, adapter, "addresses", (address,)))


def _restored(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    new = ((thing.manager or ("", ""))[0], f"vm-{estate.draw.once('8######')}")
    estate.plan[_TURN].append(lambda: setattr(thing, "manager", new))


def _clock(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].clock_behind_days = 3


def _gone(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].ends, things[0].states, things[0].row = 20, ("missing", "retired"), None


def _returned(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].away, things[0].states, things[0].row = (12, 40), ("present",), None


def _silent(_estate: Estate, things: Sequence[Thing]) -> None:
    things[0].away, things[0].states = (4, 52), ("present",)


_PC, _LT, _SRV, _VM, _PRN = "desktop", "laptop", "server", "vm", "printer"
CHANGING = (
    Fault("renamed", 12, (_LT, _LT), _renamed, "renamed; the old name goes to a new machine"),
    Fault("mac_set_changes", 10, (_LT,), _adapters_change,
          "the agent's key follows the adapter in use"),
    Fault("uuid_byte_order", 15, (_VM,), _byte_order, "two byte orders, cases and braces"),
    Fault("three_classes", 4, ("storage",), _three_classes, "switch, storage and server"),
    Fault("scan_stub_first", 12, (_PC,), _stub_first, "a scan long before the agent"),
    Fault("class_change", 10, (_SRV,), _class_change, "a scan guesses wrong"),
    Fault("flapping_values", 10, (_LT,), _flapping, "case, rounding"),
    Fault("new_hardware_old_key", 12, (_LT, _LT), _new_hardware, "the disk in other hardware"),
    Fault("physical_to_virtual", 5, (_SRV, _VM), _virtualised,
          "a machine, and the virtual machine it was turned into"),
    Fault("new_key_same_hardware", 20, (_LT,), _new_key, "installed anew, renamed and re-issued"),
    Fault("dual_boot", 5, (_PC,), _dual_boot, "two systems, two agents, one machine"),
    Fault("moved_site", 12, (_LT,), _moved, "another scope and address"),
    Fault("stack_members", 5, ("stack", "member", "member", "member"), _stack,
          "the stack shows the serial number of the member that leads"),
    Fault("partial_payload", 10, (_LT,), _partial, "reports that look at a few fields"),
    Fault("late_delivery", 10, (_LT,), _late, "weeks late and out of order"),
    Fault("board_replaced", 8, (_LT,), _board, "new UUID, board serial and MAC"),
    Fault("boards_swapped", 3, (_LT, _LT), _swap(("bios_uuid", "adapters")),
          "two machines with each other's boards", twin_ok=True),
    Fault("disks_swapped", 4, (_LT, _LT), _swap(("agent", "name")),
          "two machines with each other's disks"),
    Fault("serial_rewritten", 5, (_PC,), _rewritten,
          "a firmware update changes case and leading zeros"),
    Fault("domain_change", 10, (_LT,), _domain, "another domain in the name"),
    Fault("ipv6_privacy", 10, (_LT,), _privacy, "another address each day"),
    Fault("vm_restored", 8, (_VM,), _restored, "another number at the manager"),
    Fault("wrong_clock", 6, (_LT,), _clock, "its clock is days behind"),
    Fault("gone", 12, (_PRN,), _gone, "complete runs no longer see it"),
    Fault("gone_machine", 8, (_PC,), _gone, "thrown away, and its agent with it"),
    Fault("returned", 10, (_PRN,), _returned, "missed for weeks, then seen again"),
    Fault("silent", 8, (_SRV,), _silent, "speaks again after weeks"),
)  # fmt: skip
"""One thing that shows other values, and things that take over another's."""
