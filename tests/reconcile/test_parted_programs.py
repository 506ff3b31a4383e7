"""Programs of a machine whose native key went to another, and of the one that came under it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest

from cmdb.model.observation import Programs, RecordKey, SectionKind, Source
from cmdb.query.programs import VersionRange, program_holders
from cmdb.store.port import AssetId, LinkRow, Record, StoredSection
from cmdb.store.speaking import speaking
from cmdb.store.sqlite.record import SqliteRecord, open_record
from cmdb.store.sqlite.spoken import NOW, Spoken
from reconcile.past_record import opened
from reconcile.voices import account_of, section_before
from tests.reconcile.history import START, Engine, observation

SERIALS = ("AAA111", "BBB222", "CCC333", "DDD444")
MACS = ("00:50:56:aa:00:01", "00:50:56:aa:00:02", "00:50:56:aa:00:03", "00:50:56:aa:00:04")
HOUR = timedelta(hours=1)
_PROGRAMS = SectionKind.PROGRAMS


def report(machine: int, at: int, *held: str, key: str = "k1", **fields: Any) -> dict[str, Any]:
    """What an agent says of a machine; programs as name=version, none said where none is given."""
    if held:
        fields["programs"] = [
            {"name": name, "version": version, "package_system": "deb"}
            for name, _, version in (each.partition("=") for each in held)
        ]
    return observation(
        "agent", key, at, full=False, **{"class": "Computer"},
        attributes={"name": f"host-{machine}", "system_serial": SERIALS[machine]},
        interfaces=[{"name": "eth0", "mac": MACS[machine], "kind": "ethernet"}], **fields,
    )  # fmt: skip


def programs(record: Record, name: str) -> list[tuple[str, str]]:
    """What a machine of that name has."""
    asset = record.view.find(name).id
    found = [(each.name, each.version) for each in record.view.installed(asset)]
    assert record.view.installed_count(asset) == len(found)
    return found


def holders(record: Record, title: str, wanted: VersionRange | None = None) -> dict[str, Any]:
    """Who has a title, as "P older than V" tells."""
    found = program_holders(record.view, title, wanted or VersionRange())
    assert found.total == len(found.machines)
    return {machine.name: machine.versions for machine in found.machines}


@pytest.fixture
def reader(engine: Engine, tmp_path: Path) -> Iterator[SqliteRecord]:  # noqa: ARG001
    opened_record = open_record(tmp_path / "record-0.db", readonly=True)
    yield opened_record
    opened_record.close()


def test_a_machine_whose_key_went_to_another_keeps_its_programs(
    engine: Engine, reader: SqliteRecord
) -> None:
    engine.tell(report(0, 0, "bash=5.1", "curl=7"), report(0, 30, "bash=5.2", "curl=7"))
    assert holders(reader, "bash") == {"host-0": ("5.2",)}
    engine.tell(report(1, 60, "bash=4", "vim=9"))
    for record in (engine.record, reader):
        assert programs(record, "host-0") == [("bash", "5.2"), ("curl", "7")]
        assert programs(record, "host-1") == [("bash", "4"), ("vim", "9")]
        assert holders(record, "bash") == {"host-0": ("5.2",), "host-1": ("4",)}
        assert holders(record, "bash", VersionRange(newer_than="5")) == {"host-0": ("5.2",)}
        assert holders(record, "bash", VersionRange(older_than="5")) == {"host-1": ("4",)}
        assert holders(record, "curl") == {"host-0": ("7",)}
        titles = record.view.titles_named("curl")
        asset = record.view.find("host-0").id
        assert record.view.holders_of(titles[0].id) == {asset: ("7",)}


def test_what_came_under_an_old_key_has_nothing_of_the_one_before(
    engine: Engine, reader: SqliteRecord
) -> None:
    engine.tell(report(0, 0, "bash=5.1"), report(1, 60))
    for record in (engine.record, reader):
        assert programs(record, "host-1") == []
        assert holders(record, "bash") == {"host-0": ("5.1",)}
    engine.tell(report(1, 61, "bash=5.1"))
    for record in (engine.record, reader):
        assert programs(record, "host-1") == [("bash", "5.1")]
        assert holders(record, "bash") == {"host-0": ("5.1",), "host-1": ("5.1",)}


def test_what_a_source_says_newer_of_the_machine_counts_alone(
    engine: Engine, reader: SqliteRecord
) -> None:
    engine.tell(report(0, 0, "bash=5.1"), report(1, 60, "vim=9"))
    assert holders(reader, "bash") == {"host-0": ("5.1",)}
    engine.tell(report(0, 90, "curl=8", key="k2"))
    for record in (engine.record, reader):
        assert programs(record, "host-0") == [("curl", "8")]
        assert holders(record, "bash") == {}
        assert holders(record, "curl") == {"host-0": ("8",)}


def test_a_late_word_of_the_time_before_counts(engine: Engine, reader: SqliteRecord) -> None:
    engine.tell(report(0, 0, "bash=5.1"), report(0, 20), report(1, 60, "vim=9"))
    assert holders(reader, "bash") == {"host-0": ("5.1",)}
    # Another link ends in between: what moved in the last transaction is always read again.
    engine.tell(report(2, 61, "vim=8", key="k3"), report(3, 69, "vim=8", key="k3"))
    assert holders(reader, "bash") == {"host-0": ("5.1",)}
    engine.tell(report(0, 10, "bash=5.3", "nano=7", arrived=(START + 70 * HOUR).isoformat()))
    for record in (engine.record, reader):
        assert programs(record, "host-0") == [("bash", "5.3"), ("nano", "7")]
        assert programs(record, "host-1") == [("vim", "9")]
        assert holders(record, "bash") == {"host-0": ("5.3",)}
        assert holders(record, "nano") == {"host-0": ("7",)}


def test_the_past_knows_it_too(engine: Engine) -> None:
    engine.tell(
        report(0, 0, "bash=5.1"),
        report(1, 60),
        report(1, 80, "bash=4"),
        report(0, 90, "curl=8", key="k2"),
    )
    expected = {
        30: ({"host-0": ("5.1",)}, [("bash", "5.1")]),
        70: ({"host-0": ("5.1",)}, [("bash", "5.1")]),
        85: ({"host-0": ("5.1",), "host-1": ("4",)}, [("bash", "5.1")]),
        95: ({"host-1": ("4",)}, [("curl", "8")]),
    }
    for hours, (held, mine) in expected.items():
        at = START + hours * HOUR
        for as_of, known_at in ((at, None), (None, at), (at, at)):
            with opened(engine.record, as_of, known_at, engine.now) as then:
                past = cast("Record", then)
                assert programs(past, "host-0") == mine
                (title,) = [t for t in past.view.titles() if t.name == "bash"]
                found = past.view.holders_of(title.id)
                names = {row.id: row.name for row in past.view.all_assets("Computer")}
                assert {names[asset]: versions for asset, versions in found.items()} == held


def test_the_last_word_of_a_stretch_is_the_one_that_values_are_read_by(engine: Engine) -> None:
    rng = random.Random(3)
    ledger, spoken = engine.record.ledger, Spoken(engine.record._db)
    packs: list[bytes] = []
    for number in range(40):
        key = RecordKey(Source("agent", "one"), "site", f"k{number}")
        with engine.record.transaction(START):
            row = ledger.heard(key, START, full=False)
            packs = packs or [
                b"",
                *(
                    ledger.intern([Programs("deb", tuple(f"{n}\t1" for n in names))])
                    for names in (("bash",), ("bash", "curl"))
                ),
            ]
        for _ in range(8):
            at, body = START + rng.randrange(12) * HOUR, rng.choice(packs)
            said = StoredSection(body, bytes([9 - packs.index(body)]), at, at)
            with engine.record.transaction(START):
                known = ledger.section(row.id, _PROGRAMS)
                if known is not None and known.digest == said.digest:
                    ledger.confirm(row.id, _PROGRAMS, at)
                elif known is None or at >= known.confirmed_at:
                    ledger.put_section(row.id, _PROGRAMS, said)
                else:
                    ledger.put_late(row.id, _PROGRAMS, said)
        for since, until in combinations(range(14), 2):
            begins, ends = START + since * HOUR, START + until * HOUR
            link = LinkRow(row.id, AssetId(1), "", {}, begins, START, None, ends, ends)
            word = section_before(ledger, row.id, _PROGRAMS, ends)
            counts = word is not None and max(word.observed_at, word.confirmed_at) >= begins
            expected = {p.name for p, _ in ledger.unpack(word.body)} if word and counts else set()
            found = spoken.said(link, {row.id: row}, NOW)
            assert {p.name for p in engine.record.history.describe(found.tolist())} == expected


def test_a_reader_that_follows_says_what_the_words_say(
    engines: Callable[[], Engine], tmp_path: Path
) -> None:
    rng = random.Random(7)
    engine = engines()
    reader = open_record(tmp_path / "record-0.db", readonly=True)
    ended = 0
    for turn in range(60):
        machine, key = rng.randrange(3), rng.choice(("k1", "k2"))
        held = [f"{n}={rng.randrange(3)}" for n in rng.sample(("bash", "curl", "vim"), 2)]
        said = held if rng.random() < 0.7 else []
        arrived = (START + timedelta(hours=12 * turn)).isoformat()
        at = max(0, 12 * turn - rng.choice((0, 0, 0, 60)))
        engine.tell(report(machine, at, *said, key=key, arrived=arrived))
        expected = by_words(engine.record)
        ended += sum(1 for asset in expected if _speaks_on(engine.record, asset))
        for record in (engine.record, reader):
            found = {a: tuple(record.view.installed(a)) for a in expected}
            assert {a: {(p.name, p.version) for p in told} for a, told in found.items()} == expected
            for title in record.view.titles():
                told = record.view.holders_of(title.id)
                by_title = {
                    a: tuple(sorted(v for n, v in pairs if n == title.name))
                    for a, pairs in expected.items()
                }
                assert told == {a: versions for a, versions in by_title.items() if versions}
    assert ended > 20
    reader.close()


def by_words(record: SqliteRecord) -> dict[AssetId, set[tuple[str, str]]]:
    """What each machine has, by the words of those who speak for it, as values are read."""
    found: dict[AssetId, set[tuple[str, str]]] = {}
    for asset in record.view.all_assets("Computer"):
        links = record.ledger.linked(asset.id)
        rows = record.ledger.records(link.record for link in links)
        found[asset.id] = set()
        for link in speaking(links, rows):
            account = account_of(record.ledger, rows[link.record], link)
            section = (
                record.ledger.section(link.record, _PROGRAMS)
                if link.until is None
                else section_before(record.ledger, link.record, _PROGRAMS, link.until)
            )
            assert account.since == link.since
            begun = link.until is not None or link.since > rows[link.record].first_at
            if section is None or (
                begun and max(section.observed_at, section.confirmed_at) < link.since
            ):
                continue
            found[asset.id] |= {
                (each.name, each.version) for each, _ in record.ledger.unpack(section.body)
            }
    return found


def _speaks_on(record: SqliteRecord, asset: AssetId) -> bool:
    links = record.ledger.linked(asset)
    return bool(links) and all(link.until is not None for link in links)


def test_who_reads_on_forgets_what_an_erased_scope_said(
    engine: Engine, reader: SqliteRecord
) -> None:
    engine.tell(
        report(0, 0, "bash=5.1", scope="lab"),
        report(1, 40, "bash=5.2", scope="lab"),
        report(2, 40, "bash=5.3", key="k2", instance="k2"),
    )
    assert holders(reader, "bash") == {
        "host-0": ("5.1",), "host-1": ("5.2",), "host-2": ("5.3",)
    }  # fmt: skip
    assert engine.pipeline.erase_scope("lab", engine.now) == 1
    assets, _ = reader.view._holder_pages.holders(
        [release.id for title in reader.view.titles_named("bash")
         for release in reader.view.releases_of(title.id)]
    )  # fmt: skip
    left = {int(asset) for asset in assets}
    assert left == {engine.find("host-2").id}
    assert holders(reader, "bash") == {"host-2": ("5.3",)}
