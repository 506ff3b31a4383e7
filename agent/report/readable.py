"""Messages of the contract as values that people and scripts read: what `--json` prints.

Names are those of the contract. Bytes are hexadecimal, instants ISO 8601, programs rows. A
field that is absent is left out; a list that was looked at and is empty is there and empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agent.report.programs import rows
from stocktake.v1 import observation_pb2 as pb

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def readable_observation(
    observation: pb.Observation, complaints: Sequence[str] = ()
) -> dict[str, Json]:
    """An observation with its sections by name, and what could not be looked at."""
    outer = pb.Observation()
    outer.CopyFrom(observation)
    outer.ClearField("sections")
    document = readable(outer)
    document["sections"] = {
        section.WhichOneof("body") or "": _section(section) for section in observation.sections
    }
    document["complaints"] = list(complaints)
    return document


def readable(message: Message) -> dict[str, Json]:
    """The fields that are set, in the order of the contract."""
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _section(section: pb.Section) -> Json:
    document: dict[str, Json] = {"state": pb.SectionState.Name(section.state)}
    if section.HasField("content_hash"):
        document["content_hash"] = section.content_hash.hex()
    if section.HasField("reason"):
        document["reason"] = section.reason
    if section.state in (pb.SECTION_STATE_FULL, pb.SECTION_STATE_PARTIAL):
        document |= _body(getattr(section, section.WhichOneof("body") or "computer"))
    return document


def _body(body: Message) -> dict[str, Json]:
    if isinstance(body, pb.Programs):
        entries: list[Json] = [_program(digest, columns) for digest, columns in rows(body)]
        return {
            "package_system": body.package_system,
            "count": body.count,
            "entries": entries,
        }
    empty: dict[str, Json] = {
        field.name: [] for field in body.DESCRIPTOR.fields if field.is_repeated
    }
    return empty | readable(body)


def _program(digest: bytes, columns: dict[str, str]) -> Json:
    row: dict[str, Json] = {"hash": digest.hex()}
    row |= columns
    return row


def _field(field: FieldDescriptor, value: object) -> Json:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        assert hasattr(value, "items")
        return {str(key): _value(field, each) for key, each in value.items()}
    if field.is_repeated:
        assert isinstance(value, Sequence)
        return [_value(field, each) for each in value]
    return _value(field, value)


def _value(field: FieldDescriptor, value: object) -> Json:
    if isinstance(value, Timestamp):
        return value.ToJsonString()
    if isinstance(value, Duration):
        return value.ToJsonString()
    if isinstance(value, Message):
        return readable(value)
    if isinstance(value, bytes):
        return value.hex()
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(int(str(value)))
        return named.name if named else int(str(value))
    assert isinstance(value, bool | int | float | str)
    return value
