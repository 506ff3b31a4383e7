"""What of a statement identifies: the values of its keys, in normal form.

Taken from one observation by itself, never from what its record said before: a report from new
hardware under an old native key must not inherit the old serial number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Key, KeyForm
from cmdb.model.observation import SCALARS, Json, Observation, SectionKind
from reconcile.account import (
    UNKNOWN_CLASS,
    is_loopback,
    normal_address,
    outer_addresses,
)
from reconcile.normalise import forms

_MOST_VALUES = 64
"""Of one key of one statement: a report with thousands of adapters cannot hold up all others."""
_OWN_ADAPTERS = frozenset({"ethernet", "wifi", "virtual", "unknown", ""})
"""Kinds of adapters whose MAC goes with the machine; a dock's goes with the dock."""
LENT_ADAPTERS = frozenset({"dock"})
INNER_ADAPTERS = frozenset({"bridge", "vpn", "loopback"})
LENT = "lent_mac"
"""MACs of docks: they say whose they are not."""
MODEL = "model"
"""Not a key; settles who is meant where a key leaves a choice."""
CONTAINED = "adapters"
"""What its adapters say of where it runs, with the one value that there is:"""
OF_ENGINE = "of a container engine"
_OF_CONTAINER = re.compile(r"(?=.*[a-f])(?=.*\d)[0-9a-f]{12}")
"""The name of a container that was given none."""
_MOST_BYTES = 200

KEYS: Mapping[str, Key] = {key.name: key for key in CLASS_BY_NAME[UNKNOWN_CLASS].all_keys()}
"""Keys of hardware by name, strongest first. Other families go by their native keys."""
SINGLE = tuple(name for name, key in KEYS.items() if key.single)
SOLE = tuple(name for name, key in KEYS.items() if key.sole)

Values = Mapping[str, tuple[str, ...]]

SAID_BY_ITS_KEY = frozenset({"observer"})
"""Keys whose values follow from the record's own key: every statement repeats them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The identifying values of one statement."""

    values: Values
    """Normal values by name of the key, sorted."""
    cls: str | None = None
    parent: str | None = None
    """Native key of the thing it is part of, of the same source and scope."""

    def of(self, key: str) -> tuple[str, ...]:
        """Values of a key."""
        return self.values.get(key, ())

    @property
    def says_who(self) -> bool:
        """Whether it tells more than class, parent and what every statement of its key repeats."""
        return bool(self.values.keys() - SAID_BY_ITS_KEY)

    @property
    def strong(self) -> bool:
        """Whether it can identify by itself."""
        return any(key in self.values for key in SOLE)

    @property
    def identifies_alone(self) -> bool:
        """Whether it names hardware as such, which a scan with credentials can."""
        return any(key in self.values for key in (*SINGLE, "board_serial", "observer"))

    def pack(self) -> Json:
        """As JSON."""
        values: Json = {key: list(found) for key, found in self.values.items()}
        return [self.cls, self.parent, values]


