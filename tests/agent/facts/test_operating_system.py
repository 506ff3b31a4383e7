"""The system that runs, its clocks and its names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.facts import host, operating_system
from agent.facts.host import HostName
from agent.facts.operating_system import OperatingSystem, parse_os_release

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured


def test_a_debian(captured: Captured) -> None:
    captured.add(
        "/usr/lib/os-release",
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n'
        'VERSION_ID="12"\nVERSION="12 (bookworm)"\nID=debian\n',
    )
    captured.link("/etc/os-release", "../usr/lib/os-release")
    captured.add("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
    captured.add("/proc/stat", "cpu 1 2 3\nbtime 1760000000\n")
    captured.add("/usr/share/zoneinfo/Europe/Berlin", "TZif")
    captured.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
    assert operating_system.read(captured.root) == OperatingSystem(
        os_name="Debian GNU/Linux",
        os_version="12 (bookworm)",
        kernel_version="6.1.0-18-amd64",
        booted_at=datetime(2025, 10, 9, 8, 53, tzinfo=UTC),
        installed_at=None,
        timezone="Europe/Berlin",
    )


@pytest.mark.parametrize("seconds", [1759999990, 1760000000, 1760000009])
def test_a_small_step_of_the_clock_moves_no_boot(captured: Captured, seconds: int) -> None:
    captured.add("/proc/stat", f"btime {seconds}\n")
    found = operating_system.read(captured.root).booted_at
    assert found == datetime(2025, 10, 9, 8, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NAME=Fedora\n", {"NAME": "Fedora"}),
        ("NAME='Arch Linux'\n#VERSION=1\n", {"NAME": "Arch Linux"}),
        ('NAME="a \\"b\\""\n', {"NAME": 'a "b"'}),
        ('NAME="never closed\n', {"NAME": "never closed"}),
        ("no assignment\n=x\n1A=2\n", {}),
        ('NAME="a\tb"\n', {"NAME": "a b"}),
    ],
)
def test_os_release_in_all_its_forms(text: str, expected: dict[str, str]) -> None:
    assert parse_os_release(text) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/etc/hostname": "# mine\nweb1\n"}, HostName("web1", None)),
        ({"/etc/hostname": "web1.example.org\n"}, HostName("web1", "web1.example.org")),
        ({"/etc/hostname": "old\n", "/proc/sys/kernel/hostname": "new\n"}, HostName("new", None)),
        ({"/etc/hostname": "web1\n", "/etc/hosts": "::1 web1.localdomain web1\n"},
         HostName("web1", None)),
        ({"/etc/hostname": "web1\n", "/etc/hosts": "10.0.0.1 web1 web1.example.org # x\n"},
         HostName("web1", "web1.example.org")),
        ({"/etc/hostname": "web1\n", "/etc/hosts": "10.0.0.1 web10.example.org web10\n"},
         HostName("web1", None)),
        ({}, HostName(None, None)),
    ],
)  # fmt: skip
def test_names(captured: Captured, files: dict[str, str], expected: HostName) -> None:
    for path, content in files.items():
        captured.add(path, content)
    assert host.read(captured.root) == expected
