"""An item that the intake prepared says what it said before, and damage to it is noticed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmdb.model.canonical import decode
from cmdb.model.observation import Extent, Json, Observation, SectionKind
from collector import ingest
from collector.journal.port import ITEM_FORM, PREPARED_FORM, Entry
from stocktake.v1.intake_pb2 import Item, Run
from stocktake.v1.observation_pb2 import SECTION_STATE_PARTIAL, SECTION_STATE_UNCHANGED

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = {
    SectionKind.DISKS, SectionKind.COMPONENTS, SectionKind.SERVICES, SectionKind.CONNECTIONS,
    SectionKind.USERS, SectionKind.LICENCE_EVIDENCE,
}  # fmt: skip


def whole_item() -> Item:
    """Every kind of rows, one of them partial, and sections that have none."""
    item = Item()
    said = item.observation
    said.source.kind, said.source.instance = "agent", "a"
    said.scope, said.native_key, said.full = "site", "a", True
    said.sections.add().computer.name = "pc-1"
    said.sections.add().network_interfaces.interfaces.add(name="eth0", up=False)
    said.sections.add().disks.disks.add(name="sda", size_bytes=2**62)
    said.sections.add(state=SECTION_STATE_PARTIAL).components.components.add(slot="A1", serial="é")
    service = said.sections.add().listening_services.services.add(port=0, protocol="tcp")
    service.tls_not_after.FromDatetime(NOW)
    connections = said.sections.add().connections.connections
    connections.add(outbound=False, server_address="10.0.0.1", server_port=443, count=0)
    connections.add(outbound=True, process="x" * 300)
    said.sections.add().users.users.add(name="root")
    said.sections.add().licence_evidence.facts.add()
    said.sections.add().programs.package_system = "deb"
    return item


def observed(form: str, body: bytes) -> Observation:
    said = ingest.statement(Entry("observer/a", form, NOW, body))
    assert isinstance(said, Observation)
    return said


def values(said: Observation) -> dict[SectionKind, tuple[Extent, object]]:
    return {
        kind: (section.extent, section.value if section.body is None else decode(section.body))
        for kind, section in said.sections.items()
    }


def test_a_prepared_item_says_what_the_item_says() -> None:
    before = observed(ITEM_FORM, whole_item().SerializeToString())
    form, body = ingest.journalled(whole_item())
    after = observed(form, body)
    assert form == PREPARED_FORM
    assert values(after) == values(before)
    assert {kind for kind, section in after.sections.items() if section.body is not None} == ROWS
    assert (after.key, after.full, after.observed_at) == (
        before.key,
        before.full,
        before.observed_at,
    )
    kept: Json = decode(after.sections[SectionKind.CONNECTIONS].body or b"")
    assert isinstance(kept, list)
    assert kept[0] == {
        "outbound": False, "server_address": "10.0.0.1", "server_port": 443, "count": 0,
    }  # fmt: skip


def test_rows_that_did_not_travel_are_left_alone() -> None:
    item = whole_item()
    item.observation.sections[5].state = SECTION_STATE_UNCHANGED
    after = observed(*ingest.journalled(item))
    assert after.sections[SectionKind.CONNECTIONS].extent is Extent.UNCHANGED
    assert after.sections[SectionKind.CONNECTIONS].body is None


def test_a_run_is_journalled_as_it_is() -> None:
    run = Item(run=Run(run_id="r-1"))
    form, body = ingest.journalled(run)
    said = ingest.statement(Entry("observer/a", form, NOW, body))
    assert said == ingest.statement(Entry("observer/a", ITEM_FORM, NOW, run.SerializeToString()))


def test_what_cannot_be_read_is_journalled_as_it_came() -> None:
    item = whole_item()
    item.observation.sections[4].listening_services.services[0].tls_not_after.seconds = 2**60
    came = item.SerializeToString()
    assert ingest.journalled(item) == (ITEM_FORM, came)


@given(st.data())
def test_damaged_rows_are_unreadable(data: st.DataObject) -> None:
    _, body = ingest.journalled(whole_item())
    damaged = bytearray(body)
    place = data.draw(st.integers(len(body) - 200, len(body) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ingest.Unreadable):
        observed(PREPARED_FORM, bytes(damaged))


@given(st.binary(max_size=40))
def test_what_was_not_prepared_is_unreadable_as_such(body: bytes) -> None:
    with pytest.raises(ingest.Unreadable):
        observed(PREPARED_FORM, body)
