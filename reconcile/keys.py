"""The identifying values of a record, as the keys of its class take them out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.declare import Key, KeyForm
from cmdb.model.observation import RecordKey
from cmdb.store.port import Identifier
from reconcile.account import Account, addresses, is_loopback, normal_address
from reconcile.normalise import forms

_OWN_ADAPTERS = frozenset({"ethernet", "wifi", "virtual", "unknown", ""})
"""Kinds of adapters whose MAC goes with the machine; a dock's goes with the dock."""
_MOST_VALUES = 64
"""Of one key of one record: a report with thousands of adapters cannot hold up all others."""
_BRIDGES = frozenset({"bridge", "vpn", "loopback"})


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A value by which a record is found."""

    rank: int
    """Place of the key in its class, 0 the strongest."""
    key: Key
    value: str
    """In normal form, with the scope where it has meaning only there."""

    def identifier(self, family: str) -> Identifier:
        """What the ledger finds it by."""
        return _hash(family, self.key.name, self.value)


def key_values(account: Account) -> tuple[KeyValue, ...]:
    """All identifying values of a record, strongest first."""
    known = account.memory.get("keys")
    if known is None:
        known = account.memory["keys"] = _key_values(account)
    return cast("tuple[KeyValue, ...]", known)


def _key_values(account: Account) -> tuple[KeyValue, ...]:
    found = [
        KeyValue(rank, key, value)
        for rank, key in enumerate(CLASS_BY_NAME[account.family].all_keys())
        if key.kinds is None or account.row.key.source.kind in key.kinds
        for value in sorted(set(_values(key, account)))[:_MOST_VALUES]
    ]
    return tuple(found)


def reference(key: RecordKey) -> Identifier:
    """What records that point at this one are found by."""
    source = key.source
    return _hash("ref", source.kind, source.instance, key.scope, key.native_key)


def references(account: Account) -> frozenset[Identifier]:
    """Records that this one points at."""
    targets = [whole_key(target) for _, target in account.relations]
    if account.parent:
        targets.append(account.parent)
    return frozenset(reference(target) for target in targets)


def whole_key(key: RecordKey) -> RecordKey:
    """The record of a target that may name a part of it after a number sign: host#tcp/443."""
    return RecordKey(key.source, key.scope, key.native_key.partition("#")[0])


def _values(key: Key, account: Account) -> Iterator[str]:
    form = _FORMS[key.form]
    for value in form(key, account):
        yield f"{account.row.key.scope}\0{value}" if key.scoped else value


def _attribute(key: Key, account: Account) -> Iterator[str]:
    claim = account.claims.get(key.attribute or "")
    value = forms.FORMS[key.normal](claim.value) if claim else None
    if value:
        yield value


def _name(key: Key, account: Account) -> Iterator[str]:
    for attribute in (key.attribute or "", "fqdn"):
        claim = account.claims.get(attribute)
        value = forms.host_name(claim.value) if claim else None
        if value:
            yield value


def _mac(_key: Key, account: Account) -> Iterator[str]:
    for interface in account.interfaces:
        if str(interface.get("kind") or "") in _OWN_ADAPTERS:
            value = forms.mac(interface.get("mac"))
            if value:
                yield value


def _address(_key: Key, account: Account) -> Iterator[str]:
    for address, kind in addresses(account).items():
        if kind not in _BRIDGES:
            yield address


def _observer(_key: Key, account: Account) -> Iterator[str]:
    source, native = account.row.key.source, account.row.key.native_key
    if source.kind == "agent" and native == source.instance:
        yield source.instance
    if source.kind == "scan" and (address := normal_address(native)) and is_loopback(address):
        yield source.instance


def _native(_key: Key, account: Account) -> Iterator[str]:
    yield account.row.key.native_key


_FORMS = {
    KeyForm.ATTRIBUTE: _attribute,
    KeyForm.NAME: _name,
    KeyForm.MAC: _mac,
    KeyForm.ADDRESS: _address,
    KeyForm.OBSERVER: _observer,
    KeyForm.NATIVE: _native,
}


def _hash(*parts: str) -> Identifier:
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return Identifier(int.from_bytes(digest, "little", signed=True))
