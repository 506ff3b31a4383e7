"""The sample estate as items of the contract. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from collector.demo_data import (
    KEYS,
    SCOPE,
    BusinessService,
    Estate,
    Group,
    Machine,
    Program,
    Right,
    address_of,
)
from stocktake.v1 import observation_pb2 as pb
from stocktake.v1.intake_pb2 import Item

KIND = "demo"
_SERVER_PREFIX_LENGTH = 16

Values = dict[str, str | int | float | None]
Arrows = list[tuple[str, str]]


def items(estate: Estate, now: datetime) -> tuple[Item, ...]:
    """One item for each thing of the estate."""
    found = [_machine(machine, estate, now) for machine in estate.machines]
    found += [_group(group, now) for group in estate.groups]
    found += [_service(service, now) for service in estate.services]
    found += [_right(right, now) for right in estate.rights]
    return tuple(found)


def native_key(name: str) -> str:
    """The key of a thing, by its name; a service of a machine stays behind a number sign."""
    return KEYS + name.removeprefix("demo-").replace(" ", "-").casefold()


def _machine(machine: Machine, estate: Estate, now: datetime) -> Item:
    item = _item(machine.name, machine.cls, now)
    sections = item.observation.sections
    sections.add(state=pb.SECTION_STATE_FULL, computer=_computer(machine))
    system = pb.OperatingSystem(os_name=machine.os_name, os_version=machine.os_version)
    sections.add(state=pb.SECTION_STATE_FULL, operating_system=system)
    sections.add(state=pb.SECTION_STATE_FULL, network_interfaces=_interfaces(machine))
    if machine.package_system:
        programs = _programs(machine.package_system, machine.programs)
        sections.add(state=pb.SECTION_STATE_FULL, programs=programs)
    sections.add(state=pb.SECTION_STATE_FULL, listening_services=_listening(machine))
    sections.add(state=pb.SECTION_STATE_FULL, connections=_connections(machine))
    said: Values = {
        "description": machine.description, "owner": machine.owner,
        "environment": machine.environment,
        "location": "Demo office" if machine.chassis == "Notebook" else "Demo server room",
    }  # fmt: skip
    _tell(item, said, list(_arrows(machine, estate)))
    return item


def _computer(machine: Machine) -> pb.Computer:
    return pb.Computer(
        name=machine.name,
        fqdn=f"{machine.name}.demo.example",
        vendor=machine.vendor,
        model=machine.model,
        system_serial=machine.serial,
        bios_uuid=machine.bios_uuid,
        chassis_type=machine.chassis,
        memory_bytes=machine.memory_bytes,
        cpu_cores=machine.cores,
        cpu_sockets=1,
        architecture="x86_64",
        virtualization="kvm" if machine.cls == "VirtualMachine" else "",
    )


def _interfaces(machine: Machine) -> pb.NetworkInterfaces:
    address = pb.Address(address=machine.address, prefix_length=_SERVER_PREFIX_LENGTH)
    adapter = pb.NetworkInterface(
        name="eth0",
        mac=machine.mac,
        kind=pb.INTERFACE_KIND_ETHERNET,
        addresses=[address],
        speed_bps=10_000_000_000,
        up=True,
    )
    return pb.NetworkInterfaces(interfaces=[adapter])


def _programs(system: str, programs: Iterable[Program]) -> pb.Programs:
    by_hash = {}
    for program in programs:
        text = "\t".join((program.name, program.version, "", program.publisher)).rstrip("\t")
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        by_hash[int.from_bytes(digest, "little")] = text
    ordered = sorted(by_hash)
    return pb.Programs(
        package_system=system,
        hashes=b"".join(number.to_bytes(8, "little") for number in ordered),
        entries="".join(by_hash[number] + "\n" for number in ordered).encode(),
        count=len(ordered),
    )


def _listening(machine: Machine) -> pb.ListeningServices:
    rows = [
        pb.ListeningService(
            protocol="tcp", address="0.0.0.0", port=each.port, process=each.process,  # noqa: S104
            package=each.package,
        )
        for each in machine.listening
    ]  # fmt: skip
    return pb.ListeningServices(services=rows)


def _connections(machine: Machine) -> pb.Connections:
    rows = [
        pb.Connection(
            protocol="tcp", outbound=True, server_address=address_of(peer), server_port=talk.port,
            client_address=machine.address, process=talk.process, count=talk.count,
        )
        for talk in machine.talks
        for peer in talk.to
    ]  # fmt: skip
    return pb.Connections(connections=rows)


def _arrows(machine: Machine, estate: Estate) -> Iterator[tuple[str, str]]:
    for switch in machine.connected_to:
        yield "connected_to", native_key(switch)
    if machine.hosted_on:
        yield "hosted_on", native_key(machine.hosted_on)
    for group in estate.groups:
        if machine.name in group.members:
            yield "member_of", native_key(group.name)


def _group(group: Group, now: datetime) -> Item:
    item = _item(group.name, "Group", now)
    said: Values = {
        "name": group.name, "description": group.description, "owner": group.owner,
        "environment": "production", "min_up": group.min_up,
    }  # fmt: skip
    _tell(item, said, [])
    return item


def _service(service: BusinessService, now: datetime) -> Item:
    item = _item(service.name, "BusinessService", now)
    said: Values = {
        "name": service.name, "description": service.description, "owner": service.owner,
        "environment": "production", "criticality": service.criticality,
    }  # fmt: skip
    _tell(item, said, [("depends_on", native_key(group)) for group in service.depends_on])
    return item


def _right(right: Right, now: datetime) -> Item:
    item = _item(right.name, "Entitlement", now)
    said: Values = {
        "name": right.name, "product": right.product, "publisher": right.publisher,
        "metric": "device", "quantity": right.quantity, "contract": right.contract,
        "start": right.start.isoformat(), "end": right.end.isoformat() if right.end else None,
        "cost": right.cost, "currency": "EUR", "owner": "Procurement",
    }  # fmt: skip
    _tell(item, said, [])
    return item


def _item(name: str, cls: str, now: datetime) -> Item:
    item = Item()
    observation = item.observation
    observation.source.kind = KIND
    observation.scope = SCOPE
    observation.native_key = native_key(name)
    observation.full = True
    observation.observed_at.FromDatetime(now)
    # "class" is a word of the language and cannot be written as an attribute.
    setattr(observation, "class", cls)
    return item


def _tell(item: Item, said: Values, arrows: Arrows) -> None:
    sections = item.observation.sections
    attributes = sections.add(state=pb.SECTION_STATE_FULL).attributes
    attributes.SetInParent()
    for name, value in said.items():
        _set(attributes.values[name], value)
    relations = sections.add(state=pb.SECTION_STATE_FULL).relations
    relations.SetInParent()
    for kind, target in arrows:
        relations.relations.add(type=kind).target.native_key = target


def _set(value: pb.Value, said: str | int | float | None) -> None:
    value.SetInParent()
    if isinstance(said, str):
        value.text = said
    elif isinstance(said, int):
        value.number = said
    elif said is not None:
        value.real = said
