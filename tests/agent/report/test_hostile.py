"""A captured system may say anything: what comes out is an observation, or less of one."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.facts.root import Root
from agent.report.build import build_observation
from agent.report.readable import readable_observation
from stocktake.v1 import observation_pb2 as pb

HUGE = "9" * 30
ROW = "   0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 11 1\n"
FILES = {
    "etc/hostname": "web1\n",
    "etc/hosts": "10.0.0.1 web1.example.org web1\n",
    "etc/os-release": 'NAME="Debian"\nVERSION="12 (bookworm)"\nID=debian\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/machine-id": "3d1219c7c4c5404aaa1f6d2a48adfda4\n",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: X\nphysical id\t: 0\ncore id\t: 0\n",
    "proc/meminfo": "MemTotal: 1000 kB\n",
    "proc/stat": "btime 1760000000\n",
    "proc/swaps": "head\n/dev/sda1 partition 1 0 -2\n",
    "proc/self/mountinfo": "22 1 8:0 / / rw - ext4 /dev/sda rw\n",
    "proc/net/tcp": "head\n" + ROW,
    "proc/net/tcp6": "head\n" + ROW,
    "proc/net/fib_trie": "  |-- 10.0.4.17\n     /32 host LOCAL\n",
    "proc/net/route": "head\neth0\t0004000A\t00000000\t1\t0\t0\t0\t00FFFFFF\n",
    "proc/net/if_inet6": "fe800000000000000000000000000001 02 40 20 80 eth0\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/7/comm": "sshd\n",
    "proc/7/status": "Uid:\t0\t0\t0\t0\n",
    "proc/7/stat": "7 (sshd) S " + "0 " * 18 + "9 0\n",
    "run/udev/data/b8:0": "E:ID_SERIAL_SHORT=S\n",
    "sys/block/sda/dev": "8:0\n",
    "sys/block/sda/size": "1000\n",
    "sys/class/dmi/id/chassis_type": "3\n",
    "sys/class/dmi/id/sys_vendor": "Dell\n",
    "sys/class/net/eth0/ifindex": "2\n",
    "sys/class/net/eth0/mtu": "1500\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/eth0/type": "1\n",
    "sys/devices/system/cpu/cpu0/topology/core_cpus_list": "0\n",
    "sys/devices/system/cpu/cpu0/topology/package_cpus_list": "0\n",
    "sys/devices/system/memory/block_size_bytes": "8000000\n",
    "sys/devices/system/memory/memory0/online": "1\n",
    "sys/firmware/dmi/tables/DMI": "\x11\x20\0\0" + "\1" * 28 + "a\0b\0\0",
    "var/lib/dpkg/diversions": "/a\n/b\n:\n",
    "var/lib/dpkg/info/bash.list": "/bin/bash\n",
    "var/lib/dpkg/status": "Package: bash\nVersion: 1\nInstalled-Size: 4\n",
    "var/log/lastlog": "\0" * 292,
    "var/log/wtmp": "\7" + "\0" * 383,
}


def observe(files: dict[str, bytes]) -> tuple[pb.Observation, tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (Path(folder) / "proc/7/fd").mkdir(parents=True, exist_ok=True)
        (Path(folder) / "proc/7/fd/3").symlink_to("socket:[11]")
        (Path(folder) / "proc/7/exe").symlink_to("/bin/bash")
        return build_observation(
            Root(folder),
            source_instance="obs-a",
            scope="s",
            native_key="k",
            observed_at=datetime.now(UTC),
        )


def plain() -> dict[str, bytes]:
    return {name: content.encode("latin-1") for name, content in FILES.items()}


def test_the_system_as_it_is_has_every_section() -> None:
    found, complaints = observe(plain())
    assert len(found.sections) == 9
    assert complaints == ()


TOKENS = st.sampled_from(
    [b"-1", HUGE.encode(), b"0x", b"\xb2", "²".encode(), b"\xff", b"\0", b":", b"/", b" ", b"\n",
     b"\t", b"..", b"FFFFFFFF", b"18446744073709551616", b"nan", b"='", b"a" * 300]
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(FILES)),
    noise=st.lists(st.one_of(TOKENS, st.binary(max_size=20)), max_size=12),
    at=st.integers(0, 60),
    cut=st.integers(0, 30),
)
def test_no_file_can_stop_the_others(name: str, noise: list[bytes], at: int, cut: int) -> None:
    files = plain()
    before = files[name]
    files[name] = before[:at] + b"".join(noise) + before[at + cut :]
    found, complaints = observe(files)
    assert pb.Observation.FromString(found.SerializeToString()) == found
    assert len(found.sections) == 9
    readable_observation(found, complaints)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("etc/passwd", "a:x:²:0::/:/bin/sh\nb:x:" + "9" * 5000 + ":0::/:/bin/sh\n"),
        ("var/lib/dpkg/status", "Package: a\nVersion: 1\nInstalled-Size: ²\n"),
        ("proc/net/tcp", "head\n   0: 0100007F:FFFFFF 00000000:0 0A 0 0 0 0 0 1 1\n"),
        ("proc/stat", "btime 99999999999\n"),
        ("sys/class/net/eth0/mtu", "-5\n"),
        ("sys/block/sda/size", "99999999999999999999\n"),
        ("proc/7/stat", "7 (x) S " + "0 " * 18 + "² 0\n"),
    ],
)
def test_numbers_that_are_none(name: str, content: str) -> None:
    found, _ = observe({**plain(), name: content.encode()})
    assert len(found.sections) == 9


def test_a_number_out_of_range_is_left_out_and_said_so() -> None:
    found, complaints = observe({**plain(), "sys/class/net/eth0/mtu": b"-5\n"})
    assert complaints == ("mtu_bytes was left out: -5 is out of range.",)
    (adapter,) = next(s for s in found.sections if s.HasField("network_interfaces")) \
        .network_interfaces.interfaces  # fmt: skip
    assert not adapter.HasField("mtu_bytes")
