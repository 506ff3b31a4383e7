"""Identifying values as they were told, in place of the form in which they are compared.

A UUID is compared in the lesser of its byte orders; people search for what a machine prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cmdb.model.observation import Json
from cmdb.store.port import LinkRow, Record
from reconcile.normalise import forms
from reconcile.voices import Voices

Told = Mapping[str, str]
"""From the form of a UUID to how it was told."""


def uuids_told(record: Record, links: Iterable[LinkRow]) -> Told:
    """How the records of these links tell their UUIDs."""
    said = [account.text("bios_uuid") for account in Voices(record.ledger).of(list(links))]
    return {form: value for value in said if value and (form := forms.bios_uuid(value))}


def evidence_told(evidence: Json, told: Told) -> Json:
    """The evidence of a link, with its UUIDs as they were told."""
    if not isinstance(evidence, dict):
        return evidence
    return {name: _reasons_told(held, told) for name, held in evidence.items()}


def _reasons_told(reasons: Json, told: Told) -> Json:
    if not isinstance(reasons, list):
        return reasons
    return [
        each | {"value": told[str(each["value"])]}
        if isinstance(each, dict) and str(each.get("value")) in told
        else each
        for each in reasons
    ]
