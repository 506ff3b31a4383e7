"""Faults of lists and of what people type: rows that say it otherwise, or of another thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.bench.reconcile.estate import Estate, Thing
from tests.bench.reconcile.faults import Apply, Fault
from tests.bench.reconcile.voices import edit, listed, person

_TURN = 25


def _tag_as_serial(_estate: Estate, things: Sequence[Thing]) -> None:
    row = _row(things[0])
    row["system_serial"] = things[0].facts["asset_tag"]


def _serial_or_uuid(_estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    agent, thing.agent, thing.edr, thing.scanned = thing.agent or "ag-new", None, None, False
    _row(thing)["name"] = None
    thing.facts.pop("asset_tag", None)
    thing.other_list = {"bios_uuid": thing.facts["bios_uuid"].upper()}
    _estate.plan[_TURN].append(lambda: setattr(thing, "agent", agent))


def _manual(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    set_by_hand = {"owner": f"u9{thing.number:06d}", "location": f"{thing.site.code}-99"}
    _row(thing)
    estate.words[_TURN].append((edit(thing, _TURN, dict(set_by_hand)), thing.name))
    thing.expect |= set_by_hand


def _row_reused(_estate: Estate, things: Sequence[Thing]) -> None:
    old, new = things
    _row(old)
    _row(new)
    old.ends, new.begins = _TURN, _TURN + 1
    new.row, new.facts["name"] = old.row, old.facts["name"]


def _person_same(estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    thing.listed = {"owner": f"u7{thing.number:06d}", "system_serial": None, "asset_tag": None}
    thing.row, thing.listed["name"] = f"CI{thing.number:07d}", f"Laptop {thing.number}"
    thing.expect["owner"] = thing.listed["owner"]
    agent = {
        "source": {"kind": "agent", "instance": "endpoint"},
        "scope": thing.site.scope, "native_key": thing.agent or "",
    }  # fmt: skip
    row = listed("cmdb-csv", thing.row, "", (0, 0), {}, thing)
    estate.words[20].append((person("same", 20, agent, row), None))


def _mangled(pattern: str, text: str) -> Apply:
    def apply(estate: Estate, things: Sequence[Thing]) -> None:
        first = estate.draw.once(pattern)
        for place, thing in enumerate(things):
            serial = first[:-2] + f"{place}{first[-1]}" if place else first
            thing.facts["system_serial"] = serial
            number = float(serial) if serial.isdigit() else 0
            _row(thing)["system_serial"] = text.format(
                serial, cut=serial[:8], number=number, bare=serial.lstrip("0")
            )
            thing.expect["system_serial"] = {"any": [serial], "nocase": True}

    return apply


def _two_rows(_estate: Estate, things: Sequence[Thing]) -> None:
    thing = things[0]
    _row(thing)
    facts = thing.facts
    thing.second_row = {
        "name": facts["name"].lower(), "system_serial": facts["system_serial"].lower(),
        "asset_tag": facts["asset_tag"], "mac": thing.adapters[0].mac,
    }  # fmt: skip


def _row(thing: Thing) -> dict[str, Any]:
    """Makes sure that the list has it and its tag."""
    thing.row = thing.row or f"CI{thing.number:07d}"
    thing.listed.setdefault("owner", f"u{thing.number:06d}")
    thing.facts.setdefault("asset_tag", f"A{thing.number:07d}")
    return thing.listed


_PC, _LT, _SRV = "desktop", "laptop", "server"
LISTED = (
    Fault("asset_number_as_serial", 12, (_PC,), _tag_as_serial, "typed into the wrong column"),
    Fault("serial_or_uuid", 10, (_PC,), _serial_or_uuid,
          "two lists, then an agent that knows both"),
    Fault("manual_edit", 10, (_LT,), _manual, "a person's word against a list's"),
    Fault("row_reused", 8, (_PC, _PC), _row_reused,
          "the list writes the new machine into the old row"),
    Fault("person_same", 6, (_LT,), _person_same, "a row that only a person ties"),
    Fault("serial_prefixed", 6, (_LT,), _mangled("PF@@@@@@", "S/N: {0}"),
          "SN: before the serial number"),
    Fault("serial_truncated", 6, (_SRV,), _mangled("S########@@@@", "{cut}"), "cut by a list"),
    Fault("serial_zeros_cut", 6, (_PC,), _mangled("000#########", "{bare}"), "by a spreadsheet"),
    Fault("serial_as_number", 4, (_PC, _PC), _mangled("7###########", "{number:.4E}"),
          "7.1234E+11: two rows, one text"),
    Fault("two_rows", 8, (_PC,), _two_rows, "typed twice"),
)  # fmt: skip
"""Rows that lie about a thing that other sources know well."""
