"""Hardware and identity: firmware, processors, memory, what is beneath."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from agent.facts import computer, smbios
from agent.facts.smbios import Component

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

DMI = {
    "sys_vendor": "Dell Inc.\n",
    "product_name": "PowerEdge R640\n",
    "product_serial": "2RJF153\n",
    "product_uuid": "4c4c4544-0052-4a10-8046-b2c04f313533\n",
    "board_serial": ".2RJF153.CNIVC0099.\n",
    "chassis_serial": "\n",
    "chassis_asset_tag": "To Be Filled By O.E.M.\n",
    "chassis_type": "23\n",
    "bios_version": "2.6.4\n",
    "bios_date": "04/09/2020\n",
}


def cpuinfo(*, flags: str = "fpu") -> str:
    blocks = [
        f"processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) CPU\n"
        f"physical id\t: {n % 2}\ncore id\t: {n // 4}\nflags\t: {flags}\n"
        for n in range(8)
    ]
    return "\n".join(blocks)


def test_a_server_by_its_firmware(captured: Captured) -> None:
    captured.add_all("/sys/class/dmi/id", DMI)
    captured.add("/proc/cpuinfo", cpuinfo())
    captured.add("/proc/meminfo", "MemTotal:       16315092 kB\n")
    captured.add("/proc/sys/kernel/arch", "x86_64\n")
    captured.add("/proc/sys/kernel/hostname", "db1\n")
    captured.add("/etc/hosts", "127.0.1.1 db1.example.org db1\n")
    captured.add("/etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    root = captured.root
    assert computer.read(root) == computer.Computer(
        name="db1",
        fqdn="db1.example.org",
        vendor="Dell Inc.",
        model="PowerEdge R640",
        system_serial="2RJF153",
        board_serial=".2RJF153.CNIVC0099.",
        chassis_serial="",
        bios_uuid="4c4c4544-0052-4a10-8046-b2c04f313533",
        machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
        asset_tag="To Be Filled By O.E.M.",
        instance_id=None,
        bios_version="2.6.4",
        bios_date="04/09/2020",
        chassis_type="Rack Mount Chassis",
        memory_bytes=16315092 * 1024,
        cpu_model="Intel(R) Xeon(R) CPU",
        cpu_sockets=2,
        cpu_cores=4,
        cpu_threads=8,
        architecture="x86_64",
        virtualization="",
    )
    assert root.complaints == ()


def test_an_empty_root_says_nothing_and_complains_of_nothing(captured: Captured) -> None:
    root = captured.root
    found = computer.read(root)
    assert found.virtualization == ""
    assert {v for k, v in vars(found).items() if k != "virtualization"} == {None}
    assert root.complaints == ()


def test_the_kernels_topology_goes_before_cpuinfo(captured: Captured) -> None:
    captured.add("/proc/cpuinfo", cpuinfo())
    for n in range(4):
        captured.add_all(
            f"/sys/devices/system/cpu/cpu{n}/topology",
            {"core_cpus_list": f"{n // 2 * 2}-{n // 2 * 2 + 1}\n", "package_cpus_list": "0-3\n"},
        )
    captured.add("/sys/devices/system/cpu/cpu9/online", "0\n")
    found = computer.read(captured.root)
    assert (found.cpu_sockets, found.cpu_cores, found.cpu_threads) == (1, 2, 4)


def test_an_arm_board_by_its_device_tree(captured: Captured) -> None:
    captured.add("/proc/device-tree/model", b"Raspberry Pi 4 Model B Rev 1.4\0")
    captured.add("/proc/device-tree/compatible", b"raspberrypi,4-model-b\0brcm,bcm2711\0")
    captured.add("/proc/device-tree/serial-number", b"10000000abcdef01\0")
    captured.add(
        "/proc/cpuinfo",
        "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
        "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n",
    )
    found = computer.read(captured.root)
    assert found.vendor == "raspberrypi"
    assert found.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.system_serial == "10000000abcdef01"
    assert found.cpu_model == "Cortex-A72"
    assert (found.cpu_sockets, found.cpu_threads) == (1, 2)


def test_architecture_of_a_system_that_does_not_run(captured: Captured) -> None:
    captured.link("/bin", "usr/bin")
    captured.add("/usr/bin/sh", b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 183) + bytes(40))
    assert computer.read(captured.root).architecture == "aarch64"


def test_memory_by_what_the_kernel_has_online(captured: Captured) -> None:
    captured.add("/proc/meminfo", "MemTotal: 1000 kB\n")
    captured.add("/sys/devices/system/memory/block_size_bytes", "8000000\n")
    for n, online in enumerate("1101"):
        captured.add(f"/sys/devices/system/memory/memory{n}/online", online)
    assert computer.read(captured.root).memory_bytes == 3 * 0x8000000


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": "", "/.dockerenv": ""}, "podman"),
        ({"/proc/1/environ": b"PATH=/bin\0container=lxc\0"}, "lxc"),
        ({"/run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"/proc/1/cgroup": "0::/kubepods/burstable/pod1\n"}, "kubernetes"),
        ({"/proc/sys/kernel/osrelease": "5.15.0-microsoft-standard-WSL2\n"}, "wsl"),
        ({"/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "vmware"),
        ({"/sys/class/dmi/id/product_name": "VirtualBox\n"}, "oracle"),
        ({"/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
          "/sys/class/dmi/id/product_name": "Virtual Machine\n"}, "microsoft"),
        ({"/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
          "/sys/class/dmi/id/product_name": "Surface Go 2\n"}, ""),
        ({"/sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
          "/sys/class/dmi/id/product_name": "m5.metal\n"}, ""),
        ({"/sys/class/dmi/id/sys_vendor": "QEMU\n"}, "qemu"),
        ({"/sys/class/dmi/id/sys_vendor": "QEMU\n",
          "/sys/devices/system/clocksource/clocksource0/available_clocksource":
              "kvm-clock tsc\n"}, "kvm"),
        ({"/sys/hypervisor/type": "xen\n"}, "xen"),
        ({"/sys/hypervisor/type": "xen\n", "/proc/xen/capabilities": "control_d\n"}, ""),
        ({"/proc/cpuinfo": cpuinfo(flags="fpu hypervisor")}, "vm-other"),
        ({"/proc/cpuinfo": cpuinfo()}, ""),
    ],
)  # fmt: skip
def test_what_is_beneath(captured: Captured, files: dict[str, str | bytes], expected: str) -> None:
    for path, content in files.items():
        captured.add(path, content)
    assert computer.read(captured.root).virtualization == expected


def test_a_cloud_instance_by_the_boards_tag(captured: Captured) -> None:
    captured.add("/sys/class/dmi/id/board_asset_tag", "i-0abc1234\n")
    assert computer.read(captured.root).instance_id == "i-0abc1234"


def structure(kind: int, area: bytes, *strings: str) -> bytes:
    body = bytes([kind, len(area) + 4]) + b"\0\0" + area
    texts = b"".join(s.encode() + b"\0" for s in strings) or b"\0"
    return body + texts + b"\0"


def memory_device(size: int, extended_mib: int = 0) -> bytes:
    area = bytearray(0x22 - 4)
    struct.pack_into("<H", area, 0x0C - 4, size)
    for offset, index in ((0x10, 1), (0x17, 2), (0x18, 3), (0x1A, 4)):
        area[offset - 4] = index
    struct.pack_into("<I", area, 0x1C - 4, extended_mib)
    return structure(17, bytes(area), "DIMM_A1", "Micron", "18AB34CD", "18ASF2G72PDZ")


def test_memory_modules_one_by_one(captured: Captured) -> None:
    table = (
        structure(0, bytes(20))
        + memory_device(16384)
        + memory_device(0)
        + memory_device(0x7FFF, 65536)
        + structure(127, b"")
        + memory_device(16384)
    )
    captured.add("/sys/firmware/dmi/tables/DMI", table)
    found = smbios.read(captured.root)
    assert found is not None
    assert found.components == (
        Component("memory", "DIMM_A1", "Micron", "18ASF2G72PDZ", "18AB34CD", 16 << 30),
        Component("memory", "DIMM_A1", "Micron", "18ASF2G72PDZ", "18AB34CD", 64 << 30),
    )
    assert computer.read(captured.root).memory_bytes == 80 << 30


@pytest.mark.parametrize("table", [b"\x11", b"\x11\x01\0\0\0\0", b"\x11\x20\0\0" + b"x" * 40])
def test_a_broken_firmware_table_is_read_as_far_as_it_makes_sense(
    captured: Captured, table: bytes
) -> None:
    captured.add("/sys/firmware/dmi/tables/DMI", table)
    assert smbios.read(captured.root) == smbios.Components(())
