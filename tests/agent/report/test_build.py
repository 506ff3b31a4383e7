"""Facts into observations: hashes, columns, what is absent and what is empty."""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from agent.errors import NotCollected
from agent.facts import (
    computer,
    connections,
    disks,
    interfaces,
    listening,
    operating_system,
    programs,
    registry,
    smbios,
    users,
)
from agent.facts.programs import Program, Programs
from agent.facts.registry import TABLES, Table
from agent.facts.root import Root
from agent.report import build
from agent.report.build import (
    build_observation,
    delta,
    seal_section,
    section_hashes,
    section_name,
)
from agent.report.fill import fill
from agent.report.programs import difference, entry, fill_programs, hash_of, outline, rows
from agent.report.readable import readable_observation
from stocktake.v1 import observation_pb2 as pb

WHEN = datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
FACTS = {
    "computer": computer.Computer,
    "operating_system": operating_system.OperatingSystem,
    "network_interfaces": interfaces.NetworkInterfaces,
    "disks": disks.Disks,
    "components": smbios.Components,
    "programs": programs.Programs,
    "listening_services": listening.ListeningServices,
    "connections": connections.Connections,
    "users": users.Users,
}


def observe(root: Root, **how: Any) -> tuple[pb.Observation, tuple[str, ...]]:
    return build_observation(
        root, source_instance="obs-a", scope="site", native_key="obs-a", observed_at=WHEN, **how
    )


@pytest.fixture
def sysroot(tmp_path: Path) -> Path:
    files = {
        "etc/hostname": "web1\n",
        "etc/os-release": 'NAME="Debian GNU/Linux"\nVERSION="12 (bookworm)"\n',
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
        "proc/net/tcp": "head\n",
        "var/lib/dpkg/status": (
            "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n\n"
            "Package: apt\nStatus: install ok installed\nVersion: 2.6\nArchitecture: amd64\n"
            "Maintainer: APT <x@y>\nInstalled-Size: 4\n"
        ),
    }
    root = tmp_path / "sysroot"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.section)
def test_each_tables_facts_are_fields_of_its_message(table: Table) -> None:
    message = pb.Section.DESCRIPTOR.fields_by_name[table.section].message_type
    if table.section != "programs":  # Programs travel in columns of their own.
        check_fields(FACTS[table.section], message)
    returned = typing.get_type_hints(table.read)["return"]
    assert FACTS[table.section] in (returned, *typing.get_args(returned))


def check_fields(facts: type, message: Descriptor | None) -> None:
    assert message is not None
    hints = typing.get_type_hints(facts)
    assert hints
    for name, hint in hints.items():
        assert name in message.fields_by_name, f"{message.name} has no field {name}"
        for inner in inside(hint):
            if dataclasses.is_dataclass(inner):
                check_fields(inner, message.fields_by_name[name].message_type)


def inside(hint: Any) -> list[type]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is tuple:
        return [i for each in typing.get_args(hint) if each is not ... for i in inside(each)]
    return [hint]


def test_each_section_has_one_table() -> None:
    assert len({table.section for table in TABLES}) == len(TABLES) == len(FACTS)


def test_the_frame_of_an_observation(sysroot: Path) -> None:
    found, complaints = observe(Root(sysroot))
    assert found.source == pb.Source(kind="agent", instance="obs-a")
    assert (found.scope, found.native_key, getattr(found, "class")) == ("site", "obs-a", "Computer")
    assert found.full
    assert found.observed_at.ToDatetime(UTC) == WHEN
    assert complaints == ()
    assert [section_name(s) for s in found.sections] == [
        "computer", "operating_system", "programs", "listening_services", "connections", "users",
    ]  # fmt: skip


def test_every_hash_is_that_of_its_body(sysroot: Path) -> None:
    found, _ = observe(Root(sysroot))
    assert found.sections
    for section in found.sections:
        body = getattr(section, section_name(section))
        content = body.SerializeToString(deterministic=True)
        assert section.content_hash == hashlib.sha256(content).digest()
        assert section.state == pb.SECTION_STATE_FULL


def test_absent_and_empty_are_two_things(sysroot: Path) -> None:
    found, _ = observe(Root(sysroot))
    sections = {section_name(s): s for s in found.sections}
    assert "disks" not in sections
    assert sections["listening_services"].HasField("listening_services")
    assert not sections["listening_services"].listening_services.services
    assert not sections["computer"].computer.HasField("vendor")
    assert sections["computer"].computer.HasField("virtualization")
    assert sections["computer"].computer.virtualization == ""


