"""What cmdb.store.port promises of View, of every adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cmdb.store.port import (
    AssetId,
    AssetRow,
    Edge,
    Part,
    Projection,
    Record,
    Search,
    StoreError,
    UnknownAsset,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POSTGRES = Part("tcp/5432", "Service", {"name": "postgres:5432", "port": 5432})


def projection(name: str, **fields: Any) -> Projection:
    usual = Projection(
        cls="Computer", attributes={"name": name, "fqdn": f"{name}.example"}, scope="office",
        state="present", first_seen=T0, last_seen=T0, source_kinds=("agent",), demo=False,
    )  # fmt: skip
    return replace(usual, **fields)


def put(record: Record, *projections: Projection) -> list[AssetId]:
    with record.transaction(T0):
        made = []
        for found in projections:
            made.append(record.view.new_asset())
            record.view.put(made[-1], found)
    return made


def names(rows: Sequence[AssetRow]) -> list[str]:
    return [row.name for row in rows]


# --- assets


def test_an_asset_is_as_it_was_put_and_its_revision_grows(record: Record, reader: Record) -> None:
    values = {"name": "db-1", "memory_bytes": 2**40, "vendor": 'Ä & "co" <b>', "os_name": None}
    shape = projection("db-1", attributes=values, source_kinds=("agent", "scan"), demo=True)
    (asset,) = put(record, shape)
    row = reader.view.asset(asset)
    assert row is not None
    assert (row.cls, row.name, row.state, row.scope) == ("Computer", "db-1", "present", "office")
    assert {k: v for k, v in row.attributes.items() if v is not None} == {
        k: v for k, v in values.items() if v is not None
    }
    assert (row.source_kinds, row.demo, row.parent) == (("agent", "scan"), True, None)
    with record.transaction(T0):
        record.view.put(asset, replace(shape, state="missing"))
    again = reader.view.asset(asset)
    assert again is not None
    assert (again.state, again.revision > row.revision) == ("missing", True)
    assert reader.view.asset(AssetId(999)) is None


def test_ids_are_never_given_twice(record: Record) -> None:
    first, second = put(record, projection("a"), projection("b"))
    with record.transaction(T0):
        record.view.drop(second, None)
    (third,) = put(record, projection("c"))
    assert len({first, second, third}) == 3


def test_parts_keep_their_ids_while_they_are_there(record: Record) -> None:
    ssh = Part("tcp/22", "Service", {"name": "sshd:22", "port": 22})
    (asset,) = put(record, projection("a", parts=(POSTGRES, ssh)))
    postgres = record.view.part(asset, "tcp/5432")
    assert names(record.view.parts(asset)) == ["postgres:5432", "sshd:22"]
    with record.transaction(T0):
        record.view.put(asset, projection("a", parts=(POSTGRES,)))
    assert [row.id for row in record.view.parts(asset)] == [postgres]
    assert record.view.part(asset, "tcp/22") is None
    (part,) = record.view.parts(asset)
    assert (part.parent, part.cls, part.attributes["port"]) == (asset, "Service", 5432)


def test_a_dropped_asset_answers_as_its_alias_until_it_is_revived(record: Record) -> None:
    kept, joined, older = put(record, *(projection(name) for name in "abc"))
    with record.transaction(T0):
        record.view.drop(older, joined)
        record.view.drop(joined, kept)
    for asset in (kept, joined, older):
        found = record.view.asset(asset)
        assert found is not None
        assert (found.id, found.aliases) == (kept, (joined, older))
    with record.transaction(T0):
        record.view.revive(joined)
        record.view.put(joined, projection("b"))
    back, one = record.view.asset(joined), record.view.asset(kept)
    assert back is not None
    assert one is not None
    assert (back.id, one.aliases) == (joined, (older,))


def test_a_dropped_asset_takes_its_parts_and_relations_along(record: Record) -> None:
    edge = Edge("tcp/5432", "runs_on", None)
    (asset,) = put(record, projection("a", parts=(POSTGRES,), edges=(edge,)))
    assert len(list(record.view.all_relations())) == 1
    with record.transaction(T0):
        record.view.drop(asset, None)
    assert record.view.asset(asset) is None
    assert list(record.view.all_assets()) == []
    assert list(record.view.all_relations()) == []
    assert record.view.counts() == {}


def test_touch_only_moves_the_time_forward(record: Record) -> None:
    (asset,) = put(record, projection("a", parts=(POSTGRES,)))
    with record.transaction(T0):
        record.view.touch(asset, T0 + HOUR, None)
        record.view.touch(asset, T0 - HOUR, None)
    found = record.view.asset(asset)
    assert found is not None
    assert found.last_seen == T0 + HOUR
    assert record.view.parts(asset)[0].last_seen == T0 + HOUR


# --- finding


def test_an_asset_is_found_by_id_name_and_qualified_name(record: Record) -> None:
    one, two = put(record, projection("web-1"), projection("web-2"))
    for text in (f"ci-{one}", str(one), "web-1", "WEB-1", "web-1.example", " web-1 "):
        assert record.view.find(text).id == one
    assert record.view.find("web-2").id == two


def test_a_name_of_none_or_of_several_is_refused_with_the_candidates(record: Record) -> None:
    one, two = put(record, projection("twin"), projection("twin", scope="lab"))
    with pytest.raises(UnknownAsset, match=f"ci-{one}.*ci-{two}"):
        record.view.find("twin")
    for text in ("nobody", "", "ci-999", "' OR 1=1 --", "%"):
        with pytest.raises(UnknownAsset):
            record.view.find(text)


def test_search_by_words_class_state_scope_source_and_value(record: Record) -> None:
    put(
        record,
        projection("web-1", attributes={"name": "web-1", "vendor": "Acme"}),
        projection("web-2", state="missing", scope="lab"),
        projection("printer", cls="Printer", source_kinds=("scan",)),
        projection("db-1", parts=(POSTGRES,)),
    )

    def found(**search: Any) -> list[str]:
        page = record.view.search(Search(**search))
        assert page.total == len(page.rows)
        return names(page.rows)

    assert found() == ["db-1", "printer", "web-1", "web-2"]
    assert found(text="web") == ["web-1", "web-2"]
    assert found(text="acme") == ["web-1"]
    assert found(text='"*( OR NEAR') == []
    assert found(cls="Printer") == ["printer"]
    assert found(state="missing") == ["web-2"]
    assert found(scope="lab") == ["web-2"]
    assert found(source_kind="scan") == ["printer"]
    assert found(where=(("vendor", "ACME"),)) == ["web-1"]
    assert found(cls="Service") == ["postgres:5432"]
    assert found(parts=True) == ["db-1", "postgres:5432", "printer", "web-1", "web-2"]
    assert found(order="-name") == ["web-2", "web-1", "printer", "db-1"]


@pytest.mark.parametrize(
    "search",
    [{"cls": "Nothing"}, {"order": "colour"}, {"where": (("colour", "red"),)}, {"after": "zz"}],
)
def test_a_search_that_makes_no_sense_is_refused(record: Record, search: dict[str, Any]) -> None:
    put(record, projection("a"))
    with pytest.raises((StoreError, ValueError)):
        record.view.search(Search(**search))


@pytest.mark.parametrize("text", ["", "m"])
@pytest.mark.parametrize("order", ["name", "-name", "last_seen", "-last_seen", "vendor", "id"])
def test_pages_hold_every_asset_once_in_order(record: Record, order: str, text: str) -> None:
    assets = put(
        record,
        *(
            projection(
                f"m-{number // 3}", last_seen=T0 + (number % 5) * HOUR,
                attributes={"name": f"m-{number // 3}"} | ({"vendor": "X"} if number % 2 else {}),
            )
            for number in range(25)
        ),
    )  # fmt: skip
    seen: list[AssetId] = []
    cursor: str | None = None
    for _ in range(9):
        page = record.view.search(Search(text, order=order, limit=4, after=cursor))
        assert page.total == 25
        seen += [row.id for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(assets)
    whole = record.view.search(Search(text, order=order, limit=50)).rows
    assert seen == [row.id for row in whole]


# --- relations


def test_a_connection_finds_who_listens_whoever_is_known_first(record: Record) -> None:
    socket = ("10.0.0.5", "tcp", 5432)
    client = projection(
        "app", parts=(Part("app/web", "Application", {"name": "web"}),),
        edges=(Edge("app/web", "depends_on", None, target_socket=socket, observed_at=T0),),
    )  # fmt: skip
    server = projection("db", parts=(POSTGRES,), addresses=(("office", "10.0.0.5", T0, "agent/a"),))
    one, two = put(record, client, server)
    web, postgres = record.view.part(one, "app/web"), record.view.part(two, "tcp/5432")
    assert web is not None
    assert postgres is not None
    (arrow,) = record.view.relations(postgres)
    assert (arrow.source, arrow.type, arrow.target) == (web, "depends_on", postgres)
    assert list(record.view.relations(web)) == [arrow]
    assert (web, postgres) in {(row.source, row.target) for row in record.view.all_relations()}
    with record.transaction(T0):
        record.view.put(one, replace(client, edges=()))
    assert record.view.relations(postgres) == ()


def test_an_address_means_something_in_its_scope_only(record: Record) -> None:
    socket = ("10.0.0.5", "tcp", 5432)
    client = projection(
        "app", scope="lab", parts=(Part("app/web", "Application", {"name": "web"}),),
        edges=(Edge("app/web", "depends_on", None, target_socket=socket, observed_at=T0),),
    )  # fmt: skip
    server = projection("db", parts=(POSTGRES,), addresses=(("office", "10.0.0.5", T0, "agent/a"),))
    _, two = put(record, client, server)
    postgres = record.view.part(two, "tcp/5432")
    assert postgres is not None
    assert record.view.relations(postgres) == ()


def test_who_uses_a_machine_is_told_in_pages(record: Record, reader: Record) -> None:
    server = projection(
        "db", parts=(POSTGRES,), addresses=(("office", "10.0.0.5", T0, "agent/a"),),
        edges=(Edge(None, "runs", None, target_part="tcp/5432"),),
    )  # fmt: skip
    clients = [
        projection(
            f"app-{number}", parts=(Part("app/web", "Application", {"name": "web"}),),
            edges=(
                Edge("app/web", "depends_on", None, observed_at=T0,
                     target_socket=("10.0.0.5", "tcp", 5432)),
                Edge("app/web", "depends_on", None, observed_at=T0,
                     target_socket=("10.0.0.5", "tcp", 9999)),
            ),
        )
        for number in range(5)
    ]  # fmt: skip
    two, *users = put(record, server, *clients)
    first = reader.view.related(two, 2)
    assert (first.more, first.following) == (6, users[1])
    assert {row.type for row in first.rows} == {"runs", "depends_on"}
    assert len(first.rows) == 1 + 2 * 2
    second = reader.view.related(two, 2, first.following)
    assert (second.more, second.following) == (2, users[3])
    assert {row.type for row in second.rows} == {"depends_on"}
    last = reader.view.related(two, 2, second.following)
    assert (len(last.rows), last.more, last.following) == (2, 0, None)
    postgres = record.view.part(two, "tcp/5432")
    assert postgres is not None
    told = {*first.rows, *second.rows, *last.rows}
    assert told == {*record.view.relations(two), *record.view.relations(postgres)}
    assert reader.view.related(postgres, 9).rows == record.view.relations(postgres)
    (one,) = {row.target for row in reader.view.related(users[0], 9).rows} - {two}
    assert one == postgres


def test_headlines_are_told_by_id_and_alias(record: Record, reader: Record) -> None:
    one, two = put(record, projection("a", parts=(POSTGRES,)), projection("b"))
    part = record.view.part(one, "tcp/5432")
    assert part is not None
    with record.transaction(T0):
        record.view.drop(two, one)
    lines = reader.view.headlines([one, two, part, AssetId(987_654)])
    assert set(lines) == {one, two, part}
    assert lines[two] == lines[one]
    row = reader.view.asset(one)
    assert row is not None
    line = lines[one]
    assert (line.id, line.cls, line.name, line.state, line.scope, line.last_seen) == (
        row.id, row.cls, row.name, row.state, row.scope, row.last_seen,
    )  # fmt: skip
    assert lines[part].parent == one


# --- lists, feed and clock


def test_all_assets_and_counts(record: Record) -> None:
    put(record, projection("a", parts=(POSTGRES,)), projection("b", cls="VirtualMachine"))
    rows = list(record.view.all_assets())
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert len(rows) == 3
    assert dict(record.view.counts()) == {"Computer": 1, "VirtualMachine": 1, "Service": 1}
    of_class = {row.name for row in record.view.all_assets("Computer")}
    assert "a" in of_class
    assert "postgres:5432" not in of_class


def test_the_feed_is_newest_first_and_pages(record: Record) -> None:
    one, two = put(record, projection("a"), projection("b"))
    with record.transaction(T0 + HOUR):
        for number in range(5):
            record.view.add_change(one, "changed", {"attributes": {"n": [None, number]}})
        record.view.add_change(two, "created", {})
    every = record.view.changes(None, 10, None)
    assert [change.sequence for change in every] == sorted(
        (change.sequence for change in every), reverse=True
    )
    assert [change.asset for change in every] == [two, *[one] * 5]
    assert {change.at for change in every} == {T0 + HOUR}
    page = record.view.changes(one, 2, None)
    rest = record.view.changes(one, 10, page[-1].sequence)
    assert (*page, *rest) == every[1:]
    assert every[1].detail == {"attributes": {"n": [None, 4]}}


def test_the_change_sequence_grows_with_what_changed_the_view_only(record: Record) -> None:
    before = record.view.change_sequence()
    (asset,) = put(record, projection("a"))
    changed = record.view.change_sequence()
    assert changed > before
    with record.transaction(T0):
        record.ledger.set_applied(3)
    assert record.view.change_sequence() == changed
    with record.transaction(T0):
        record.view.drop(asset, None)
    assert record.view.change_sequence() > changed


def test_what_is_due_comes_oldest_first(record: Record) -> None:
    late, never, soon = put(
        record, projection("a", stale_at=T0 + 2 * HOUR), projection("b"),
        projection("c", stale_at=T0 + HOUR),
    )  # fmt: skip
    assert record.view.due(T0, 10) == ()
    assert record.view.due(T0 + 3 * HOUR, 10) == (soon, late)
    assert record.view.due(T0 + 3 * HOUR, 1) == (soon,)
    assert never not in record.view.due(T0 + 1000 * HOUR, 10)


def test_the_clock_of_a_replay_is_kept(record: Record, reader: Record) -> None:
    assert record.view.replay_clock() is None
    with record.transaction(T0):
        record.view.set_replay_clock(T0 + HOUR)
    assert reader.view.replay_clock() == T0 + HOUR
    with record.transaction(T0):
        record.view.set_replay_clock(None)
    assert reader.view.replay_clock() is None


def test_a_name_in_other_case_is_another(record: Record) -> None:
    (asset,) = put(record, projection("host-a"))
    with record.transaction(T0):
        record.view.put(asset, projection("HOST-A"))
    row = record.view.asset(asset)
    assert row is not None
    assert (row.name, row.attributes["name"], row.revision) == ("HOST-A", "HOST-A", 2)
    assert record.view.search(Search(text="host-a")).total == 1
