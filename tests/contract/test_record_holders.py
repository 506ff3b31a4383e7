"""Who has some releases installed: pages of assets, the same for every adapter."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime

from cmdb.model.observation import Programs, RecordKey, SectionKind, Source
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, StoredSection

T0 = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS = ("1.0", "1.1", "2.0", "2.1")


def install(record: Record, row: RecordId, *entries: str) -> None:
    packed = record.ledger.intern([Programs("deb", entries)] if entries else [])
    digest = hashlib.blake2b("\n".join(entries).encode(), digest_size=16).digest()
    record.ledger.put_section(row, SectionKind.PROGRAMS, StoredSection(packed, digest, T0, T0))


def heard(record: Record, native: str) -> RecordId:
    key = RecordKey(Source("agent", "obs-1"), "office", native)
    return record.ledger.heard(key, T0, full=True).id


def about(record: Record, row: RecordId, asset: int | None) -> None:
    links = [] if asset is None else [LinkRow(row, AssetId(asset), "serial", {}, T0, T0)]
    record.ledger.set_stretches(row, links)


def groups(record: Record, name: str) -> dict[int, int]:
    """Every release of a name, in groups by version."""
    return {
        release.id: VERSIONS.index(release.version)
        for title in record.view.titles_named(name)
        for release in record.view.releases_of(title.id)
    }


def test_titles_are_found_by_name_whatever_the_case(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        install(
            record, heard(record, "a"), "OpenSSL\t1.0", "OpenSSL\t2.0\tamd64\tDebian", "open\t1"
        )
    found = reader.view.titles_named("openssl")
    assert [(title.name, title.publisher) for title in found] == [
        ("OpenSSL", ""), ("OpenSSL", "Debian"),
    ]  # fmt: skip
    assert reader.view.titles_named("openss") == ()
    (release,) = reader.view.releases_of(found[1].id)
    assert (release.version, release.architecture) == ("2.0", "amd64")


def test_pages_of_holders_in_order_of_id(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        for asset in (30, 10, 20):
            row = heard(record, f"m{asset}")
            about(record, row, asset)
            install(record, row, "x\t1.0\tamd64", "x\t1.0\ti386", f"x\t{VERSIONS[asset // 10]}")
        # Nobody's record, and one that has no programs.
        install(record, heard(record, "nobody"), "x\t1.0\tamd64")
        about(record, heard(record, "empty"), 40)
    wanted = groups(reader, "x")
    first = reader.view.holders_page(wanted, None, 2)
    assert first.rows == ((AssetId(10), (0, 1)), (AssetId(20), (0, 2)))
    # Two architectures of one version are one version.
    assert (first.total, first.counts, first.more) == (3, {0: 3, 1: 1, 2: 1, 3: 1}, True)
    rest = reader.view.holders_page(wanted, AssetId(20), 2)
    assert rest.rows == ((AssetId(30), (0, 3)),)
    assert (rest.total, rest.more) == (3, False)
    assert reader.view.holders_page({}, None, 5).rows == ()
    assert reader.view.holders_page({}, None, 5).total == 0


def test_two_records_of_one_asset_are_one_holder(record: Record, reader: Record) -> None:
    with record.transaction(T0):
        for native, version in (("a", "1.0"), ("b", "1.0"), ("c", "2.0")):
            row = heard(record, native)
            about(record, row, 7)
            install(record, row, f"x\t{version}")
    found = reader.view.holders_page(groups(reader, "x"), None, 9)
    assert (found.rows, found.total, found.counts) == (((AssetId(7), (0, 2)),), 1, {0: 1, 2: 1})


def test_a_reader_that_stays_open_sees_every_change(record: Record, reader: Record) -> None:
    rng = random.Random(4)
    held: dict[RecordId, set[str]] = {}
    owner: dict[RecordId, int | None] = {}
    expected: dict[int, set[int]] = {}
    for _ in range(25):
        with record.transaction(T0):
            for _ in range(rng.randint(1, 6)):
                row = heard(record, f"m{rng.randrange(40)}")
                held[row] = set(rng.sample(VERSIONS, rng.randint(0, 3)))
                install(record, row, *(f"x\t{version}" for version in sorted(held[row])))
                owner[row] = rng.choice([None, *range(1, 15)])
                about(record, row, owner[row])
        wanted = groups(reader, "x")
        found = reader.view.holders_page(wanted, None, 100)
        expected = {}
        for row, versions in held.items():
            if owner[row] is not None and versions:
                places = {VERSIONS.index(version) for version in versions}
                expected.setdefault(owner[row] or 0, set()).update(places)
        assert {asset: set(places) for asset, places in found.rows} == expected
        assert found.total == len(expected)
    assert expected
