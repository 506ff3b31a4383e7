"""Faults in which different things show one value."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tests.bench.reconcile.estate import DAYS, Adapter, Estate, Thing
from tests.bench.reconcile.faults import Apply, Fault

_PLACEHOLDERS = (
    "To be filled by O.E.M.", "System Serial Number", "Default string", "Not Specified",
    "0123456789", "None", "INVALID", "XXXXXXXXXX", "Not Applicable", "..................",
    "System manufacturer", "Chassis Serial Number", "00000000", "Type2 - Board Serial Number",
)  # fmt: skip
_UUIDS = (
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "00000000-0000-0000-0000-000000000000",
    "03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
    "12345678-1234-5678-90AB-CDDEEFAABBCC",
)  # fmt: skip


def _lent(kind: str, days: int) -> Apply:
    def apply(estate: Estate, things: Sequence[Thing]) -> None:
        mac = estate.draw.mac("00:50:b6" if kind == "dock" else "00:e0:4c")
        dock = Adapter("Ethernet 2", mac, kind, lends=True)

        def hand_over(to: int) -> None:
            for thing in things:
                thing.adapters = [adapter for adapter in thing.adapters if adapter is not dock]
                # An agent tells when an adapter comes or goes.
                thing.told = thing.told and ("", "")
            things[to].adapters.append(dock)

        for turn, day in enumerate(range(1, DAYS, days)):
            estate.plan[day].append(partial(hand_over, turn % len(things)))

    return apply


def _dongles(estate: Estate, things: Sequence[Thing]) -> None:
    mac = estate.draw.mac("00:e0:4c")
    for thing in things:
        thing.adapters.append(Adapter("Ethernet 3", mac))


def _vpn(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.adapters.append(Adapter("PANGP", "02:50:41:00:00:01", "vpn", ("172.29.0.9/32",)))
        thing.adapters.append(Adapter("Npcap Loopback", "02:00:4c:4f:4f:50", "unknown"))


def _bridges(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.adapters.append(Adapter("docker0", "02:42:6b:0e:11:aa", "bridge", ("172.17.0.1/16",)))
        thing.adapters.append(
            Adapter("virbr0", "52:54:00:f3:38:cc", "bridge", ("192.168.122.1/24",))
        )


def _placeholder_serial(estate: Estate, things: Sequence[Thing]) -> None:
    text = estate.rng.choice(_PLACEHOLDERS)
    for thing in things:
        thing.facts["system_serial"] = text
        thing.facts["board_serial"] = "Default string"


def _placeholder_uuid(estate: Estate, things: Sequence[Thing]) -> None:
    text = estate.rng.choice(_UUIDS)
    for thing in things:
        thing.facts["bios_uuid"] = text


def _same_uuid(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things[1:]:
        thing.facts["bios_uuid"] = things[0].facts["bios_uuid"]


def _same_serial(estate: Estate, things: Sequence[Thing]) -> None:
    text = estate.draw.once("SN0096########")
    for thing in things:
        thing.facts["system_serial"] = text
        del thing.facts["bios_uuid"]


def _same_name(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.facts["name"] = "iPhone" if thing.kind.name == "mobile" else "DESKTOP-PC"


def _enclosure(_estate: Estate, things: Sequence[Thing]) -> None:
    enclosure, *blades = things
    enclosure.snmp, enclosure.classes = True, ("Enclosure",)
    for blade in blades:
        blade.facts["system_serial"] = enclosure.facts["system_serial"]
        blade.facts["chassis_serial"] = enclosure.facts["system_serial"]
        blade.row = None


def _container(estate: Estate, things: Sequence[Thing]) -> None:
    host, *inside = things
    for place, thing in enumerate(inside, 2):
        thing.facts["system_serial"] = host.facts["system_serial"]
        thing.facts["name"] = estate.draw.digest()[:12]
        thing.facts.pop("asset_tag", None)
        thing.adapters = [Adapter("eth0", f"02:42:ac:11:00:{place:02x}", "virtual")]
        thing.fixed, thing.scanned, thing.row, thing.snmp = f"172.17.0.{place}", False, None, False


def _cloud_serials(estate: Estate, things: Sequence[Thing]) -> None:
    text = f"ec2{estate.draw.uuid()[3:]}"
    for thing in things:
        del thing.facts["bios_uuid"]
        serials = dict.fromkeys(("system_serial", "board_serial", "chassis_serial"), text)
        thing.facts |= serials | {"asset_tag": "7783-7084-3265-9085-8269-3286-77"}


def _mac_pool(estate: Estate, things: Sequence[Thing]) -> None:
    mac = estate.draw.mac("00:15:5d")
    for thing in things:
        thing.adapters[0].mac = mac


def _team(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        first = thing.adapters[0].mac
        thing.adapters[1].mac = first
        thing.adapters.append(Adapter("Team", first))
        thing.adapters.append(Adapter("NLB", "02:bf:0a:14:07:0a"))


def _lookalikes(estate: Estate, things: Sequence[Thing]) -> None:
    serial, name = estate.draw.once("5CG####K"), estate.draw.once("LOOK-####-")
    macs = estate.draw.macs("84:a9:3e", len(things))
    for place, thing in enumerate(things):
        thing.facts |= {"system_serial": f"{serial}0{place}", "name": f"{name}{place}"}
        thing.adapters[0].mac = macs[place]


def _shared_address(estate: Estate, things: Sequence[Thing]) -> None:
    site = things[0].site
    address, name = site.fix(), estate.draw.once("db-cluster-@@@@@")

    def move(to: int) -> None:
        for place, thing in enumerate(things):
            thing.adapters[0].addresses = (f"{address}/32",) if place == to else ()

    for day in range(DAYS):
        up = (day // 5) % len(things)
        estate.plan[day].append(partial(move, up))
        estate.shared[day].append((site, address, things[up].adapters[0].mac, name))


def _standby(estate: Estate, things: Sequence[Thing]) -> None:
    site, group = things[0].site, estate.rng.randrange(1, 255)
    address, mac = site.fix(), f"00:00:0c:07:ac:{group:02x}"
    for thing in things:
        thing.adapters.append(Adapter("Vlan10", mac))
    for day in range(DAYS):
        estate.shared[day].append((site, address, mac, None))


def _same_address(_estate: Estate, things: Sequence[Thing]) -> None:
    group = things[0].number
    for thing in things:
        thing.fixed = f"192.168.{200 + group // 250 % 50}.{1 + group % 250}"
        thing.facts["name"] = "PRN01"


def _one_mac(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.adapters[0].mac = things[0].adapters[0].mac


def _replica(estate: Estate, things: Sequence[Thing]) -> None:
    primary, replica = things
    replica.facts |= {
        "name": f"{primary.facts['name']}_replica",
        "bios_uuid": primary.facts["bios_uuid"],
    }
    replica.agent, replica.edr, replica.scanned, replica.off = None, None, False, True
    replica.manager = (f"vcenter-{replica.site.scope}", f"vm-{estate.draw.once('9######')}")


def _random_macs(estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.scanned = False
        for day in range(0, DAYS, 2):
            estate.plan[day].append(partial(_visit, estate, thing, day))


def _visit(estate: Estate, thing: Thing, day: int) -> None:
    mac = f"da:a1:19:{estate.rng.randrange(256):02x}:{estate.rng.randrange(256):02x}:07"
    address = thing.site.lease(f"random/{thing.number}", day, estate.rng)
    estate.shared[day].append((thing.site, address, mac, None))


def _clones(_estate: Estate, things: Sequence[Thing]) -> None:
    for thing in things:
        thing.agent, thing.edr = things[0].agent, None


def _vm_clone(_estate: Estate, things: Sequence[Thing]) -> None:
    master, clone = things
    clone.begins = 20
    clone.facts["machine_id"] = master.facts["machine_id"]
    clone.agent, clone.edr, master.edr = master.agent, None, None


_PC, _LT, _SRV, _VM = "desktop", "laptop", "server", "vm"
SHARED = (
    Fault("dock_mac", 8, (_LT,) * 3, _lent("dock", 2), "a dock used in turn lends its MAC"),
    Fault("room_adapter", 4, (_LT,) * 3, _lent("ethernet", 1),
          "so does an adapter of a meeting room, and the agent cannot tell"),
    Fault("dongle_mac", 4, (_LT,) * 5, _dongles, "adapters of one batch carry one MAC at once"),
    Fault("vpn_mac", 10, (_LT,) * 3, _vpn, "drivers with one MAC everywhere"),
    Fault("bridge_address", 5, (_SRV,) * 3, _bridges, "hosts of an image with one bridge"),
    Fault("placeholder_serial", 15, (_PC,) * 2, _placeholder_serial, "printed when none was set"),
    Fault("placeholder_uuid", 12, (_PC,) * 2, _placeholder_uuid, "printed when none was set"),
    Fault("same_uuid", 8, (_PC,) * 2, _same_uuid, "one UUID, all else differs"),
    Fault("same_serial", 5, (_PC,) * 2, _same_serial,
          "one serial number and no UUID; both live", twin_ok=True),
    Fault("same_name", 4, ("mobile",) * 4 + (_PC,) * 2, _same_name, "the name it was sold with"),
    Fault("enclosure_serial", 4, ("enclosure", *("blade",) * 4), _enclosure,
          "blades report their enclosure's serial number"),
    Fault("container_host_serial", 8, (_SRV, "container", "container"), _container,
          "its host's serial number, a UUID of its own"),
    Fault("cloud_same_serials", 5, ("cloud-vm",) * 4, _cloud_serials,
          "one image, one set of serial numbers and one asset tag"),
    Fault("mac_pool", 4, (_VM,) * 2, _mac_pool, "two hypervisors hand out one MAC", scopes=2),
    Fault("team_and_cluster_mac", 4, (_SRV,) * 2, _team,
          "members of a team, and nodes of a cluster, show one MAC"),
    Fault("lookalikes", 8, (_LT,) * 4, _lookalikes, "neighbouring serial numbers, names, MACs"),
    Fault("shared_address", 6, (_SRV,) * 2, _shared_address,
          "a cluster's address moves between its nodes"),
    Fault("standby_routers", 4, ("switch",) * 2, _standby, "a virtual router's MAC on both"),
    Fault("same_address_two_scopes", 6, ("printer",) * 2, _same_address,
          "one private address and name at two sites", scopes=2),
    Fault("duplicate_mac", 3, ("printer",) * 2, _one_mac,
          "a cheap maker burned one MAC twice", scopes=2),
    Fault("dr_replica", 4, (_VM,) * 2, _replica,
          "a replica at another site, off, with the UUID of its primary", twin_ok=True, scopes=2),
    Fault("random_macs", 4, ("mobile",), _random_macs,
          "another MAC at each visit; no scan tells which phone"),
    Fault("agents_cloned", 5, (_LT,) * 2, _clones,
          "an image with the agent's key: two speak by turns"),
    Fault("vm_clone", 4, (_VM,) * 2, _vm_clone, "new UUID and MAC, old machine id and agent key"),
)  # fmt: skip
"""Different things that show one value: none may be joined."""
