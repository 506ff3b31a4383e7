"""By what records are found: hashes of identifying values, addresses and references."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from typing import cast

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import KeyForm
from cmdb.model.observation import Json, RecordKey, Source
from cmdb.store.port import Identifier
from reconcile.account import UNKNOWN_CLASS, normal_address
from reconcile.evidence import KEYS, LENT, SOLE, Evidence, Told
from reconcile.timeline import Timeline

SCAN = "scan"
_FINDS = (
    *(name for name in SOLE if name != "observer"),
    "observer",
    "asset_tag",
    "local_mac",
    LENT,
)
"""Keys over which records reach each other."""
_MOST_PLACES = 16
_SPACE = {name: min(name, *key.kin) if key.kin else name for name, key in KEYS.items()}
_SPACE[LENT] = "mac"
EVERYONE = 2**31
"""A limit beyond any number of records."""


def identifiers(key: RecordKey, told: Told) -> frozenset[Identifier]:
    """What a statement is found by."""
    found: set[Identifier] = set()
    parent = told.evidence.parent
    if parent is not None:
        found.add(reference(RecordKey(key.source, key.scope, parent)))
    if key.source.kind == SCAN:
        found |= {seen_mac(mac) for mac in told.evidence.of("mac")}
        places = {*(told.addresses or ()), normal_address(key.native_key) or key.native_key}
        found |= {seen_at(key.scope, place) for place in places}
    if key.source.kind != SCAN or told.evidence.identifies_alone:
        found |= {identifier for _, _, identifier in finds(told.evidence)}
        found |= {held(key.scope, address) for address in told.addresses or ()}
        found |= set(named_at(key.scope, told.evidence, told.addresses or ()))
    return frozenset(found)


def finds(evidence: Evidence) -> Iterator[tuple[str, str, Identifier]]:
    """Key, value and hash of what others may share with it."""
    for name in _FINDS:
        for value in evidence.of(name):
            yield name, value, _hash(_SPACE[name], value)


def named_at(scope: str, evidence: Evidence, addresses: Sequence[str]) -> Iterator[Identifier]:
    """A name together with an address: neither would do alone."""
    for name in evidence.of("name"):
        for address in addresses[:_MOST_PLACES]:
            yield _hash("name at", scope, name, address)


def carried(mac: str) -> Identifier:
    """Records of things with this MAC, lent ones included."""
    return _hash("mac", mac)


def carried_as(name: str, value: str) -> Identifier:
    """Records that give a value of a key."""
    return _hash(_SPACE[name], value)


def of_one_space(name: str) -> tuple[str, ...]:
    """The key and those whose values mean the same: who carries one may give it as another."""
    space = _SPACE.get(name)
    return tuple(sorted(other for other, its in _SPACE.items() if its == space))


def held(scope: str, address: str) -> Identifier:
    """Records of things that were at an address."""
    return _hash("at", scope, address)


def seen_mac(mac: str) -> Identifier:
    """Records of scans that saw a MAC."""
    return _hash("scan mac", mac)


def seen_at(scope: str, address: str) -> Identifier:
    """Records of scans that looked at an address."""
    return _hash("scan at", scope, address)


def native(family: str, key: RecordKey) -> Identifier:
    """Records of a class whose things go by their native keys."""
    return _hash("native", family, key.scope, key.native_key)


def reference(key: RecordKey) -> Identifier:
    """What records that point at this one are found by."""
    source = key.source
    return _hash("ref", source.kind, source.instance, key.scope, key.native_key)


def references(key: RecordKey, rows: Sequence[Json]) -> frozenset[Identifier]:
    """Records that the rows of a section of relations point at."""
    found = set()
    for row in rows:
        if isinstance(row, dict):
            kind, instance, scope, native_key = cast("list[str]", row["target"])
            source = Source(kind or key.source.kind, instance or key.source.instance)
            target = RecordKey(source, scope or key.scope, native_key)
            found.add(reference(whole_key(target)))
    return frozenset(found)


def whole_key(key: RecordKey) -> RecordKey:
    """The record of a target that may name a part of it after a number sign: host#tcp/443."""
    return RecordKey(key.source, key.scope, key.native_key.partition("#")[0])


def family(timeline: Timeline) -> str:
    """Root of the class that a record told last: records of one family can be about one thing."""
    for visit in reversed(timeline.visits):
        declared = CLASS_BY_NAME.get(timeline.nodes[visit.node].cls or "")
        if declared is not None:
            return declared.lineage()[-1]
    return UNKNOWN_CLASS


def goes_by_native_key(family_name: str) -> bool:
    """Whether things of a family are identified by their native keys."""
    return any(key.form is KeyForm.NATIVE for key in CLASS_BY_NAME[family_name].all_keys())


def witnesses_only(key: RecordKey, timeline: Timeline) -> bool:
    """Whether a record is a scan's that never named any hardware."""
    return key.source.kind == SCAN and not any(node.identifies_alone for node in timeline.nodes)


@functools.lru_cache(maxsize=16_384)
def _hash(*parts: str) -> Identifier:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return Identifier(int.from_bytes(digest, "little", signed=True))
