"""Packed sets of releases, their differences, tiles and the map of hashes, against plain Python."""

from __future__ import annotations

import itertools
import random
import sqlite3
import struct
from contextlib import closing

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cmdb.store.sqlite import codec, packed, tiles
from cmdb.store.sqlite.hashes import Hashes
from cmdb.store.sqlite.tiles import Kind

SETS = st.dictionaries(st.integers(1, 2**32 - 1), st.integers(0, 65_535), max_size=40)


def of(installed: dict[int, int]) -> bytes:
    ids = sorted(installed)
    days = np.array([installed[i] for i in ids], np.uint16)
    return packed.pack(np.array(ids, np.uint32), days)


def read(body: bytes) -> dict[int, int]:
    ids, days = packed.unpack(body)
    told = days.tolist() if days is not None else [0] * len(ids)
    return dict(zip(ids.tolist(), told, strict=True))


@given(SETS)
def test_a_set_comes_back_as_it_was(installed: dict[int, int]) -> None:
    assert read(of(installed)) == installed


def test_the_first_schema_is_read() -> None:
    steps = np.array([3, 4, 100_000], "<u4").tobytes()
    plain = (3).to_bytes(4, "little") + steps
    assert read(plain) == {3: 0, 7: 0, 100_007: 0}
    assert read(plain + np.array([1, 0, 9], "<u2").tobytes()) == {3: 1, 7: 0, 100_007: 9}
    assert read(b"") == {}


@given(SETS, SETS, st.sets(st.integers(0, 39)))
def test_a_patch_leads_back(base: dict[int, int], more: dict[int, int], gone: set[int]) -> None:
    older = base
    kept = {key: day for place, (key, day) in enumerate(base.items()) if place not in gone}
    newer = {**kept, **more}
    patch = packed.make_patch(of(older), of(newer))
    if patch is None:
        return
    assert packed.is_patch(patch)
    assert packed.apply_patch(patch, of(newer)) == of(older)
    delta = packed.delta_of(patch)
    assert set(delta.come.tolist()) == newer.keys() - older.keys()
    assert set(delta.gone.tolist()) == older.keys() - newer.keys()


def test_a_small_change_has_a_small_patch() -> None:
    older = dict.fromkeys(range(1, 6_001, 4), 0)
    newer = {key: day for key, day in older.items() if key > 9} | {2: 0, 6: 0, 10: 0}
    patch = packed.make_patch(of(older), of(newer))
    assert patch is not None
    assert len(patch) < 20
    assert packed.apply_patch(patch, of(newer)) == of(older)


def test_a_patch_of_before_schema_10_is_read() -> None:
    patch = struct.pack("<BBHHH", 1, 1, 2, 1, 1) + np.array([3, 900, 70_000, 8], "<u4").tobytes()
    patch += np.array([5, 6, 7], "<u2").tobytes()
    newer = {8: 1, 12: 2, 70_000: 3}
    assert packed.is_patch(patch)
    assert read(packed.apply_patch(patch, of(newer))) == {3: 5, 900: 6, 8: 7, 12: 2}


@given(st.lists(SETS, min_size=2, max_size=6))
def test_patches_are_read_at_once_as_one_by_one(sets: list[dict[int, int]]) -> None:
    for dated in (False, True):
        bodies = [of(each if dated else dict.fromkeys(each, 0)) for each in sets]
        patches = [packed.make_patch(old, new) for old, new in itertools.pairwise(bodies)]
        known = [patch for patch in patches if patch is not None]
        if not known:
            continue
        deltas = [packed.delta_of(patch) for patch in known]
        expected = [
            (key, went)
            for delta in deltas
            for ids, went in ((delta.gone, True), (delta.come, False))
            for key in ids.tolist()
        ]
        told, went = packed.deltas_of(known)
        assert list(zip(told.tolist(), went.tolist(), strict=True)) == expected


def test_a_large_change_leads_back() -> None:
    older = dict.fromkeys(range(1, 6000, 3), 4)
    newer = dict.fromkeys(range(1, 6000, 2), 9)
    patch = packed.make_patch(of(older), of(newer))
    assert patch is not None
    assert read(packed.apply_patch(patch, of(newer))) == older


def test_tiles_know_who_has_what() -> None:
    rng = random.Random(5)
    model = {
        owner: set(rng.sample(range(1, 400), rng.randrange(60))) for owner in range(4_096, 6_144, 3)
    }
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for table in tiles.TABLES.values():
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, body)")
        db.execute("CREATE TABLE release (id INTEGER PRIMARY KEY, title)")
        db.executemany("INSERT INTO release VALUES (?, ?)", ((n, 7 + n % 90) for n in range(500)))
        db.execute("CREATE TABLE endpoint (asset INTEGER PRIMARY KEY, scope, address)")
        db.executemany(
            "INSERT INTO endpoint VALUES (?, 'site', ?)",
            ((n, f"192.0.2.{n % 60}") for n in range(500)),
        )
        owned = [(owner, np.array(sorted(keys), np.uint32)) for owner, keys in model.items()]
        for kind, block in ((Kind.PROGRAMS, 2), (Kind.SOCKETS, 0)):
            assert len(tiles.read_keys(db, kind, [1], 3)[0]) == 0
            for _ in range(2):
                tiles.write_block(db, kind, block, owned)
            for wanted in ([1], [15, 16, 17, 399], [61, 121, 181], [400], []):
                owners, keys = tiles.read_keys(db, kind, wanted, block + 1)
                found = set(zip(owners.tolist(), keys.tolist(), strict=True))
                assert len(found) == len(owners)
                assert found == {(o, k) for o, had in model.items() for k in had & set(wanted)}
            assert len(tiles.read_keys(db, kind, [1], block)[0]) == 0


def test_hashes_are_a_map_from_one_to_many() -> None:
    rng = random.Random(9)
    keys = [rng.getrandbits(64) - 2**63 for _ in range(700)]
    found, model = Hashes(), dict[int, set[int]]()
    for _ in range(20_000):
        key, number = rng.choice(keys), rng.randrange(1, 6)
        if rng.random() < 0.6:
            found.add(key, number)
            model.setdefault(key, set()).add(number)
        else:
            found.discard(key, number)
            model.get(key, set()).discard(number)
    assert sum(map(len, model.values())) > 500
    for key in [*keys, 0, -1]:
        assert found.get(key) == tuple(sorted(model.get(key, ())))
        assert found.first(key, 2) == found.get(key)[:2]


def test_a_chain_of_differences_is_read_at_once() -> None:
    rng = random.Random(2)
    for _ in range(200):
        sizes = [rng.choice((0, 1, 7, 8, 30, 400)) for _ in range(rng.randrange(1, 8))]
        bodies = [bytes(rng.choices(b"abcdef", k=size)) for size in sizes]
        steps = [codec.compress(new, old) for old, new in itertools.pairwise(bodies)]
        assert codec.decompress_chain(bodies[0], steps) == bodies[-1]
