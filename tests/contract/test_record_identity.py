"""What cmdb.store.port promises of identity: stretches, timelines, anchors, runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cmdb.model.observation import RecordKey, RunEvent, Source
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, StoredTimeline

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def heard(record: Record, native: str) -> RecordId:
    key = RecordKey(Source("agent", "obs-1"), "office", native)
    return record.ledger.heard(key, T0, full=False).id


def link(row: RecordId, asset: int) -> LinkRow:
    return LinkRow(row, AssetId(asset), "serial", {"why": [1, "ä"]}, T0, T0)


def test_a_record_is_about_one_asset_at_a_time(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        row = heard(record, "a")
        first = replace(link(row, 1), until=T0 + HOUR, last=T0, state="twin")
        second = replace(link(row, 2), since=T0 + HOUR)
        record.ledger.set_stretches(row, [second, first])
    assert reader.ledger.stretches([row, RecordId(99)]) == {row: (first, second)}
    assert reader.ledger.links([row]) == {row: second}
    assert reader.ledger.linked(AssetId(1)) == (first,)
    assert reader.ledger.twins() == (first,)
    with record.transaction(T0 + HOUR):
        record.ledger.set_stretches(row, [replace(first, decided_at=T0 + HOUR), second])
    # What stood already stays as it was decided.
    assert reader.ledger.link_history(row) == (second, first)
    with record.transaction(T0 + HOUR):
        record.ledger.set_stretches(row, [])
    assert reader.ledger.stretches([row]) == {}
    assert {found.ended_at for found in reader.ledger.link_history(row)} == {T0 + HOUR}


def test_a_timeline_is_replaced_or_extended(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        row = heard(record, "a")
        assert record.ledger.timeline(row) == StoredTimeline()
        record.ledger.put_timeline(row, b"visits", 7)
    assert reader.ledger.timeline(row) == StoredTimeline(b"visits", 7)
    with record.transaction(T0):
        record.ledger.put_timeline(row, None, 9)
        record.ledger.watch([row])
    assert reader.ledger.timeline(row) == StoredTimeline(b"visits", 9, watched=True)
    with record.transaction(T0):
        record.ledger.put_timeline(row, b"more", 10)
    assert reader.ledger.timeline(row) == StoredTimeline(b"more", 10, watched=True)


def test_things_that_scans_alone_know_have_names(record: Record, reader: Record) -> None:
    assert record.ledger.anchor("mac/1") is None
    with record.transaction(T0):
        record.ledger.set_anchor("mac/1", AssetId(4))
        record.ledger.set_anchor("mac/1", AssetId(5))
    assert reader.ledger.anchor("mac/1") == 5


def test_complete_runs_are_found_by_when_they_began(record: Record, reader: Record) -> None:
    source = Source("scan", "probe")

    def event(run: str, event: str, hour: int, state: str | None, scope: str = "hq") -> RunEvent:
        at = T0 + hour * HOUR
        return RunEvent(
            run, source, scope, event, state, covers_all=False, prefixes=("10.0.0.0/8",), at=at,
            received_at=at,
        )  # fmt: skip

    with record.transaction(T0):
        for told in (
            event("r1", "start", 0, None), event("r1", "end", 2, "complete"),
            event("r2", "start", 3, None), event("r2", "end", 4, "failed"),
            event("r3", "end", 6, "complete"), event("r3", "end", 6, "complete"),
            event("r4", "end", 7, "complete", "elsewhere"),
        ):  # fmt: skip
            record.ledger.add_run(told)
    found = reader.ledger.complete_runs(source, "hq", T0 - HOUR)
    assert [(run.run, run.began_at, run.ended_at) for run in found] == [
        ("r1", T0, T0 + 2 * HOUR), ("r3", T0 + 6 * HOUR, T0 + 6 * HOUR),
    ]  # fmt: skip
    assert found[0].prefixes == ("10.0.0.0/8",)
    # A run that was under way already may have looked before.
    assert [run.run for run in reader.ledger.complete_runs(source, "hq", T0 + HOUR)] == ["r3"]
