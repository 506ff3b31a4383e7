"""Lines of the import form: what one source says of one thing at one instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.reconcile.estate import Adapter, Site, Thing

Line = dict[str, Any]
START = datetime(2026, 3, 2, tzinfo=UTC)
_COVERED = "192.168.0.0/16"
_OFTEN = ("name", "os_name", "os_version")


def stamp(day: int, second: float) -> str:
    """An instant of the estate's time."""
    at = START + timedelta(days=day, seconds=int(second))
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def interfaces(thing: Thing, address: str | None) -> list[Line]:
    """All adapters of a machine; the one in use has the address of the day."""
    rows = []
    for place, adapter in enumerate(thing.adapters):
        held = [f"{address}/24"] if address and place == thing.up else []
        rows.append({
            "name": adapter.name, "mac": adapter.mac, "kind": adapter.kind,
            "addresses": held + list(adapter.addresses),
        })  # fmt: skip
    return rows


def agent(thing: Thing, day: int, second: float, address: str | None, *, full: bool) -> Line:
    """A report of its agent."""
    key = thing.agent or ""
    if thing.keyed_by_adapter:
        key += f"-{thing.adapters[thing.up].name}"
    line = _line("agent", "endpoint", thing.site.scope, key, day, second)
    line["full"] = full
    line["class"] = thing.kind.cls if thing.kind.name == "container" else "Computer"
    if thing.clock_behind_days:
        line["observed_at"] = stamp(day - thing.clock_behind_days, second)
    if full or thing.partial_from <= day:
        facts = {name: value for name, value in thing.facts.items() if name != "_hidden"}
        line["attributes"] = facts if full else {n: facts[n] for n in _OFTEN if n in facts}
    if full or thing.partial_from > day:
        seen = [thing.adapters[thing.up]] if thing.keyed_by_adapter else thing.adapters
        rows = interfaces(thing, address)
        line["interfaces"] = [
            row for row, adapter in zip(rows, thing.adapters, strict=True) if adapter in seen
        ]
    return line


def edr(thing: Thing, day: int, second: float, address: str | None) -> Line:
    """A report of the other product's agent."""
    line = _line("agent", "edr", thing.site.scope, thing.edr or "", day, second)
    known = {name: thing.facts.get(name) for name in ("name", "system_serial", "os_name")}
    line |= {
        "full": True, "class": "Computer",
        "attributes": {name: value for name, value in known.items() if value},
        "interfaces": interfaces(thing, address)[:2],
    }  # fmt: skip
    return line


def scan(site: Site, run: str, day: int, second: float, seen: Line) -> Line:
    """What a scan saw: keys `address`, and perhaps `mac`, `name` and `class`."""
    line = _line("scan", f"probe-{site.scope}", site.scope, seen["address"], day, second)
    adapter = {"addresses": [seen["address"]]} | ({"mac": seen["mac"]} if seen.get("mac") else {})
    line |= {"run": run, "full": True, "class": seen.get("class") or "Device"}
    if seen.get("name"):
        line["attributes"] = {"name": seen["name"]}
    line["interfaces"] = [adapter]
    return line


def snmp(thing: Thing, run: str, day: int, second: float) -> Line:
    """What SNMP read of a device, or of a part of one that its parent shows."""
    site = thing.site
    key = thing.fixed or f"{thing.parent.fixed if thing.parent else ''}/{thing.phase}"
    line = _line("snmp", f"snmp-{site.scope}", site.scope, key, day, second)
    facts = {name: value for name, value in thing.facts.items() if name != "asset_tag"}
    line |= {"run": run, "full": True, "class": thing.kind.cls, "attributes": facts}
    if thing.parent:
        line["parent"] = {"native_key": thing.parent.fixed}
    else:
        line["interfaces"] = interfaces(thing, thing.fixed)
    return line


def manager(thing: Thing, run: str, day: int, second: float, address: str | None) -> Line:
    """What a hypervisor's manager or a cloud says of a virtual machine."""
    instance, key = thing.manager or ("", "")
    line = _line("cloud", instance, thing.site.scope, key, day, second)
    names = ("name", "memory_bytes", "bios_uuid", "instance_id", "model")
    facts = {name: thing.facts[name] for name in names if name in thing.facts}
    if "instance_id" in facts:
        facts.pop("bios_uuid", None)
    line |= {
        "run": run, "full": True, "class": "VirtualMachine",
        "attributes": {n: v for n, v in (facts | thing.managed).items() if v is not None},
        "interfaces": interfaces(thing, address),
    }  # fmt: skip
    return line


def row(thing: Thing, run: str, day: int, second: float) -> Line:
    """A row of the list."""
    facts = thing.facts
    known = {name: facts.get(name) for name in ("name", "system_serial", "asset_tag")}
    if thing.agent is None and not thing.snmp and thing.adapters:
        known["mac"] = thing.adapters[0].mac
    return listed("cmdb-csv", thing.row or "", run, (day, second), known | thing.listed, thing)


def listed(
    instance: str, key: str, run: str, when: tuple[int, float], facts: Line, thing: Thing
) -> Line:
    """A row of any list; `mac` among the facts is that of an adapter."""
    line = _line("import", instance, "company", key, *when)
    line |= {"run": run, "full": True, "class": thing.kind.cls}
    told = {name: value for name, value in facts.items() if value is not None and name != "mac"}
    line["attributes"] = told
    if facts.get("mac"):
        line["interfaces"] = [{"mac": facts["mac"].upper().replace(":", "-")}]
    return line


def run_event(
    source: tuple[str, str], scope: str, run: str, when: tuple[int, float], more: Line
) -> Line:
    """The start or end of a run."""
    kind, instance = source
    return {
        "type": "run", "at": stamp(*when), "run": run,
        "source": {"kind": kind, "instance": instance}, "scope": scope, **more,
    }  # fmt: skip


def covers(site: Site) -> Line:
    """The addresses of a site."""
    return {"addresses": sorted({f"{site.net}.0.0/16", _COVERED})}


def person(act: str, day: int, one: Line, two: Line) -> Line:
    """A person's word about two records, each named by a line of it."""
    names = ("source", "scope", "native_key")
    records = [{name: line[name] for name in names} for line in (one, two)]
    return {"type": "person", "at": stamp(day, 72_000), "act": act, "records": records}


def edit(thing: Thing, day: int, facts: Line) -> Line:
    """What a person set by hand."""
    line = _line("manual", "console", thing.site.scope, f"edit-{thing.number}", day, 72_000)
    serial = {"system_serial": thing.facts["system_serial"]}
    return line | {"full": False, "attributes": serial | facts}


def adapter_in_use(thing: Thing) -> Adapter:
    """The adapter that has the address of the day."""
    return thing.adapters[thing.up]


def _line(kind: str, instance: str, scope: str, key: str, day: int, second: float) -> Line:
    return {
        "type": "observation", "at": stamp(day, second + 9), "observed_at": stamp(day, second),
        "source": {"kind": kind, "instance": instance}, "scope": scope, "native_key": key,
    }  # fmt: skip
