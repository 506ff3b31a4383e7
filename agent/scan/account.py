"""What a scan found, in the words of the contract: runs and observations of source `scan`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.facts.addresses import Address
from agent.facts.interfaces import InterfaceKind, NetworkInterface, NetworkInterfaces
from agent.facts.listening import ListeningService, ListeningServices
from agent.report.build import MOST_ROWS, body_of, seal_section
from agent.report.fill import fill, set_instant
from agent.scan.sweep import Found
from agent.scan.voices import Said
from stocktake.v1 import intake_pb2, observation_pb2


@dataclass(frozen=True)
class Device:
    """One live address, with what its neighbours and the name service know of it.

    `mac` and `name` are None where nobody was asked or could tell; an empty name is none.
    """

    found: Found
    mac: str | None
    name: str | None


@dataclass(frozen=True)
class Account:
    """Who speaks, for which run."""

    run_id: str
    instance: str
    scope: str
    prefixes: tuple[str, ...]

    def run(
        self, state: intake_pb2.RunState.ValueType, at: datetime, reason: str | None = None
    ) -> intake_pb2.Item:
        """The start or the end of the run."""
        run = intake_pb2.Run(
            run_id=self.run_id,
            source=self._source(),
            scope=self.scope,
            covers=intake_pb2.Coverage(prefixes=self.prefixes),
            state=state,
            reason=reason,
        )
        set_instant(run.at, at)
        return intake_pb2.Item(run=run)

    def device(self, device: Device, at: datetime, *, is_whole: bool) -> intake_pb2.Item:
        """One live address; `is_whole` when every technique was used."""
        observation = observation_pb2.Observation(
            source=self._source(),
            scope=self.scope,
            native_key=device.found.address,
            full=is_whole,
            run_id=self.run_id,
        )
        # "class" is a word of the language and cannot be written as an argument.
        setattr(observation, "class", "Device")
        set_instant(observation.observed_at, at)
        if device.name is not None:
            _add_name(observation, device.name)
        _add_interface(observation, device)
        _add_services(observation, device.found)
        return intake_pb2.Item(observation=observation)

    def _source(self) -> observation_pb2.Source:
        return observation_pb2.Source(kind="scan", instance=self.instance)


def _add_name(observation: observation_pb2.Observation, name: str) -> None:
    section = observation.sections.add()
    section.computer.SetInParent()
    if name:
        section.computer.name = name.partition(".")[0]
        section.computer.fqdn = name
    seal_section(section)


def _add_interface(observation: observation_pb2.Observation, device: Device) -> None:
    section = observation.sections.add()
    adapter = NetworkInterface(
        name=None,
        mac=device.mac,
        kind=InterfaceKind.UNSPECIFIED,
        # How long the prefix is, only the device itself knows.
        addresses=(Address(device.found.address, None),),
        empty_addresses=None,
        speed_bps=None,
        mtu_bytes=None,
        up=True,
    )
    fill(section.network_interfaces, NetworkInterfaces((adapter,)), MOST_ROWS)
    seal_section(section)


def _add_services(observation: observation_pb2.Observation, found: Found) -> None:
    section = observation.sections.add()
    section.listening_services.SetInParent()
    services = tuple(
        _service(found.address, number, said) for number, said in sorted(found.open_ports.items())
    )
    fill(body_of(section), ListeningServices(services), MOST_ROWS)
    seal_section(section)


def _service(address: str, number: int, said: Said) -> ListeningService:
    shown = said.certificate
    return ListeningService(
        protocol="tcp",
        address=address,
        port=number,
        banner=said.banner,
        tls_certificate_sha256=shown.sha256 if shown else None,
        tls_subject=shown.subject if shown else None,
        tls_not_after=shown.not_after if shown else None,
    )
