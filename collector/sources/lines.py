"""The JSON Lines import form: one observation, run or person's word a line.

docs/reference/import-form.md describes it. A line that does not hold to it is refused with the
reason; it never takes others with it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import cast

from cmdb.model.classes import RELATION_BY_NAME
from cmdb.model.instants import read_day
from cmdb.model.observation import (
    Extent,
    Json,
    Observation,
    Programs,
    RunEvent,
    Section,
    SectionKind,
    Statement,
)
from collector.sources import fields, persons
from collector.sources.fields import BadLine

__all__ = ["MAX_LINE_BYTES", "BadLine", "parse"]

MAX_LINE_BYTES = 4 * 1024 * 1024
_MOST_ATTRIBUTES = 256
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LISTS_IN_ROWS = frozenset({"addresses", "mount_points"})
_CLASS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_OBSERVATION_FIELDS = frozenset({
    "type", "at", "observed_at", "source", "scope", "native_key", "run", "full", "class",
    "attributes", "interfaces", "components", "disks", "programs", "services", "connections",
    "users", "relations", "parent",
})  # fmt: skip


def parse(text: str | bytes, received_at: datetime | None = None) -> Statement:
    """The statement of one line.

    Args:
        text: One JSON object.
        received_at: When it arrived; None takes the line's own `at`, for a replay.

    Raises:
        BadLine: It does not hold to the form.
    """
    if len(text) > MAX_LINE_BYTES:
        raise BadLine(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        line = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(line, dict):
        raise BadLine("not a JSON object")
    kind = line.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BadLine(f"type is {kind!r}; it must be one of {', '.join(_READERS)}")
    return reader(line, received_at or fields.instant(line, "at"))


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")


def _observation(line: fields.Object, received_at: datetime) -> Observation:
    unknown = sorted(line.keys() - _OBSERVATION_FIELDS)
    if unknown:
        raise BadLine(f"unknown field {unknown[0]!r}")
    full = line.get("full", False)
    if not isinstance(full, bool):
        raise BadLine("full must be true or false")
    observed = fields.instant(line, "observed_at") if "observed_at" in line else received_at
    run = line.get("run")
    return Observation(
        key=fields.record_key(line),
        observed_at=observed,
        received_at=received_at,
        full=full,
        sections=_sections(line, full=full),
        run=None if run is None else fields.text(run, "run"),
    )


def _sections(line: fields.Object, *, full: bool) -> dict[SectionKind, Section]:
    extent = Extent.FULL if full else Extent.PARTIAL
    sections: dict[SectionKind, Section] = {}
    head = _head(line)
    if head:
        sections[SectionKind.HEAD] = Section(extent, head)
    if "attributes" in line:
        sections[SectionKind.ATTRIBUTES] = Section(extent, _attributes(line["attributes"]))
    for name, (kind, reader) in _LISTS.items():
        if name in line:
            rows = [
                reader(row, f"{name}[{place}]")
                for place, row in enumerate(fields.list_(line, name))
            ]
            sections[kind] = Section(Extent.FULL, cast("Json", rows))
    if "programs" in line:
        sections[SectionKind.PROGRAMS] = Section(
            Extent.FULL, _programs(fields.list_(line, "programs"))
        )
    return sections


def _head(line: fields.Object) -> dict[str, Json]:
    head: dict[str, Json] = {}
    if line.get("class") is not None:
        cls = fields.text(line["class"], "class")
        # One that is not declared here is kept as said; the thing is then shown as a Device.
        if not _CLASS_NAME.fullmatch(cls):
            raise BadLine(f"class {cls!r} is no name of a class, such as Computer")
        head["class"] = cls
    if "parent" in line:
        parent = line["parent"]
        native = fields.object_(parent, "parent").get("native_key") if parent else None
        head["parent"] = None if native is None else fields.text(native, "parent.native_key")
    return head


def _attributes(value: Json) -> dict[str, Json]:
    attributes = fields.object_(value, "attributes")
    if len(attributes) > _MOST_ATTRIBUTES:
        raise BadLine(f"attributes: more than {_MOST_ATTRIBUTES}")
    for name, found in attributes.items():
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise BadLine(f"attributes: {name!r} is no name of an attribute")
        if isinstance(found, list | dict):
            raise BadLine(f"attributes.{name} must be a text, a number, true, false or null")
        if isinstance(found, str):
            fields.text(found, f"attributes.{name}")
        elif found is not None:
            fields.number(found, f"attributes.{name}")
    return dict(attributes)


def _row(value: Json, where: str) -> dict[str, Json]:
    row = fields.object_(value, where)
    for name, found in row.items():
        fields.text(name, f"{where}: the name of a field")
        if isinstance(found, list) and name in _LISTS_IN_ROWS:
            for item in found:
                fields.text(item, f"{where}.{name}")
        elif isinstance(found, dict | list):
            raise BadLine(f"{where}.{name} must be a text, a number, true, false or null")
        elif isinstance(found, str):
            fields.text(found, f"{where}.{name}")
        elif found is not None:
            fields.number(found, f"{where}.{name}")
    return dict(row)


def _interface(value: Json, where: str) -> dict[str, Json]:
    row = _row(value, where)
    addresses = row.get("addresses") or []
    if not isinstance(addresses, list):
        raise BadLine(f"{where}.addresses must be a list")
    for address in addresses:
        try:
            ipaddress.ip_interface(fields.text(address, f"{where}.addresses").partition("%")[0])
        except ValueError as error:
            raise BadLine(f"{where}.addresses: {address!r} is no address") from error
    return row


def _socket(value: Json, where: str) -> dict[str, Json]:
    row = _row(value, where)
    port = row.get("port", row.get("server_port"))
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65_535:  # noqa: PLR2004
        raise BadLine(f"{where}: port must be a whole number from 0 to 65535")
    return row


def _relation(value: Json, where: str) -> dict[str, Json]:
    row = fields.object_(value, where)
    type_ = fields.text(row.get("type"), f"{where}.type")
    if type_ not in RELATION_BY_NAME:
        known = ", ".join(RELATION_BY_NAME)
        raise BadLine(f"{where}.type {type_!r} is not declared; there are {known}")
    target = fields.object_(row.get("target"), f"{where}.target")
    source = fields.object_(target.get("source") or {}, f"{where}.target.source")
    return {
        "type": type_,
        "target": [
            fields.text(source.get("kind", ""), f"{where}.target.source.kind"),
            fields.text(source.get("instance", ""), f"{where}.target.source.instance"),
            fields.text(target.get("scope", ""), f"{where}.target.scope"),
            fields.key(target.get("native_key"), f"{where}.target.native_key"),
        ],
    }


def _programs(rows: list[Json]) -> tuple[Programs, ...]:
    systems: dict[str, dict[str, int]] = {}
    for place, value in enumerate(rows):
        where = f"programs[{place}]"
        row = _row(value, where)
        columns = [
            _column(row.get(name), f"{where}.{name}")
            for name in ("name", "version", "architecture", "publisher")
        ]
        if not columns[0]:
            raise BadLine(f"{where}.name is missing")
        system = str(row.get("package_system") or "")
        entry = "\t".join(columns).rstrip("\t")
        systems.setdefault(system, {})[entry] = _day(row.get("installed"), where)
    return tuple(
        Programs(system, tuple(sorted(entries)), tuple(entries[name] for name in sorted(entries)))
        for system, entries in sorted(systems.items())
    )


def _column(value: Json, where: str) -> str:
    text = "" if value is None else fields.text(str(value), where)
    return re.sub(r"[\t\r\n]+", " ", text).strip()


def _day(value: Json, where: str) -> int:
    if not value:
        return 0
    try:
        return max(0, read_day(str(value)).toordinal() - _EPOCH_DAY)
    except ValueError as error:
        raise BadLine(f"{where}.installed: {value!r} is no date YYYY-MM-DD") from error


_COVERS = frozenset({"addresses", "all"})


def _run(line: fields.Object, received_at: datetime) -> RunEvent:
    event, state = line.get("event"), line.get("state")
    if event not in ("start", "end"):
        raise BadLine(f"event is {event!r}; it must be start or end")
    if event == "end" and state not in ("complete", "partial", "failed"):
        raise BadLine(f"state is {state!r}; it must be complete, partial or failed")
    covers = fields.object_(line.get("covers") or {}, "covers")
    unknown = sorted(covers.keys() - _COVERS)
    if unknown:
        raise BadLine(f"covers has an unknown field {unknown[0]!r}; it has addresses or all")
    if not isinstance(covers.get("all", False), bool):
        raise BadLine(f"covers.all is {covers['all']!r}; it must be true or false")
    prefixes = covers.get("addresses") or []
    if not isinstance(prefixes, list):
        raise BadLine("covers.addresses must be a list of prefixes")
    for prefix in prefixes:
        try:
            ipaddress.ip_network(fields.text(prefix, "covers.addresses"), strict=False)
        except ValueError as error:
            raise BadLine(f"covers.addresses: {prefix!r} is no prefix") from error
    return RunEvent(
        run=fields.text(line.get("run"), "run"),
        source=fields.source(line.get("source"), "source"),
        scope=fields.text(line.get("scope"), "scope"),
        event=str(event),
        state=str(state) if event == "end" else None,
        covers_all=covers.get("all") is True,
        prefixes=tuple(str(prefix) for prefix in prefixes),
        at=min(fields.instant(line, "at"), received_at) if "at" in line else received_at,
        received_at=received_at,
        reason=None if line.get("reason") is None else fields.text(line["reason"], "reason"),
    )


_LISTS: dict[str, tuple[SectionKind, Callable[[Json, str], dict[str, Json]]]] = {
    "interfaces": (SectionKind.INTERFACES, _interface),
    "disks": (SectionKind.DISKS, _row),
    "components": (SectionKind.COMPONENTS, _row),
    "services": (SectionKind.SERVICES, _socket),
    "connections": (SectionKind.CONNECTIONS, _socket),
    "users": (SectionKind.USERS, _row),
    "relations": (SectionKind.RELATIONS, _relation),
}
_READERS: dict[str, Callable[[fields.Object, datetime], Statement]] = {
    "observation": _observation,
    "run": _run,
    "person": persons.read,
}
