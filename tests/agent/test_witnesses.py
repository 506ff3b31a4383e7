"""`stocktake-agent show` on this machine against programs that others wrote.

A witness that says nothing proves nothing: each comparison first asks for rows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SECTIONS = ("computer", "network_interfaces", "disks", "programs", "listening_services")


def witness(*command: str) -> str:
    """What another program says; skipped where it is missing, which in CI is a failure."""
    if shutil.which(command[0]) is None:
        message = f"the witness {command[0]} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    return done.stdout


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A waiting socket of a process we know, so that there is one to find."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def shown(listener: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The sections that the agent shows, by a process of its own."""
    assert listener
    home = tmp_path_factory.mktemp("home") / "none"
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "--home", str(home), "show", "--json"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    document = json.loads(done.stdout)
    sections: dict[str, Any] = document["sections"]
    assert set(SECTIONS) <= set(sections)
    return sections


def test_every_package_agrees_with_dpkg_query(shown: dict[str, Any]) -> None:
    form = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n"
    lines = witness("dpkg-query", "-W", "-f", form).splitlines()
    expected = {tuple(line.split("\t")[1:]) for line in lines if line.split("\t")[0][1] in "iWtFU"}
    entries = shown["programs"]["entries"]
    ours = [(e["name"], e["version"], e["architecture"]) for e in entries]
    assert expected
    assert len(ours) == len(set(ours)) == shown["programs"]["count"]
    assert set(ours) == expected


def test_every_address_agrees_with_ip(shown: dict[str, Any]) -> None:
    expected = {}
    for link in json.loads(witness("ip", "-j", "addr")):
        if link.get("ifname"):
            mac = link.get("permaddr") or link.get("address") or ""
            addresses = {(a["local"], a["prefixlen"]) for a in link["addr_info"] if "local" in a}
            expected[link["ifname"]] = (mac.strip("0:") and mac, link["mtu"], addresses)
    ours = {
        i["name"]: (
            i["mac"],
            i["mtu_bytes"],
            {(a["address"], a["prefix_length"]) for a in i.get("addresses", [])},
        )
        for i in shown["network_interfaces"]["interfaces"]
    }
    assert any(addresses for _, _, addresses in expected.values())
    assert ours == expected


def plain(address: str) -> str:
    """IPv4 in IPv6 form is the same place as IPv4."""
    return address.removeprefix("::ffff:") if "." in address else address


def test_every_listening_port_agrees_with_ss(shown: dict[str, Any], listener: int) -> None:
    expected = {}
    for line in witness("ss", "-H", "-ltnp").splitlines():
        local = line.split()[3]
        address, _, port = local.rpartition(":")
        address = plain(re.sub(r"%.*", "", address.strip("[]")))
        process = re.search(r'users:\(\("([^"]+)"', line)
        key = ("::" if address == "*" else address, int(port))
        expected[key] = process[1] if process else None
    services = [s for s in shown["listening_services"]["services"] if s["protocol"] == "tcp"]
    ours = {(s["address"], s["port"]): s.get("process") for s in services}
    assert ("127.0.0.1", listener) in expected
    assert set(ours) == set(expected)
    assert ours["127.0.0.1", listener] == expected["127.0.0.1", listener] is not None
    # Several processes may share a socket: the witness names the last, we name the oldest.
    assert {key for key, p in ours.items() if p} == {key for key, p in expected.items() if p}


def test_our_own_process_is_named_with_program_and_user(
    shown: dict[str, Any], listener: int
) -> None:
    (service,) = (s for s in shown["listening_services"]["services"] if s["port"] == listener)
    assert service["executable"] == str(Path(sys.executable).resolve())
    assert service["process"] == Path("/proc/self/comm").read_text().strip()
    assert service["user"] == witness("id", "-un").strip()


def test_processors_agree_with_lscpu(shown: dict[str, Any]) -> None:
    def flat(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        for row in rows:
            yield row["field"].rstrip(":"), row.get("data") or ""
            yield from flat(row.get("children", []))

    said = dict(flat(json.loads(witness("lscpu", "-J"))["lscpu"]))
    computer = shown["computer"]
    assert computer["architecture"] == said["Architecture"]
    assert computer["cpu_model"] == " ".join(said["Model name"].split())
    sockets = int(said["Socket(s)"])
    assert computer["cpu_sockets"] == sockets
    assert computer["cpu_cores"] == sockets * int(said["Core(s) per socket"])
    assert computer["cpu_threads"] == sockets * int(said["Core(s) per socket"]) * int(
        said["Thread(s) per core"]
    )


def test_every_disk_agrees_with_lsblk(shown: dict[str, Any]) -> None:
    def flat(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            yield row
            yield from flat(row.get("children", []))

    columns = "NAME,TYPE,SIZE,ROTA,MOUNTPOINTS"
    tree = json.loads(witness("lsblk", "-J", "-b", "-o", columns))["blockdevices"]
    expected = {row["name"]: row for row in flat(tree)}
    ours = {disk["name"]: disk for disk in shown["disks"]["disks"]}
    if not expected:
        assert not ours
        pytest.skip("lsblk sees no block device here, and neither do we: nothing to compare")
    assert set(ours) == set(expected)
    for name, row in expected.items():
        assert ours[name]["size_bytes"] == row["size"]
        if row["type"] in ("disk", "part", "crypt", "lvm", "loop", "rom"):
            assert ours[name]["kind"] == row["type"]
        # The witness also lists parts of a file system that are shown once more (bind mounts).
        mounted = {point for point in row["mountpoints"] if point}
        assert set(ours[name].get("mount_points", [])) <= mounted
        assert bool(ours[name].get("mount_points")) == bool(mounted)


def test_memory_is_what_the_kernel_has_and_a_little_more(shown: dict[str, Any]) -> None:
    found = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert found
    usable_bytes = int(found[1]) * 1024
    assert usable_bytes <= shown["computer"]["memory_bytes"] < usable_bytes * 1.5
