"""What people write where not every text is a value: UUIDs, MACs and addresses.

Of what sources measure nothing is refused: it is kept as said, and counts for nothing where it
is none. A person can put it right at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cmdb.model.observation import Json
from reconcile.account import normal_address
from reconcile.normalise import forms

_MAC = re.compile(
    r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}[.]){2}[0-9a-f]{4}|[0-9a-f]{12}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Form:
    what: str
    """What a value is, with an example."""
    reads: Callable[[str], object]
    """Nothing for a text that is none."""
    lacks: str = "none"


_FORMS: Mapping[str, _Form] = {
    "bios_uuid": _Form(
        "a UUID, such as 4c4c4544-0053-3510-8034-b4c04f534d32",
        forms.bios_uuid,
        "none that is one machine's",
    ),
    "mac": _Form("a MAC address, such as 84:a9:3e:51:c4:04", _MAC.fullmatch),
    "address": _Form("an address, such as 10.20.1.5 or 2001:db8::5", normal_address),
}
"""By name of the attribute, or of the field of an adapter."""


def fault_of(name: str, value: Json) -> str:
    """Why a value is none of its attribute, or nothing."""
    form = _FORMS.get(name)
    if form is None or value is None or value == "":
        return ""
    if isinstance(value, str) and form.reads(value.strip()):
        return ""
    return f"{name} is {form.what}; {value!r} is {form.lacks}"


def fault_of_adapters(rows: Sequence[Json]) -> str:
    """Why a MAC among rows of adapters is none, with the place of its row, or nothing."""
    for place, row in enumerate(rows):
        fault = fault_of("mac", row.get("mac")) if isinstance(row, dict) else ""
        if fault:
            return f"interfaces[{place}]: {fault}"
    return ""
