"""Which machines have a program, and in which versions."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cmdb.model.observation import (
    Extent,
    Observation,
    Programs,
    RecordKey,
    Section,
    SectionKind,
    Source,
)
from cmdb.query.programs import UnknownProgram, VersionRange, program_holders
from cmdb.store.port import Record, View
from cmdb.store.sqlite.record import open_record
from reconcile.pipeline import Pipeline

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# Of every machine: package system and entries.
ESTATE: dict[str, dict[str, tuple[str, ...]]] = {
    "alpha": {
        "deb": (
            "openssl\t3.0.9-1\tamd64",
            "openssl\t3.0.9-1\ti386",
            "curl\t7.88.1-10+deb12u5\tamd64",
        )
    },
    "beta": {"deb": ("openssl\t3.0.11-1~deb12u2\tamd64", "openssl\t1:1.0-1\tamd64")},
    "gamma": {"deb": ("openssl\t3.0.11-1\tamd64",), "pip": ("openssl\t0.9rc1",)},
    "delta": {"rpm": ("openssl\t1:3.0.7-27.el9\tx86_64\tRed Hat",)},
    "epsilon": {"pip": ("requests\t2.31.0",)},
}


def _machine(name: str) -> Observation:
    programs = tuple(Programs(system, entries) for system, entries in ESTATE[name].items())
    sections = {
        SectionKind.HEAD: Section(Extent.FULL, {"class": "Computer"}),
        SectionKind.COMPUTER: Section(
            Extent.FULL, {"name": name, "system_serial": f"SERIAL-OF-{name}"}
        ),
        SectionKind.PROGRAMS: Section(Extent.FULL, programs),
    }
    key = RecordKey(Source("agent", f"agent-{name}"), "hq", name)
    return Observation(key, NOW, NOW, full=True, sections=sections)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    record: Record = open_record(tmp_path_factory.mktemp("programs") / "record.db")
    Pipeline(record).apply([_machine(name) for name in ESTATE], NOW)
    yield record.view
    record.close()


def holders(view: View, name: str, **wanted: str) -> set[str]:
    found = program_holders(view, name, VersionRange(**wanted))
    assert found.total == len(found.machines)
    return {machine.name for machine in found.machines}


def test_everyone_who_has_it(view: View) -> None:
    assert holders(view, "openssl") == {"alpha", "beta", "gamma", "delta"}
    assert holders(view, " OpenSSL ") == {"alpha", "beta", "gamma", "delta"}
    assert holders(view, "curl") == {"alpha"}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        # A tilde is before the release; an epoch is after all without; rpm has its own order.
        ({"older_than": "3.0.11-1"}, {"alpha", "beta", "gamma"}),
        ({"older_than": "3.0.10"}, {"alpha", "gamma"}),
        ({"newer_than": "3.0.11-1"}, {"beta", "delta"}),
        ({"newer_than": "3.0.9-1", "older_than": "3.0.11-1"}, {"beta"}),
        ({"version": "3.0.11-01"}, {"gamma"}),
        ({"version": "1:3.0.7-27.el9"}, {"delta"}),
        ({"version": "0.9.rc.1"}, {"gamma"}),
        ({"older_than": "0"}, set()),
    ],
)
def test_versions_are_compared_as_their_package_system_does(
    view: View, wanted: dict[str, str], names: set[str]
) -> None:
    assert holders(view, "openssl", **wanted) == names


def test_counts_are_by_version_newest_first_and_of_all_pages(view: View) -> None:
    found = program_holders(view, "openssl", VersionRange(), limit=1)
    assert [(row.package_system, row.version, row.machines) for row in found.versions] == [
        ("deb", "1:1.0-1", 1),
        ("deb", "3.0.11-1", 1),
        ("deb", "3.0.11-1~deb12u2", 1),
        ("deb", "3.0.9-1", 1),
        ("pip", "0.9rc1", 1),
        ("rpm", "1:3.0.7-27.el9", 1),
    ]
    assert found.total == 4
    assert len(found.machines) == 1


def test_pages_hold_everyone_once(view: View) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = program_holders(view, "openssl", VersionRange(), after, 3)
        seen += [machine.name for machine in page.machines]
        after = page.cursor
        if after is None:
            break
    assert sorted(seen) == ["alpha", "beta", "delta", "gamma"]


def test_only_the_versions_that_were_asked_for_are_shown(view: View) -> None:
    found = program_holders(view, "openssl", VersionRange(newer_than="3.0.11-1"))
    beta = next(machine for machine in found.machines if machine.name == "beta")
    assert beta.versions == ("1:1.0-1",)


def test_an_unknown_program_names_those_that_are_alike(view: View) -> None:
    with pytest.raises(UnknownProgram, match=r"'ssl'; there are openssl$"):
        program_holders(view, "ssl", VersionRange())
    with pytest.raises(UnknownProgram, match=r"no program is called ''$"):
        program_holders(view, "", VersionRange())