def test_only_allowed_sections_are_looked_at(sysroot: Path) -> None:
    found, _ = observe(Root(sysroot), sections=frozenset({"computer", "users"}))
    assert [section_name(s) for s in found.sections] == ["computer", "users"]
    none, _ = observe(Root(sysroot), sections=frozenset())
    assert not none.sections


def test_this_machine_twice_has_the_same_hashes() -> None:
    # Other programs open and close connections while this runs.
    sections = frozenset(table.section for table in TABLES) - {"connections", "listening_services"}
    first, _ = observe(Root(), sections=sections)
    second, _ = observe(Root(), sections=sections)
    assert section_hashes(first)
    assert section_hashes(first) == section_hashes(second)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )


def test_only_what_changed_travels(sysroot: Path) -> None:
    before, _ = observe(Root(sysroot))
    held = section_hashes(before)
    (sysroot / "etc/hostname").write_text("web2\n")
    after, _ = observe(Root(sysroot))
    shorter = delta(after, held)
    states = {section_name(s): s.state for s in shorter.sections}
    assert states.pop("computer") == pb.SECTION_STATE_FULL
    assert set(states.values()) == {pb.SECTION_STATE_UNCHANGED}
    assert len(states) == 5
    for section in shorter.sections:
        if section.state == pb.SECTION_STATE_UNCHANGED:
            assert getattr(section, section_name(section)).ByteSize() == 0
            assert section.content_hash == held[section_name(section)]
    assert shorter.full
    # What was given stays whole: it is what is kept until the collector has acknowledged.
    assert {s.state for s in after.sections} == {pb.SECTION_STATE_FULL}
    assert delta(after, {}) == after


def test_what_could_not_be_looked_at_is_said(
    sysroot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Root) -> None:
        raise NotCollected("permission denied reading /x; run as root")

    tables = (Table("components", "Components", closed), *TABLES)
    monkeypatch.setattr(build, "TABLES", tables)
    found, complaints = observe(Root(sysroot))
    first = found.sections[0]
    assert section_name(first) == "components"
    assert first.state == pb.SECTION_STATE_NOT_COLLECTED
    assert first.reason == "permission denied reading /x; run as root"
    assert not first.HasField("content_hash")
    assert complaints == ("permission denied reading /x; run as root",)
    assert "components" not in section_hashes(found)
    assert delta(found, {"components": b""}).sections[0] == first


def test_programs_travel_in_columns() -> None:
    body = pb.Programs()
    facts = Programs(
        "deb",
        (
            Program("bash", "5.2", "amd64", "A\tB\nC", date(2025, 3, 1)),
            Program("apt", "2.6", "amd64", "", None),
            Program("x", "1", "", "", None),
        ),
    )
    assert fill_programs(body, facts) == ()
    lines = body.entries.decode().split("\n")
    assert lines.pop() == ""
    assert set(lines) == {
        "bash\t5.2\tamd64\tA B C", "apt\t2.6\tamd64", "x\t1",
    }  # fmt: skip
    assert body.count == 3
    assert len(body.hashes) == 24
    numbers = [int.from_bytes(body.hashes[n : n + 8], "little") for n in (0, 8, 16)]
    assert numbers == sorted(numbers)
    for number, line in zip(numbers, lines, strict=True):
        digest = hashlib.blake2b(line.encode(), digest_size=8).digest()
        assert number == int.from_bytes(digest, "little") == hash_of(line)
    assert {row["name"] for _, row in rows(body)} == {"bash", "apt", "x"}
    days = {row["name"]: row.get("install_date") for _, row in rows(body)}
    assert days == {"bash": "2025-03-01", "apt": None, "x": None}


def _programs(*packages: tuple[str, str], day: date | None = None) -> pb.Observation:
    said = pb.Observation()
    programs = tuple(Program(name, version, "amd64", "", day) for name, version in packages)
    fill_programs(said.sections.add().programs, Programs("deb", programs))
    seal_section(said.sections[0])
    return said


