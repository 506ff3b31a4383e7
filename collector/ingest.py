"""What came over the wire or out of a file, into the product's own words.

Nothing past this module knows protobuf. The intake has admitted and bounded every item before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from cmdb.model.observation import (
    Extent,
    Json,
    Observation,
    ProgramChange,
    ProgramChanges,
    ProgramColumns,
    ProgramList,
    Programs,
    RecordKey,
    RunEvent,
    Section,
    SectionKind,
    Source,
    Statement,
)
from cmdb.model.programs import columns_of
from collector.journal.port import ITEM_FORM, JSONL_FORM, PREPARED_FORM, Entry
from collector.prepared import Damaged, prepare, rows_of
from collector.sources import lines
from stocktake.v1 import intake_pb2, observation_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

_EXTENTS = {
    observation_pb2.SECTION_STATE_UNSPECIFIED: Extent.FULL,
    observation_pb2.SECTION_STATE_FULL: Extent.FULL,
    observation_pb2.SECTION_STATE_PARTIAL: Extent.PARTIAL,
    observation_pb2.SECTION_STATE_UNCHANGED: Extent.UNCHANGED,
    observation_pb2.SECTION_STATE_NOT_COLLECTED: Extent.NOT_COLLECTED,
    observation_pb2.SECTION_STATE_CHANGED: Extent.CHANGED,
}
_RUN_STATES = {
    intake_pb2.RUN_STATE_COMPLETE: "complete",
    intake_pb2.RUN_STATE_PARTIAL: "partial",
    intake_pb2.RUN_STATE_FAILED: "failed",
}
_HASH_BYTES = 8


class Unreadable(ValueError):
    """A journal entry is not what its form says; it is set aside, and the message says why."""


def statement(entry: Entry) -> Statement:
    """What a journal entry says.

    Raises:
        Unreadable: It cannot be read; nothing was changed.
    """
    reader = _FORMS.get(entry.form)
    if reader is None:
        raise Unreadable(f"journal entry of unknown form {entry.form!r}")
    return reader(entry)


def journalled(item: intake_pb2.Item) -> tuple[str, bytes]:
    """Form and bytes of an admitted item for the journal; the item itself is not whole after it."""
    try:
        return PREPARED_FORM, prepare(item, _ROWS)
    except Unreadable:
        # What the record cannot read is kept as it came, and set aside by those who read it.
        return ITEM_FORM, item.SerializeToString()


def _line(entry: Entry) -> Statement:
    try:
        return lines.parse(entry.body, entry.received_at)
    except lines.BadLine as error:
        raise Unreadable(f"line of {entry.origin}: {error}") from error


def _item(entry: Entry) -> Statement:
    from google.protobuf.message import DecodeError

    try:
        item = intake_pb2.Item.FromString(entry.body)
        rows = rows_of(entry.body) if entry.form == PREPARED_FORM else {}
    except (DecodeError, Damaged) as error:
        raise Unreadable(f"item of {entry.origin}: {error}") from error
    if item.WhichOneof("kind") == "run":
        return _run(item.run, entry.received_at)
    return _observation(item.observation, entry.received_at, rows)


def _run(run: intake_pb2.Run, received_at: datetime) -> RunEvent:
    state = _RUN_STATES.get(run.state)
    return RunEvent(
        run=run.run_id,
        source=Source(run.source.kind, run.source.instance),
        scope=run.scope,
        event="end" if state else "start",
        state=state,
        covers_all=run.covers.all,
        prefixes=tuple(run.covers.prefixes),
        at=min(_instant(run.at), received_at) if run.HasField("at") else received_at,
        received_at=received_at,
        reason=run.reason or None,
    )


def _observation(
    said: observation_pb2.Observation, received_at: datetime, rows: Mapping[int, bytes]
) -> Observation:
    key = RecordKey(Source(said.source.kind, said.source.instance), said.scope, said.native_key)
    observed = _instant(said.observed_at) if said.HasField("observed_at") else received_at
    return Observation(
        key=key,
        observed_at=observed,
        received_at=received_at,
        full=said.full,
        sections=_sections(said, rows),
        run=said.run_id or None,
    )


def _sections(
    said: observation_pb2.Observation, rows: Mapping[int, bytes]
) -> dict[SectionKind, Section]:
    found: dict[SectionKind, Section] = {}
    head = _head(said)
    if head:
        found[SectionKind.HEAD] = Section(Extent.FULL if said.full else Extent.PARTIAL, head)
    for place, section in enumerate(said.sections):
        name = section.WhichOneof("body")
        if name is None:
            continue
        kind, reader = _BODIES[name]
        extent = _EXTENTS.get(section.state, Extent.FULL)
        if place in rows:
            found[kind] = Section(extent, None, section.reason or None, rows[place])
            continue
        value = _READERS.get(extent, _nothing)(reader, getattr(section, name))
        found[kind] = _with(found.get(kind), Section(extent, value, section.reason or None))
    return found


def _nothing(_reader: object, _body: object) -> None:
    """Nothing travelled."""


def _with(known: Section | None, section: Section) -> Section:
    """Programs of several package systems are one section."""
    if known and isinstance(known.value, tuple) and isinstance(section.value, tuple):
        both = cast("ProgramList", (*known.value, *section.value))
        return Section(section.extent, both, section.reason)
    return section


def _head(said: observation_pb2.Observation) -> dict[str, Json]:
    head: dict[str, Json] = {}
    if said.HasField("class"):
        head["class"] = getattr(said, "class")
    if said.HasField("parent"):
        head["parent"] = said.parent.native_key or None
    return head


def _scalars(message: Message, but: tuple[str, ...] = ()) -> Json:
    return {
        field.name: _plain(value) for field, value in message.ListFields() if field.name not in but
    }


def _attributes(message: observation_pb2.Attributes) -> Json:
    values: dict[str, Json] = {}
    for name, value in message.values.items():
        kind = value.WhichOneof("kind")
        values[name] = _plain(getattr(value, kind)) if kind else None
    return values


def _interfaces(message: observation_pb2.NetworkInterfaces) -> Json:
    return [_interface(row) for row in message.interfaces]


def _interface(row: observation_pb2.NetworkInterface) -> Json:
    kind = observation_pb2.InterfaceKind.Name(row.kind).removeprefix("INTERFACE_KIND_").lower()
    found = cast("dict[str, Json]", _scalars(row, but=("addresses", "empty_addresses")))
    found["kind"] = "unknown" if kind == "unspecified" else kind
    if row.addresses or row.empty_addresses:
        found["addresses"] = [
            f"{address.address}/{address.prefix_length}"
            if address.HasField("prefix_length")
            else address.address
            for address in row.addresses
        ]
    return found


def _programs(message: observation_pb2.Programs) -> ProgramList:
    days = tuple(message.installed_days)
    days = days if len(days) == message.count else ()
    system, count = message.package_system, message.count
    if len(message.hashes) == _HASH_BYTES * count:
        return (ProgramColumns(system, message.hashes, message.entries, days),)
    entries = tuple(message.entries.decode("utf-8", "replace").split("\n")[:-1])
    return (columns_of(Programs(system, entries, days)),)


def _changed(message: Message) -> tuple[ProgramChange, ...]:
    if not isinstance(message, observation_pb2.Programs):
        raise Unreadable(f"a section of {message.DESCRIPTOR.name} travels whole, not as changes")
    days = tuple(message.installed_days)
    come = ProgramColumns(message.package_system, message.hashes, message.entries, days)
    return (ProgramChange(come, message.gone, message.whole_hash),)


def _relations(message: observation_pb2.Relations) -> Json:
    rows: list[Json] = []
    for row in message.relations:
        target = row.target
        parts: list[Json] = [
            target.source.kind,
            target.source.instance,
            target.scope,
            target.native_key,
        ]
        rows.append({"type": row.type, "target": parts})
    return rows


def _rows(field: str, row_type: type[Message]) -> Callable[[Any], Json]:
    """Reads a list of rows: most columns are plain, and reading them by name is twice as fast."""
    declared = row_type.DESCRIPTOR.fields
    odd = [f.name for f in declared if f.is_repeated or f.message_type is not None]
    plain = [f.name for f in declared if f.name not in odd]
    columns = attrgetter(*plain)

    def read(message: Message) -> Json:
        rows: list[Json] = []
        for row in getattr(message, field):
            values = columns(row)
            found: dict[str, Json] = dict(zip(plain, values, strict=True))
            if not all(values):
                for name, value in zip(plain, values, strict=True):
                    if not value and not row.HasField(name):
                        del found[name]
            for name in odd:
                value = getattr(row, name)
                if value if isinstance(value, Sequence) else row.HasField(name):
                    found[name] = _plain(value)
            rows.append(found)
        return rows

    return read


def _plain(value: object) -> Json:
    if isinstance(value, str | int | float):
        return value
    if hasattr(value, "ToDatetime"):
        return _instant(cast("Timestamp", value)).isoformat().replace("+00:00", "Z")
    return [_plain(item) for item in cast("list[object]", value)]


def _instant(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"an instant {stamp.seconds} s after 1970 is out of range") from error


_BODIES: Mapping[str, tuple[SectionKind, Callable[[Any], Json | ProgramList]]] = {
    "computer": (SectionKind.COMPUTER, _scalars),
    "operating_system": (SectionKind.OPERATING_SYSTEM, _scalars),
    "attributes": (SectionKind.ATTRIBUTES, _attributes),
    "network_interfaces": (SectionKind.INTERFACES, _interfaces),
    "disks": (SectionKind.DISKS, _rows("disks", observation_pb2.Disk)),
    "components": (SectionKind.COMPONENTS, _rows("components", observation_pb2.Component)),
    "programs": (SectionKind.PROGRAMS, _programs),
    "listening_services": (
        SectionKind.SERVICES,
        _rows("services", observation_pb2.ListeningService),
    ),
    "connections": (SectionKind.CONNECTIONS, _rows("connections", observation_pb2.Connection)),
    "users": (SectionKind.USERS, _rows("users", observation_pb2.User)),
    "licence_evidence": (SectionKind.LICENCE_EVIDENCE, _rows("facts", observation_pb2.LicenceFact)),
    "relations": (SectionKind.RELATIONS, _relations),
}
_ROWS: Mapping[str, Callable[[Any], Json]] = {
    name: cast("Callable[[Any], Json]", _BODIES[name][1])
    for name in (
        "disks", "components", "listening_services", "connections", "users", "licence_evidence",
    )
}  # fmt: skip
"""Sections that nobody looks into before they are kept."""
_Value = Json | ProgramList | ProgramChanges
_READERS: Mapping[Extent, Callable[[Callable[[Any], Json | ProgramList], Any], _Value]] = {
    Extent.FULL: lambda reader, body: reader(body),
    Extent.PARTIAL: lambda reader, body: reader(body),
    Extent.CHANGED: lambda _, body: _changed(body),
}
_FORMS: dict[str, Callable[[Entry], Statement]] = {
    ITEM_FORM: _item,
    PREPARED_FORM: _item,
    JSONL_FORM: _line,
}