def unpack(packed: Json) -> Evidence:
    """What pack() wrote."""
    cls, parent, values = cast("list[Json]", packed)
    return Evidence(
        {key: tuple(found) for key, found in cast("dict[str, list[str]]", values).items()},
        cast("str | None", cls),
        cast("str | None", parent),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What an observation tells of identity and place."""

    evidence: Evidence
    addresses: tuple[str, ...] | None
    """Where it is in its scope, sorted; None when its adapters were not looked at."""


@dataclass
class _Reading:
    claims: dict[str, Json] = field(default_factory=dict)
    cls: str | None = None
    parent: str | None = None
    looked: bool = False
    """Whether adapters were looked at; then what they tell:"""
    macs: set[str] = field(default_factory=set)
    local_macs: set[str] = field(default_factory=set)
    lent: set[str] = field(default_factory=set)
    of_engine: bool = False
    """Whether there is an adapter that a container engine made."""
    addresses: set[str] = field(default_factory=set)


def told(observation: Observation) -> Told:
    """The identifying values of an observation and the addresses that it was seen at."""
    reading = _read(observation)
    values: dict[str, set[str]] = {}
    for key in KEYS.values():
        found = set(_FORMS[key.form](key, reading, observation))
        if found:
            values[key.name] = set(sorted(found)[:_MOST_VALUES])
    for name, more in ((LENT, reading.lent), (MODEL, _model(reading))):
        if found := set(more):
            values[name] = set(sorted(found)[:_MOST_VALUES])
    _without_tag(values)
    if _is_contained(reading, values):
        values[CONTAINED] = {OF_ENGINE}
    places = values.pop("address", set())
    addresses = tuple(sorted(places)) if reading.looked else None
    kept = {key: tuple(sorted(found)) for key, found in sorted(values.items())}
    return Told(Evidence(kept, reading.cls, reading.parent), addresses)


def _read(observation: Observation) -> _Reading:
    reading = _Reading()
    sections = observation.sections
    head = sections.get(SectionKind.HEAD)
    if head is not None and isinstance(head.value, dict):
        reading.cls = cast("str | None", head.value.get("class"))
        reading.parent = cast("str | None", head.value.get("parent"))
    for kind in SCALARS:
        section = sections.get(kind)
        if section is not None and isinstance(section.value, dict):
            reading.claims.update(section.value)
    interfaces = sections.get(SectionKind.INTERFACES)
    if interfaces is not None and isinstance(interfaces.value, list):
        reading.looked = True
        for row in interfaces.value:
            if isinstance(row, dict):
                _read_adapter(reading, row)
    return reading


def _read_adapter(reading: _Reading, row: Mapping[str, Json]) -> None:
    kind = str(row.get("kind") or "")
    if kind in LENT_ADAPTERS:
        reading.lent |= {mac for mac in (forms.mac(row.get("mac")),) if mac}
    elif kind in _OWN_ADAPTERS:
        written = row.get("mac")
        digits, local = forms.adapter(written) if isinstance(written, str) else (None, False)
        if digits:
            (reading.local_macs if local else reading.macs).add(digits)
        elif isinstance(written, str) and forms.is_of_container(written):
            reading.of_engine = True
    if kind not in INNER_ADAPTERS:
        reading.addresses.update(outer_addresses(row))


def _is_contained(reading: _Reading, values: Mapping[str, set[str]]) -> bool:
    """Whether it has no adapters but those that container engines make.

    Their MACs have a form, or their names: the host's name is then the container's number. What
    tells of adapters alone may have looked at some of them.
    """
    if reading.macs or reading.lent or "name" not in values:
        return False
    if not reading.local_macs:
        return reading.of_engine
    return any(map(_OF_CONTAINER.fullmatch, values["name"]))


def _without_tag(values: dict[str, set[str]]) -> None:
    """Asset numbers that were typed into the column of the serial number are no serial numbers."""
    # A tag without a digit is a word that is on many: rented, sold, the owner's name.
    numbered = {tag for tag in values.get("asset_tag", ()) if _number(tag)}
    if numbered != values.get("asset_tag", set()):
        values["asset_tag"] = numbered
        if not numbered:
            del values["asset_tag"]
    tags = {_number(tag) for tag in values.get("asset_tag", ())} - {""}
    serials = values.get("system_serial", set())
    typed = {serial for serial in serials if _bare(serial) and _number(serial) in tags}
    typed |= serials & values.get("asset_tag", set())
    if typed:
        values["system_serial"] = serials - typed
        if not values["system_serial"]:
            del values["system_serial"]


def _number(value: str) -> str:
    return re.sub(r"\D", "", value).lstrip("0")


def _bare(value: str) -> bool:
    """Whether it is an asset number rather than a serial number that ends like one."""
    return re.fullmatch(r"[A-Z]{0,4}[-_/]?\d+", value) is not None


def _attribute(key: Key, reading: _Reading, _: Observation) -> Iterator[str]:
    value = forms.FORMS[key.normal](reading.claims.get(key.attribute or ""))
    if value and len(value) <= _MOST_BYTES:
        yield value


def _name(key: Key, reading: _Reading, _: Observation) -> Iterator[str]:
    for attribute in (key.attribute or "", "fqdn"):
        value = forms.host_name(reading.claims.get(attribute))
        if value and len(value) <= _MOST_BYTES:
            yield value


def _mac(_key: Key, reading: _Reading, _: Observation) -> Iterable[str]:
    return reading.macs


def _local_mac(_key: Key, reading: _Reading, said: Observation) -> Iterator[str]:
    for mac in reading.local_macs:
        yield f"{said.key.scope}\0{mac}"


def _model(reading: _Reading) -> Iterator[str]:
    value = forms.words(reading.claims.get("model"))
    if value:
        yield value[:_MOST_BYTES]


def _address(_key: Key, reading: _Reading, _: Observation) -> Iterable[str]:
    return reading.addresses


def _observer(_key: Key, _reading: _Reading, said: Observation) -> Iterator[str]:
    source, native = said.key.source, said.key.native_key
    if source.kind == "agent" and native == source.instance:
        yield source.instance
    if source.kind == "scan" and (address := normal_address(native)) and is_loopback(address):
        yield source.instance


def _native(_key: Key, _reading: _Reading, said: Observation) -> Iterator[str]:
    yield said.key.native_key


_FORMS: Mapping[KeyForm, Callable[[Key, _Reading, Observation], Iterable[str]]] = {
    KeyForm.ATTRIBUTE: _attribute,
    KeyForm.NAME: _name,
    KeyForm.MAC: _mac,
    KeyForm.LOCAL_MAC: _local_mac,
    KeyForm.ADDRESS: _address,
    KeyForm.OBSERVER: _observer,
    KeyForm.NATIVE: _native,
}