def test_of_many_programs_what_differs_travels() -> None:
    many = [(f"package-{number}", "1") for number in range(100)]
    before = _programs(*many)
    after = _programs(*many[2:], ("package-1", "2"), ("new", "7"))
    (held,), (whole,) = before.sections, after.sections
    outlines = {held.content_hash: outline(held.programs)}
    (section,) = delta(after, section_hashes(before), outlines).sections
    assert section.state == pb.SECTION_STATE_CHANGED
    assert (section.base_hash, section.content_hash) == (held.content_hash, whole.content_hash)
    body = section.programs
    assert sorted(body.entries.split(b"\n")) == [b"", b"new\t7\tamd64", b"package-1\t2\tamd64"]
    gone = {hash_of("package-0\t1\tamd64"), hash_of("package-1\t1\tamd64")}
    assert {int.from_bytes(body.gone[n : n + 8], "little") for n in (0, 8)} == gone
    assert body.whole_hash == hashlib.blake2b(whole.programs.hashes, digest_size=8).digest()


def test_programs_with_another_day_are_named_again() -> None:
    before = _programs(("bash", "5.2"), ("zsh", "5.9"))
    after = pb.Programs()
    later = Program("zsh", "5.9", "amd64", "", date(2026, 1, 2))
    fill_programs(after, Programs("deb", (Program("bash", "5.2", "amd64", "", None), later)))
    changed = difference(after, outline(before.sections[0].programs))
    assert changed is not None
    assert (changed.entries, list(changed.installed_days)) == (b"zsh\t5.9\tamd64\n", [20455])
    assert changed.gone == b""


def test_a_damaged_outline_sends_all() -> None:
    body = _programs(("bash", "5.2")).sections[0].programs
    known = outline(body)
    assert difference(body, known) is not None
    for damaged in (b"", known[:-1], known + b"x", b"\xff" * 40):
        assert difference(body, damaged) is None


def test_two_programs_with_one_hash_are_not_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.report.programs.hash_of", lambda _: 7)
    body = pb.Programs()
    one, other = (Program(name, "1", "all", "", None) for name in ("one", "other"))
    complaints = fill_programs(body, Programs("deb", (one, one, other)))
    assert complaints == ("the program other was left out: its hash is taken.",)
    assert body.entries == b"one\t1\tall\n"
    assert body.count == 1


def test_no_programs_are_an_empty_list() -> None:
    body = pb.Programs()
    fill_programs(body, Programs("deb", ()))
    assert body.HasField("entries")
    assert (body.count, body.hashes, body.entries) == (0, b"", b"")


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\rb", "a\u2028b", "a\x85b", "a\0b"])
def test_an_entry_is_one_line(text: str) -> None:
    line = entry(Program(text, "1", "all", "", None))
    assert line == "a b\t1\tall"


def test_lists_have_an_end_and_it_is_said() -> None:
    body = pb.Users()
    many = users.Users(tuple(users.User(f"u{n:05}", str(n), None) for n in range(12)))
    assert fill(body, many, 10) == ("only 10 of 12 users were kept.",)
    assert len(body.users) == 10


def test_long_and_broken_texts_are_cut_to_valid_utf8() -> None:
    body = pb.Users()
    fill(body, users.Users((users.User("é" * 5000, "\udcff", None),)), 10)
    assert body.users[0].name == "é" * 2048
    assert body.users[0].identifier == "?"


def test_the_readable_form_says_the_same(sysroot: Path) -> None:
    found, complaints = observe(Root(sysroot))
    document: Any = readable_observation(found, complaints)
    sections = document["sections"]
    assert document["class"] == "Computer"
    assert document["observed_at"] == "2026-05-01T12:00:00.250Z"
    assert list(sections) == [section_name(s) for s in found.sections]
    assert sections["computer"]["name"] == "web1"
    assert len(sections["computer"]["content_hash"]) == 64
    assert sections["listening_services"]["services"] == []
    entries = sections["programs"]["entries"]
    assert [e["hash"] for e in entries] == sorted(
        (e["hash"] for e in entries), key=lambda h: int.from_bytes(bytes.fromhex(h), "little")
    )
    (apt,) = (e for e in entries if e["name"] == "apt")
    assert apt.pop("hash")
    assert apt == {
        "name": "apt", "version": "2.6", "architecture": "amd64", "publisher": "APT",
    }  # fmt: skip
    shorter: Any = readable_observation(delta(found, section_hashes(found)))
    assert {s["state"] for s in shorter["sections"].values()} == {"SECTION_STATE_UNCHANGED"}
    assert all(set(s) == {"state", "content_hash"} for s in shorter["sections"].values())


def test_the_registry_is_one_tuple() -> None:
    assert isinstance(registry.TABLES, tuple)
