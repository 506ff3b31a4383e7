"""Who has a program and who uses a socket, while blocks are written and records change."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cmdb.model.observation import Programs, RecordKey, SectionKind, Source
from cmdb.store.port import AssetId, Edge, Part, Projection, RecordId, StoredSection
from cmdb.store.sqlite import bonds, packed, programs
from cmdb.store.sqlite.bonds import Bonds
from cmdb.store.sqlite.holders import Holders
from cmdb.store.sqlite.programs import ProgramIndex
from cmdb.store.sqlite.record import SqliteRecord, open_record

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = [f"p{number}" for number in range(40)]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[SqliteRecord]:
    opened = open_record(tmp_path / "record.db")
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path, record: SqliteRecord) -> Iterator[SqliteRecord]:  # noqa: ARG001
    opened = open_record(tmp_path / "record.db", readonly=True)
    yield opened
    opened.close()


def put(record: SqliteRecord, number: int, names: set[str], at: datetime) -> RecordId:
    key = RecordKey(Source("agent", f"a{number}"), "site", f"a{number}")
    row = record.ledger.heard(key, at, full=False)
    body = record.ledger.intern([Programs("deb", tuple(f"{name}\t1" for name in sorted(names)))])
    said = StoredSection(body, str(sorted(names)).encode(), at, at)
    record.ledger.put_section(row.id, SectionKind.PROGRAMS, said)
    return row.id


def held(record: SqliteRecord) -> dict[str, set[int]]:
    """Records by the name of a program, as the index tells."""
    found = {}
    for number, name in record._db.execute(
        "SELECT r.id, t.name FROM release r JOIN title t ON t.id = r.title"
    ).fetchall():
        owners, _ = record.view._holders.pairs([number])
        found[name] = set(owners.tolist())
    return found


def expected(model: dict[RecordId, set[str]]) -> dict[str, set[int]]:
    return {name: {r for r, names in model.items() if name in names} for name in NAMES}


def test_holders_follow_first_words_changes_and_blocks(
    record: SqliteRecord, reader: SqliteRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_SEAL_AFTER", 300)
    rng = random.Random(3)
    model: dict[RecordId, set[str]] = {}
    numbers = iter(range(10_000))
    seals = set()
    for turn in range(12):
        at = T0 + timedelta(hours=turn)
        with record.transaction(at):
            for number in [next(numbers) for _ in range(400)]:
                names = set(rng.sample(NAMES, 6))
                model[put(record, number, names, at)] = names
            for number in rng.sample(range(len(model)), 120):
                names = set(rng.sample(NAMES, 6))
                model[put(record, number, names, at)] = names
        seals.add(programs.epoch(record._db))
        assert held(record) == expected(model)
        assert held(reader) == expected(model)
    assert programs.sealed(record._db) == 2
    assert len(seals) > 3, "no block was written again"
    assert Holders(reader._db).pairs([])[0].tolist() == []


def test_holders_follow_changes_of_a_block_that_is_not_written(
    record: SqliteRecord, reader: SqliteRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_REREAD_AFTER", 150)
    make_patch = packed.make_patch
    rng = random.Random(5)
    model: dict[RecordId, set[str]] = {}
    waiting = []
    for turn in range(14):
        # A change of which no patch tells: all that was known of the record is read again.
        tells = turn % 3 != 1
        monkeypatch.setattr(
            packed, "make_patch", make_patch if tells else lambda _older, _newer: None
        )
        with record.transaction(T0 + timedelta(hours=turn)):
            for number in [turn, *rng.sample(range(turn + 1), min(turn, 30)), *range(200, 240)]:
                names = set(rng.sample(NAMES, 6))
                model[put(record, number, names, T0 + timedelta(hours=turn))] = names
        waiting.append(record._db.execute("SELECT count(*) FROM pend").fetchone()[0])
        assert held(record) == expected(model)
        if turn % 2:
            assert held(reader) == expected(model)
    assert programs.sealed(record._db) == 0
    assert any(now < before for before, now in itertools.pairwise(waiting))


def test_a_block_that_is_written_again_leaves_what_waits_for_others(
    record: SqliteRecord, reader: SqliteRecord
) -> None:
    model: dict[RecordId, set[str]] = {}
    for turn in range(2):
        with record.transaction(T0 + timedelta(hours=turn)):
            for number in range(2 * 2_048 + 10) if turn == 0 else (5, 3_000, 4_100):
                names = {NAMES[(number + turn) % 40], NAMES[(number + 7) % 40]}
                model[put(record, number, names, T0 + timedelta(hours=turn))] = names
        for _ in range(2):
            with record.transaction(T0 + timedelta(hours=turn, minutes=5)):
                pass
        assert held(reader) == expected(model)
    assert programs.sealed(record._db) == 2
    with record.transaction(T0 + timedelta(hours=3)):
        ProgramIndex(record._db).seal(0)
    left = {row[0] >> programs.BITS for row in record._db.execute("SELECT record FROM pend")}
    assert left == {1, 2}
    assert held(reader) == expected(model)
    assert held(record) == expected(model)


def test_a_transaction_that_fails_leaves_the_index_alone(record: SqliteRecord) -> None:
    model: dict[RecordId, set[str]] = {}
    with record.transaction(T0):
        for number in range(50):
            model[put(record, number, {"p1"}, T0)] = {"p1"}

    def fail() -> None:
        with record.transaction(T0):
            put(record, 3, {"p2"}, T0 + timedelta(hours=1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with record.transaction(T0):
        ProgramIndex(record._db).seal(0)
        model[put(record, 4, {"p3"}, T0 + timedelta(hours=2))] = {"p3"}
    found = held(record)
    assert found == {"p1": set(model) - {5}, "p3": {5}}


def machine(number: int, ports: set[int]) -> Projection:
    edges = tuple(
        Edge("app/x", "depends_on", None, target_socket=("192.0.2.1", "tcp", port),
             detail={"process": "x", "connections": port}, observed_at=T0)
        for port in sorted(ports)
    )  # fmt: skip
    return Projection(
        cls="Computer", attributes={"name": f"m{number}"}, scope="site", state="present",
        first_seen=T0, last_seen=T0, source_kinds=("agent",), demo=False,
        parts=(Part("app/x", "Application", {"name": "x"}),), edges=edges,
    )  # fmt: skip


def users(record: SqliteRecord) -> dict[int, set[int]]:
    """Assets by the port that they use, as the inverse tells."""
    found: dict[int, set[int]] = {}
    ends = record._db.execute("SELECT asset, port FROM endpoint").fetchall()
    for endpoint, port in ends:
        rows = record.view.relations(AssetId(endpoint))
        assert {row.target for row in rows} <= {endpoint}
        owners = [record.view.asset(row.source) for row in rows]
        found[port] = {row.parent for row in owners if row is not None and row.parent is not None}
    return found


def test_users_of_sockets_follow_changes_and_blocks(
    record: SqliteRecord, reader: SqliteRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bonds, "_RESEAL_AFTER", 20)
    rng = random.Random(4)
    model: dict[AssetId, set[int]] = {}
    with record.transaction(T0):
        for number in range(200):
            asset = record.view.new_asset()
            model[asset] = set(rng.sample(range(1, 30), 4))
            record.view.put(asset, machine(number, model[asset]))
    with record.transaction(T0):
        Bonds(record._db, record._bodies).seal(0)
    for turn in range(6):
        with record.transaction(T0 + timedelta(hours=turn)):
            for asset in rng.sample(sorted(model), 12):
                model[asset] = set(rng.sample(range(1, 30), rng.randrange(4)))
                record.view.put(asset, machine(int(asset), model[asset]))
            gone = rng.choice(sorted(model))
            del model[gone]
            record.view.drop(gone, None)
        wanted = {
            port: {asset for asset, ports in model.items() if port in ports}
            for port in sorted(set().union(*model.values()))
        }
        assert users(record) == wanted
        assert users(reader) == wanted


def test_who_left_and_came_back_with_other_sockets_is_read_again(
    record: SqliteRecord, reader: SqliteRecord
) -> None:
    def tell(ports: set[int]) -> None:
        with record.transaction(T0):
            record.view.put(asset, machine(1, ports))

    with record.transaction(T0):
        asset = record.view.new_asset()
    tell({1})
    assert users(reader) == {1: {asset}}
    tell(set())
    tell({2})
    assert users(reader) == {2: {asset}}
    assert users(record) == {2: {asset}}


def test_dictionaries_are_made_and_read_elsewhere(
    record: SqliteRecord, reader: SqliteRecord
) -> None:
    bodies = {}
    for turn in range(3):
        with record.transaction(T0):
            for number in range(turn * 100, turn * 100 + 100):
                key = RecordKey(Source("agent", f"a{number}"), "site", f"a{number}")
                row = record.ledger.heard(key, T0, full=False)
                rows = [
                    f'{{"kind":"memory","serial":"S{number}{n}","slot":"A{n}"}}' for n in range(9)
                ]
                bodies[row.id] = f"[{','.join(rows)}]".encode()
                said = StoredSection(bodies[row.id], b"d" * 16, T0, T0)
                record.ledger.put_section(row.id, SectionKind.COMPONENTS, said)
    assert record._db.execute("SELECT count(*) FROM dictionary").fetchone()[0] == 1
    first, last = min(bodies), max(bodies)
    sizes = dict(record._db.execute("SELECT id >> 4, length(body) FROM section").fetchall())
    assert sizes[last] < sizes[first] * 0.6
    for row_id, body in bodies.items():
        found = reader.ledger.section(row_id, SectionKind.COMPONENTS)
        assert found is not None
        assert found.body == body
