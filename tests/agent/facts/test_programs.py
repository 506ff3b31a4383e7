"""Debian packages of a captured system, and which of them brought a file."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from agent.errors import NotCollected
from agent.facts import packages, programs
from agent.facts.packages import Package
from agent.facts.programs import Program
from agent.facts.root import Root

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured


def paragraph(name: str, status: str = "install ok installed", **fields: str) -> str:
    lines = {"Package": name, "Status": status, "Architecture": "amd64", "Version": "1.0-1"}
    return "".join(f"{k}: {v}\n" for k, v in (lines | fields).items()) + "\n"


STATUS = (
    paragraph(
        "bash", Version="5.2.15-2+b8", Maintainer='"Matthias Klose" <doko@debian.org>',
        **{"Installed-Size": "7175", "Description": "GNU shell\n Version: 9.9\n .\n more"},
    )
    + paragraph("held", "hold ok installed")
    + paragraph("gone", "deinstall ok config-files")
    + paragraph("never", "unknown ok not-installed")
    + paragraph("broken", "install reinstreq half-installed")
    + paragraph("waiting", "install ok triggers-pending")
    + paragraph("libc6", **{"Multi-Arch": "same"})
    + paragraph("libc6", Architecture="i386")
)  # fmt: skip


def programs_of(captured: Captured) -> tuple[Program, ...]:
    found = programs.read(captured.root)
    assert found is not None
    return found.programs


def names(captured: Captured) -> list[tuple[str, str]]:
    return [(p.name, p.architecture) for p in programs_of(captured)]


def test_what_is_installed_and_nothing_else(captured: Captured) -> None:
    captured.add("/var/lib/dpkg/status", STATUS)
    assert names(captured) == [
        ("bash", "amd64"),
        ("held", "amd64"),
        ("libc6", "amd64"),
        ("libc6", "i386"),
        ("waiting", "amd64"),
    ]


def test_one_package_whole(captured: Captured) -> None:
    captured.add("/var/lib/dpkg/status", STATUS)
    files = captured.add("/var/lib/dpkg/info/bash.list", "/bin/bash\n")
    when = datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()
    os.utime(files, (when, when))
    assert programs_of(captured)[0] == Program(
        "bash", "5.2.15-2+b8", "amd64", "Matthias Klose", date(2025, 3, 1)
    )


def test_an_image_without_a_shell_keeps_a_file_for_each(captured: Captured) -> None:
    text = "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"
    captured.add("/var/lib/dpkg/status.d/base-files", text)
    captured.add("/var/lib/dpkg/status.d/base-files.md5sums", "d41d8  /etc/x\n")
    assert names(captured) == [("base-files", "amd64")]


def test_what_dpkg_is_doing_now_goes_over_what_it_did(captured: Captured) -> None:
    captured.add("/var/lib/dpkg/status", paragraph("a") + paragraph("b"))
    captured.add("/var/lib/dpkg/updates/0000", paragraph("a", "deinstall ok config-files"))
    captured.add("/var/lib/dpkg/updates/0001", paragraph("c"))
    captured.add("/var/lib/dpkg/updates/tmp.i", paragraph("d"))
    assert names(captured) == [("b", "amd64"), ("c", "amd64")]


def test_no_dpkg_is_not_no_packages(captured: Captured) -> None:
    assert programs.read(captured.root) is None
    captured.add("/var/lib/dpkg/status", "")
    assert programs.read(captured.root) == programs.Programs("deb", ())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_database_is_said_to_be_closed(captured: Captured) -> None:
    captured.add("/var/lib/dpkg/status", STATUS).chmod(0)
    with pytest.raises(NotCollected, match="permission denied reading /var/lib/dpkg/status"):
        programs.read(captured.root)


@pytest.mark.parametrize(
    "text", ["", "\n\n\n", ":\n", "Package\nVersion: 1\n", "\0\0", "Package: x\n"]
)
def test_nonsense_gives_nothing(captured: Captured, text: str) -> None:
    captured.add("/var/lib/dpkg/status", text)
    assert programs_of(captured) == ()


@pytest.fixture
def owned(captured: Captured) -> Root:
    captured.add(
        "/var/lib/dpkg/status",
        "".join(paragraph(n) for n in ("ssh", "dash", "bash", "diverter", "mawk"))
        + paragraph("libc6", Version="2.36-9")
        + paragraph("libc6", Architecture="i386", Version="2.36-8"),
    )
    captured.add_all(
        "/var/lib/dpkg/info",
        {
            "ssh.list": "/usr/sbin\n/usr/sbin/sshd\n/usr/sbin/sshd2",
            "dash.list": "/bin\n/bin/sh\n/bin/dash\n",
            "bash.list": "/bin/bash\n",
            "diverter.list": "/bin/sh\n/usr/bin/awk\n",
            "mawk.list": "/usr/bin/awk\n",
            "libc6:amd64.list": "/lib64/ld.so\n",
            "libc6:i386.list": "/lib/ld.so\n",
            "ssh.md5sums": "/usr/bin/nothing\n",
        },
    )
    captured.add(
        "/var/lib/dpkg/diversions",
        "/bin/sh\n/bin/sh.distrib\ndiverter\n/usr/bin/mine\n/usr/bin/mine.orig\n:\n",
    )
    return captured.root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/sbin/sshd", Package("ssh", "1.0-1")),
        ("/usr/bin/bash", Package("bash", "1.0-1")),
        ("/bin/bash", Package("bash", "1.0-1")),
        ("/bin/sh", Package("diverter", "1.0-1")),
        ("/bin/sh.distrib", Package("dash", "1.0-1")),
        ("/usr/bin/sh", Package("diverter", "1.0-1")),
        ("/usr/bin/sh.distrib", Package("dash", "1.0-1")),
        ("/usr/bin/mine", None),
        ("/lib64/ld.so", Package("libc6", "2.36-9")),
        ("/usr/lib/ld.so", Package("libc6", "2.36-8")),
        ("/usr/sbin/ssh", None),
        ("/opt/own/server", None),
        ("relative", None),
    ],
)
def test_who_brought_a_file(owned: Root, path: str, expected: Package | None) -> None:
    assert packages.owners(owned, [path]).get(path) == expected
