"""Identifying values that a record gave and that did not count, each with the reason.

Reads what the record says and the rules by which the engine leaves values out; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cmdb.model.declare import KeyForm
from cmdb.model.observation import Json
from cmdb.store.port import Ledger
from reconcile import keys
from reconcile.account import Account
from reconcile.decisions import Decided
from reconcile.evidence import INNER_ADAPTERS, KEYS, LENT_ADAPTERS, Evidence
from reconcile.normalise import forms

_MOST = 100
"""Reasons told of one record."""


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A value that identified nothing."""

    key: str
    value: str
    why: str


def uncounted(
    account: Account, evidence: Evidence, ledger: Ledger, decided: Decided
) -> tuple[Uncounted, ...]:
    """What of a record's account did not count.

    Args:
        account: What it says.
        evidence: The identifying values that were taken from that.
        ledger: Tells by how many records a value is carried.
        decided: The stop-list.
    """
    found = dict.fromkeys(
        [*_placeholders(account), *_adapters(account), *_stopped(evidence, ledger, decided)]
    )
    return tuple(found)[:_MOST]


def _placeholders(account: Account) -> Iterator[Uncounted]:
    for key in KEYS.values():
        value = account.text(key.attribute or "")
        if key.form is KeyForm.ATTRIBUTE and value and forms.FORMS[key.normal](value) is None:
            no_uuid = key.normal == "uuid" and forms.read_uuid(value) is None
            why = "no UUID" if no_uuid else "a placeholder: makers write it on many things"
            yield Uncounted(key.name, value, why)


def _adapters(account: Account) -> Iterator[Uncounted]:
    for row in account.interfaces:
        mac = row.get("mac")
        why = _why_not(row, mac) if isinstance(mac, str) and mac else ""
        if why:
            yield Uncounted("mac", str(mac), why)


def _why_not(row: Mapping[str, Json], mac: str) -> str:
    kind = str(row.get("kind") or "")
    digits, local = forms.adapter(mac)
    if kind in LENT_ADAPTERS:
        return "of a dock or dongle, which goes from machine to machine"
    if kind in INNER_ADAPTERS:
        return f"of a {kind}, which each machine makes for itself"
    if digits is None:
        return "none, or one that a virtual router or a container engine hands out everywhere"
    return "given by software: counts within its scope, together with others" if local else ""


def _stopped(evidence: Evidence, ledger: Ledger, decided: Decided) -> Iterator[Uncounted]:
    for name, value, identifier in keys.finds(evidence):
        if (name, value) in decided.distrusted:
            yield Uncounted(name, value, "on the stop-list: a person put it there")
        elif (name, value) not in decided.trusted:
            most = decided.crowded
            if len(ledger.holders(identifier, most + 1)) > most:
                yield Uncounted(name, value, f"on the stop-list: more than {most} records give it")
