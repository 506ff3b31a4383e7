"""One record's account of a thing, taken out of its sections."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, cast

from cmdb.model.canonical import decode
from cmdb.model.observation import SCALARS, Json, RecordKey, SectionKind, Source
from cmdb.store.port import Ledger, RecordRow, StoredSection
from reconcile.sections import read_values

Row = Mapping[str, Json]

_OCTET = "(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}", re.ASCII)
"""Addresses that are in their shortest form: most are, and ipaddress is ten times slower."""
_LOCAL_IPV4 = ("127.", "169.254.", "0.0.0.0")  # noqa: S104 - nothing is bound
"""Loopback, link-local, none; 0.0.0.0 is whole, since octets have no zeros before them."""
UNKNOWN_CLASS = "Device"
_BORROWED = ("docker", "veth", "br-", "virbr", "cni", "flannel", "lxc", "lxd", "podman", "vmnet")
"""Names of adapters whose addresses repeat on every host."""


class Claim(NamedTuple):
    """One attribute, one value, said by one record."""

    record: RecordRow
    attribute: str
    value: Json
    said_at: datetime
    """When it was last said."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one record says, parsed."""

    row: RecordRow
    cls: str | None
    parent: RecordKey | None
    claims: Mapping[str, Claim]
    said_at: datetime
    """When it last said anything whole, or at all."""
    interfaces: tuple[Row, ...] = ()
    services: tuple[Row, ...] = ()
    connections: tuple[Row, ...] = ()
    relations: tuple[tuple[str, RecordKey], ...] = ()
    at: Mapping[SectionKind, datetime] = field(default_factory=dict)
    """When each section was last said."""
    since: datetime | None = None
    """Start of the stretch in which it is about its asset."""

    def text(self, attribute: str) -> str | None:
        """A claimed text, or None."""
        claim = self.claims.get(attribute)
        return claim.value if claim and isinstance(claim.value, str) and claim.value else None


def read(row: RecordRow, sections: Mapping[SectionKind, StoredSection]) -> Account:
    """The account of a record, from the sections that the ledger keeps."""
    head = _head(sections.get(SectionKind.HEAD))
    parent = head.get("parent")
    key = row.key
    return Account(
        row=row,
        cls=cast("str | None", head.get("class")),
        parent=RecordKey(key.source, key.scope, parent) if isinstance(parent, str) else None,
        claims=_claims(row, sections),
        said_at=row.seen_at,
        interfaces=_rows(sections, SectionKind.INTERFACES),
        services=_rows(sections, SectionKind.SERVICES),
        connections=_rows(sections, SectionKind.CONNECTIONS),
        relations=_relations(key, _rows(sections, SectionKind.RELATIONS)),
        at={kind: section.confirmed_at for kind, section in sections.items()},
    )


def sockets(row: RecordRow, ledger: Ledger) -> Account:
    """Of a record's account what it says of services and connections, and nothing else."""
    kinds = ledger.kinds(row.id) & {SectionKind.SERVICES, SectionKind.CONNECTIONS}
    found = {kind: ledger.section(row.id, kind) for kind in kinds}
    sections = {kind: section for kind, section in found.items() if section is not None}
    return Account(
        row=row,
        cls=None,
        parent=None,
        claims={},
        said_at=row.seen_at,
        services=_rows(sections, SectionKind.SERVICES),
        connections=_rows(sections, SectionKind.CONNECTIONS),
        at={kind: section.confirmed_at for kind, section in sections.items()},
    )


def _head(section: StoredSection | None) -> Mapping[str, Json]:
    return read_values(section.body).values if section else {}


def _claims(row: RecordRow, sections: Mapping[SectionKind, StoredSection]) -> dict[str, Claim]:
    claims: dict[str, Claim] = {}
    for kind in SCALARS:
        section = sections.get(kind)
        if section is None:
            continue
        told = read_values(section.body)
        for name, value in told.values.items():
            said = told.overlaid.get(name, section.confirmed_at)
            known = claims.get(name)
            if known is None or said > known.said_at:
                claims[name] = Claim(row, name, value, said)
    return claims


def _rows(sections: Mapping[SectionKind, StoredSection], kind: SectionKind) -> tuple[Row, ...]:
    section = sections.get(kind)
    parsed = decode(section.body) if section and section.body else None
    return tuple(cast("list[Row]", parsed)) if isinstance(parsed, list) else ()


def _relations(key: RecordKey, rows: tuple[Row, ...]) -> tuple[tuple[str, RecordKey], ...]:
    found = []
    for row in rows:
        kind, instance, scope, native = cast("list[str]", row["target"])
        source = Source(kind or key.source.kind, instance or key.source.instance)
        found.append((str(row["type"]), RecordKey(source, scope or key.scope, native)))
    return tuple(found)


def addresses(account: Account) -> dict[str, str]:
    """Addresses of its adapters that mean something outside the machine, by normal form.

    The value is the kind of the adapter. Loopback, link-local and multicast addresses are left
    out, and those of bridges that container engines make alike on every host.
    """
    return {
        address: str(interface.get("kind") or "unknown")
        for interface in account.interfaces
        for address in outer_addresses(interface)
    }


def outer_addresses(adapter: Row) -> Iterator[str]:
    """Addresses of one adapter that mean something outside its machine, in normal form."""
    if str(adapter.get("name") or "").startswith(_BORROWED):
        return
    for written in cast("list[str]", adapter.get("addresses") or ()):
        address = normal_address(written)
        if address and not is_local(address):
            yield address


@functools.lru_cache(maxsize=50_000)
def normal_address(written: str) -> str | None:
    """An address without prefix and zone, in its shortest form; None if it is none."""
    plain = written.partition("/")[0].partition("%")[0].strip()
    if _IPV4.fullmatch(plain):
        return plain
    try:
        parsed = ipaddress.ip_address(plain)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)


@functools.lru_cache(maxsize=50_000)
def is_local(address: str) -> bool:
    """Whether it means something else on every machine."""
    if ":" not in address:
        return address.startswith(_LOCAL_IPV4) or 224 <= int(address.partition(".")[0]) < 240  # noqa: PLR2004 - multicast
    parsed = ipaddress.ip_address(address)
    return (
        parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified
    )


def is_loopback(address: str) -> bool:
    """Whether it is the machine's own."""
    return ipaddress.ip_address(address).is_loopback
