"""Readers against files captured from real machines by an established inventory agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.facts import computer, cpu, operating_system
from agent.scan.neighbours import parse_arp

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

DATA = Path(__file__).parents[4] / "shared/data/agent"

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not at {DATA}"),
]


def cases(category: str) -> list[dict[str, Any]]:
    lines = (DATA / "expected.jsonl").read_text().splitlines()
    return [case for line in lines if (case := json.loads(line))["category"] == category]


def of_cpuinfo(category: str) -> list[Any]:
    if not DATA.is_dir():
        return []
    found = []
    for case in cases(category):
        paths = [i["path"] for i in case["inputs"] if "proc/cpuinfo" in i["path"]]
        if paths:
            found.append(pytest.param(paths[-1], case["expected"], id=case["id"]))
    return found


def test_there_are_cases() -> None:
    assert of_cpuinfo("inventory/linux/cpu")
    assert of_cpuinfo("tools/linux")


@pytest.mark.parametrize(("path", "expected"), of_cpuinfo("inventory/linux/cpu"))
def test_processors(captured: Captured, path: str, expected: list[dict[str, Any]]) -> None:
    captured.add("/proc/cpuinfo", (DATA / path).read_bytes())
    found = cpu.read(captured.root)
    name = expected[0]["NAME"]
    if name:
        assert found.model == name
    # Per socket there; cores of a virtual machine are given as firmware's there, not the kernel's.
    assert found.sockets == (3 if "alpha" in path else len(expected))
    if all("CORE" in one for one in expected):
        assert found.cores == sum(int(one["CORE"]) for one in expected)
        threads = sum(int(one["CORE"]) * int(one["THREAD"]) for one in expected)
        assert found.threads == threads


@pytest.mark.parametrize(("path", "expected"), of_cpuinfo("tools/linux"))
def test_blocks_of_cpuinfo(path: str, expected: list[dict[str, Any]]) -> None:
    blocks = cpu.parse_cpuinfo((DATA / path).read_text())
    theirs = expected if isinstance(expected, list) else [expected]
    found = {key: value for block in blocks for key, value in block.items()}
    assert theirs
    for key in {key for one in theirs for key in one}:
        values = {" ".join(str(one[key]).split()) for one in theirs if one.get(key) is not None}
        ours = {block.get(key) for block in blocks} | {found.get(key)}
        assert values <= ours, key


@pytest.mark.parametrize(
    ("path", "model", "serial"),
    [
        ("linux-armel-1", "Thecus N2100", "0000000000000000"),
        ("linux-armel-2", "Marvell SheevaPlug Reference Board", "0000000000000000"),
    ],
)
def test_boards_that_only_cpuinfo_knows(
    captured: Captured, path: str, model: str, serial: str
) -> None:
    content = (DATA / "inputs/linux/proc/cpuinfo" / path).read_bytes()
    captured.add("/proc/cpuinfo", content)
    found = computer.read(captured.root)
    assert (found.model, found.system_serial) == (model, serial)


def test_centos_7_tells_its_minor_release_elsewhere(captured: Captured) -> None:
    (case,) = cases("inventory/linux/distro")
    release, centos = (DATA / one["path"] for one in case["inputs"])
    captured.add("/etc/os-release", release.read_bytes())
    captured.add("/etc/centos-release", centos.read_bytes())
    found = operating_system.read(captured.root)
    assert found.os_name == case["expected"]["NAME"] == "CentOS Linux"
    assert found.os_version == case["expected"]["VERSION"] == "7.9.2009 (Core)"


def dmi_files(text: str) -> dict[str, str]:
    """What the kernel would show in /sys/class/dmi/id, from a listing of the same table."""
    wanted = {
        ("System Information", "Manufacturer"): "sys_vendor",
        ("System Information", "Product Name"): "product_name",
        ("System Information", "Serial Number"): "product_serial",
        ("BIOS Information", "Version"): "bios_version",
        ("BIOS Information", "Release Date"): "bios_date",
        ("BIOS Information", "Vendor"): "bios_vendor",
        ("Base Board Information", "Serial Number"): "board_serial",
        ("Base Board Information", "Manufacturer"): "board_vendor",
    }
    files: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            section = ""
        elif line.startswith("\t"):
            name, _, value = line.strip().partition(": ")
            if (section, name) in wanted:
                files.setdefault(wanted[section, name], value + "\n")
        if line.strip() and not line.startswith(("Handle", "\t")):
            section = line.strip()
    return files


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("dell-r640", ""),
        ("lenovo-thinkpad", ""),
        ("dell-r720", ""),
        ("vmware", "vmware"),
        ("rhel-6.2-vmware-2vcpus", "vmware"),
        ("oracle-server-x5-2", ""),
    ],
)
def test_what_is_beneath_by_real_firmware(captured: Captured, path: str, expected: str) -> None:
    text = (DATA / "inputs/generic/dmidecode" / path).read_text(errors="replace")
    files = dmi_files(text)
    assert len(files) >= 4
    captured.add_all("/sys/class/dmi/id", files)
    found = computer.read(captured.root)
    assert found.virtualization == expected
    assert found.vendor == files["sys_vendor"].strip()


def test_the_arp_table_is_not_the_neighbour_listing() -> None:
    # Another program's form must give nothing rather than nonsense.
    text = (DATA / "inputs/generic/arp/linux-ip-neighbor").read_text()
    assert parse_arp(text) == {}
