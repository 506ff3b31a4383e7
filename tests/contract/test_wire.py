"""The wire, the import form and the model say the same things with the same names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.model import observation as model
from cmdb.model.classes import CLASS_BY_NAME
from cmdb.model.observation import SCALARS, Extent, Observation, SectionKind
from cmdb.model.programs import columns_of
from collector import ingest
from collector.journal.port import ITEM_FORM, JSONL_FORM, Entry
from stocktake.v1 import intake_pb2, observation_pb2
from stocktake.v1.observation_pb2 import Programs, Section

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODIES = [field for field in Section.DESCRIPTOR.fields if field.containing_oneof is not None
          and field.containing_oneof.name == "body"]  # fmt: skip


def attributes_of(name: str) -> set[str]:
    return {attribute.name for attribute in CLASS_BY_NAME[name].all_attributes()}


def fields_of(message: Any) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.fields}


def item(observation: observation_pb2.Observation) -> Entry:
    observation.source.kind, observation.source.instance = "agent", "obs-1"
    observation.scope, observation.native_key = "office", "obs-1"
    body = intake_pb2.Item(observation=observation).SerializeToString()
    return Entry("observer/obs-1", ITEM_FORM, NOW, body)


def line(**fields: Any) -> Entry:
    source = {"kind": "agent", "instance": "obs-1"}
    words = {"type": "observation", "at": "2026-03-01T12:00:00Z", "source": source,
             "scope": "office", "native_key": "obs-1", "full": True} | fields  # fmt: skip
    return Entry("import/x", JSONL_FORM, NOW, json.dumps(words).encode())


def observed(entry: Entry) -> Observation:
    said = ingest.statement(entry)
    assert isinstance(said, Observation)
    return said


# --- names


@pytest.mark.parametrize(
    "message", [observation_pb2.Computer, observation_pb2.OperatingSystem], ids=lambda m: m.__name__
)
def test_every_field_of_a_machine_is_an_attribute_of_its_class(message: Any) -> None:
    names = fields_of(message)
    assert names
    assert names <= attributes_of("Computer")


def test_every_field_of_a_service_is_an_attribute_of_its_class() -> None:
    names = fields_of(observation_pb2.ListeningService)
    assert names
    assert names == attributes_of("Service") - {"name"}


def test_every_attribute_of_a_service_comes_out_of_the_wire_into_the_projection() -> None:
    from reconcile.parts import _SERVICE_ATTRIBUTES

    assert set(_SERVICE_ATTRIBUTES) == fields_of(observation_pb2.ListeningService)


@pytest.mark.parametrize("name", ["Computer", "OperatingSystem"])
def test_every_field_that_is_set_arrives_under_its_own_name(name: str) -> None:
    message = getattr(observation_pb2, name)()
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            getattr(message, field.name).FromDatetime(NOW)
        else:
            setattr(message, field.name, 7 if field.type != field.TYPE_STRING else "text")
    section = Section(state=observation_pb2.SECTION_STATE_FULL)
    body = next(field.name for field in BODIES if field.message_type == message.DESCRIPTOR)
    getattr(section, body).CopyFrom(message)
    (found,) = observed(item(observation_pb2.Observation(sections=[section]))).sections.values()
    assert isinstance(found.value, dict)
    assert set(found.value) == fields_of(message)
    assert all(value in (7, "text", "2026-03-01T12:00:00Z") for value in found.value.values())


# --- sections


def test_every_kind_of_section_is_reachable_from_the_wire() -> None:
    reached = set()
    for field in BODIES:
        section = Section(state=observation_pb2.SECTION_STATE_FULL)
        getattr(section, field.name).SetInParent()
        said = observed(item(observation_pb2.Observation(sections=[section])))
        assert len(said.sections) == 1, field.name
        reached |= set(said.sections)
    said = observed(item(observation_pb2.Observation(**{"class": "Computer"})))  # type: ignore[arg-type]
    assert reached | set(said.sections) == set(SectionKind)
    assert len(reached) == len(BODIES)


def test_of_programs_alone_changes_travel() -> None:
    changed = observation_pb2.SECTION_STATE_CHANGED
    body = Programs(package_system="deb", hashes=b"12345678", entries=b"bash\t5.2\n", count=1,
                    installed_days=[7], gone=b"87654321", whole_hash=b"abcdefgh")  # fmt: skip
    section = Section(state=changed, programs=body)
    (found,) = observed(item(observation_pb2.Observation(sections=[section]))).sections.values()
    columns = model.ProgramColumns("deb", b"12345678", b"bash\t5.2\n", (7,))
    assert found.extent is Extent.CHANGED
    assert found.value == (model.ProgramChange(columns, b"87654321", b"abcdefgh"),)
    other = Section(state=changed, computer=observation_pb2.Computer(name="a"))
    with pytest.raises(ingest.Unreadable, match="Computer"):
        observed(item(observation_pb2.Observation(sections=[other])))


@pytest.mark.parametrize(
    "state", set(observation_pb2.SectionState.values()) - {observation_pb2.SECTION_STATE_CHANGED}
)
def test_every_state_of_a_section_keeps_what_it_means(state: int) -> None:
    section = Section(state=state, computer=observation_pb2.Computer(name="a"), reason="why")  # type: ignore[arg-type]
    (found,) = observed(item(observation_pb2.Observation(sections=[section]))).sections.values()
    told = found.extent in (Extent.FULL, Extent.PARTIAL)
    assert found.value == ({"name": "a"} if told else None)
    assert found.reason == "why"
    names = observation_pb2.SectionState.Name(section.state).removeprefix("SECTION_STATE_")
    expected = "full" if names == "UNSPECIFIED" else names.lower().replace("_", " ")
    assert found.extent.value == expected


def test_absent_and_empty_are_kept_apart() -> None:
    empty = Section(state=observation_pb2.SECTION_STATE_FULL, computer=observation_pb2.Computer())
    assert observed(item(observation_pb2.Observation())).sections == {}
    (found,) = observed(item(observation_pb2.Observation(sections=[empty]))).sections.values()
    assert found.value == {}
    assert observed(line(attributes={})).sections[SectionKind.ATTRIBUTES].value == {}
    assert observed(line()).sections == {}


def _in_columns(sections: Mapping[SectionKind, model.Section]) -> dict[SectionKind, model.Section]:
    return {
        kind: section._replace(
            value=tuple(map(columns_of, cast("model.ProgramList", section.value)))
        )
        if isinstance(section.value, tuple)
        else section
        for kind, section in sections.items()
    }


def test_wire_and_lines_give_equal_sections() -> None:
    said = observation_pb2.Observation(full=True, **{"class": "Computer"})  # type: ignore[arg-type]
    interface = observation_pb2.NetworkInterface(
        name="eth0", mac="00:11:22:33:44:55", kind=observation_pb2.INTERFACE_KIND_ETHERNET,
        addresses=[observation_pb2.Address(address="10.0.0.5", prefix_length=24)],
    )  # fmt: skip
    service = observation_pb2.ListeningService(protocol="tcp", port=22, process="sshd")
    programs = observation_pb2.Programs(
        package_system="deb", entries=b"bash\t5.2\nzsh\t5.9\n", count=2, installed_days=[19_000, 0]
    )
    values = observation_pb2.Attributes()
    values.values["name"].text, values.values["memory_bytes"].number = "db-1", 2**40
    values.values["owner"].SetInParent()
    disk = observation_pb2.Disk(name="sda", size_bytes=10**12, mount_points=["/", "/srv"])
    for fields in (
        {"attributes": values},
        {"network_interfaces": observation_pb2.NetworkInterfaces(interfaces=[interface])},
        {"listening_services": observation_pb2.ListeningServices(services=[service])},
        {"programs": programs},
        {"disks": observation_pb2.Disks(disks=[disk])},
    ):
        said.sections.append(Section(state=observation_pb2.SECTION_STATE_FULL, **fields))
    wire = observed(item(said))
    told = observed(
        line(
            **{"class": "Computer"},
            attributes={"name": "db-1", "memory_bytes": 2**40, "owner": None},
            interfaces=[{"name": "eth0", "mac": "00:11:22:33:44:55", "kind": "ethernet",
                         "addresses": ["10.0.0.5/24"]}],
            services=[{"protocol": "tcp", "port": 22, "process": "sshd"}],
            programs=[
                {"name": "zsh", "version": "5.9", "package_system": "deb"},
                {"name": "bash", "version": "5.2", "package_system": "deb",
                 "installed": "2022-01-08"},
            ],
            disks=[{"name": "sda", "size_bytes": 10**12, "mount_points": ["/", "/srv"]}],
        )
    )  # fmt: skip
    assert _in_columns(wire.sections) == _in_columns(told.sections)
    assert (wire.key, wire.full) == (told.key, told.full)
    assert any(kind in wire.sections for kind in SCALARS)


# --- hostile


QUICK = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 253402300800])
def test_instants_out_of_range_are_unreadable(seconds: int) -> None:
    said = observation_pb2.Observation()
    said.observed_at.seconds = seconds
    with pytest.raises(ingest.Unreadable):
        ingest.statement(item(said))
    other = observation_pb2.Observation()
    section = other.sections.add(state=observation_pb2.SECTION_STATE_FULL)
    section.operating_system.booted_at.seconds = seconds
    with pytest.raises(ingest.Unreadable):
        ingest.statement(item(other))
    run = intake_pb2.Run(run_id="r")
    run.at.seconds = seconds
    body = intake_pb2.Item(run=run).SerializeToString()
    with pytest.raises(ingest.Unreadable):
        ingest.statement(Entry("observer/x", ITEM_FORM, NOW, body))


@QUICK
@given(body=st.binary(max_size=400), form=st.sampled_from([ITEM_FORM, JSONL_FORM, "other"]))
def test_random_bytes_are_read_or_unreadable(body: bytes, form: str) -> None:
    _read(Entry("observer/x", form, NOW, body))


SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=20)
)
NAMES = st.sampled_from(["kind", "instance", "native_key", "addresses", "name", "port", "all"])
BRANCH = st.lists(SCALAR, max_size=3) | st.dictionaries(NAMES | st.text(max_size=9), SCALAR)
TREE = SCALAR | BRANCH | st.lists(BRANCH, max_size=2) | st.dictionaries(NAMES, BRANCH, max_size=3)
FIELDS = ("type", "at", "observed_at", "source", "scope", "native_key", "run", "full", "class",
          "attributes", "interfaces", "components", "disks", "programs", "services", "connections",
          "users", "relations", "parent", "event", "state", "covers", "act", "records")  # fmt: skip


@QUICK
@given(
    kind=st.sampled_from(["observation", "run", "person"]),
    changed=st.dictionaries(st.sampled_from(FIELDS), TREE, max_size=4),
)
def test_random_fields_of_a_line_are_read_or_unreadable(kind: str, changed: dict[str, Any]) -> None:
    entry = line(**({"type": kind} | changed))
    _read(entry)


@QUICK
@given(data=st.data())
def test_altered_items_are_read_or_unreadable(data: st.DataObject) -> None:
    """A whole item of every section with some of its bytes altered."""
    whole = bytearray(_every_section())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _read(Entry("observer/x", ITEM_FORM, NOW, bytes(whole)))


def _every_section() -> bytes:
    said = observation_pb2.Observation()
    for field in BODIES:
        section = said.sections.add(state=observation_pb2.SECTION_STATE_FULL)
        body = getattr(section, field.name)
        body.SetInParent()
        for inner in body.DESCRIPTOR.fields:
            if inner.message_type is None and inner.type == inner.TYPE_STRING:
                setattr(body, inner.name, "text")
            elif inner.message_type is not None and inner.name not in ("values", "booted_at",
                                                                       "installed_at"):  # fmt: skip
                getattr(body, inner.name).add()
            elif inner.name == "booted_at":
                body.booted_at.FromDatetime(NOW)
    said.observed_at.FromDatetime(NOW)
    return intake_pb2.Item(observation=said).SerializeToString()


def _read(entry: Entry) -> None:
    try:
        said = ingest.statement(entry)
    except ingest.Unreadable as error:
        reason = str(error)
    else:
        reason = type(said).__name__
    assert reason
