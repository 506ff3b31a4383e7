"""When connections are said as before, arrows are left alone only where they would be the same."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cmdb.model.observation import Json, RecordKey, Source
from cmdb.store.port import Part, RecordId, RecordRow
from reconcile.account import Account
from reconcile.parts import edges_of, parts_of, same_sources

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROW = RecordRow(RecordId(1), RecordKey(Source("agent", "a"), "site", "a"), NOW, NOW, None)
processes = st.sampled_from(["nginx", "java", "", None])
services = st.lists(
    st.fixed_dictionaries({"port": st.sampled_from([22, 80, 443]), "process": processes}),
    max_size=4,
)
connections = st.lists(
    st.fixed_dictionaries(
        {
            "outbound": st.booleans(),
            "process": processes,
            "server_address": st.sampled_from(["10.0.0.1", "127.0.0.1", "", None]),
            "server_port": st.sampled_from([22, 443]),
        }
    ),
    max_size=4,
)


def account(services: list[dict[str, Json]], connections: list[dict[str, Json]]) -> Account:
    return Account(
        ROW, None, None, {}, NOW, services=tuple(services), connections=tuple(connections)
    )


@given(services, services, connections)
def test_arrows_that_are_left_alone_are_the_same(
    was: list[dict[str, Json]], now: list[dict[str, Json]], talk: list[dict[str, Json]]
) -> None:
    before, after = account(was, talk), account(now, talk)
    old, new = parts_of([before]), parts_of([after])
    if same_sources([after], old, new):
        assert arrows(before, old) == arrows(after, new)


def test_arrows_move_with_the_process_that_stands_at_their_start() -> None:
    talk: list[dict[str, Json]] = [
        {"outbound": True, "process": "java", "server_address": "10.0.0.1", "server_port": 443}
    ]
    before, after = account([{"port": 80, "process": "java"}], talk), account([], talk)
    assert not same_sources([after], parts_of([before]), parts_of([after]))
    assert arrows(before, parts_of([before])) != arrows(after, parts_of([after]))
    assert same_sources([after], parts_of([after]), parts_of([after]))


def arrows(account: Account, parts: tuple[Part, ...]) -> list[tuple[object, ...]]:
    edges = edges_of([account], parts)
    return [(e.source_local, e.target_socket, e.target_part) for e in edges if e.type != "runs_on"]
