"""The engine that everybody writes first: the first key that matches, no questions asked.

Serial number, UUID, MAC, qualified name, name; then the source's own key. It says how much of
an estate is easy, and what the rest costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bench.reconcile.judge import Asset
from tests.bench.reconcile.stretches import Object, record_key

_NOTHING = frozenset({"", "none", "0", "unknown", "default string", "to be filled by o.e.m."})
_KEYS = ("system_serial", "bios_uuid", "mac", "fqdn", "name")


class FirstMatch:
    """Assets by the first key that matches."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}
        self._class: list[str] = []
        self._said: list[dict[str, Any]] = []

    def place(self, line: Object) -> str:
        """The asset that a line is taken to be about; the last word about it counts."""
        keys = list(_keys(line))
        found = next((self._known[key] for key in keys if key in self._known), None)
        if found is None:
            found = len(self._class)
            self._class.append("Device")
            self._said.append({})
        for key in keys:
            self._known.setdefault(key, found)
        self._class[found] = line.get("class") or self._class[found]
        self._said[found].update(line.get("attributes") or {})
        return f"base-{found}"

    def assets(self) -> dict[str, Asset]:
        """All of them; it knows no life cycle."""
        return {
            f"base-{place}": Asset(self._class[place], "present", said)
            for place, said in enumerate(self._said)
        }


def _keys(line: Object) -> Iterator[tuple[str, str]]:
    attributes = line.get("attributes") or {}
    for name in _KEYS:
        if name == "mac":
            for interface in line.get("interfaces") or ():
                mac = (interface.get("mac") or "").casefold().replace("-", ":")
                if mac:
                    yield name, mac
        else:
            value = str(attributes.get(name) or "").strip().casefold()
            if value not in _NOTHING:
                yield name, value
    yield "native", "\0".join(record_key(line))
