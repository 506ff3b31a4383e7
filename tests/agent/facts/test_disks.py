"""Block devices of a captured system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.facts import disks
from agent.facts.disks import Disk

if TYPE_CHECKING:
    from tests.agent.facts.conftest import Captured

MOUNTINFO = """\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
23 22 8:2 /var/lib/x /srv/bind rw - ext4 /dev/sda2 rw
24 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw
25 22 0:40 /@ /mnt/with\\040blank rw - btrfs /dev/mapper/data-vol rw
26 22 0:21 / /proc rw - proc proc rw
broken
"""


def add_disk(captured: Captured, name: str, number: str, sectors: int, **files: str) -> str:
    folder = f"/sys/devices/x/block/{name}"
    captured.add_all(folder, {"dev": number + "\n", "size": f"{sectors}\n", **files})
    captured.link(f"/sys/block/{name}", f"../devices/x/block/{name}")
    return folder


def test_a_captured_servers_disks(captured: Captured) -> None:
    sda = add_disk(
        captured, "sda", "8:0", 1000,
        **{"device/vendor": "ATA     \n", "device/model": "INTEL SSDSC2KB48\n",
           "queue/rotational": "0\n"},
    )  # fmt: skip
    captured.add(f"{sda}/device/vpd_pg80", b"\0\x80\0\x0aBTYF1234  ")
    captured.add_all(f"{sda}/sda1", {"dev": "8:1", "size": "100", "partition": "1"})
    captured.add_all(f"{sda}/sda2", {"dev": "8:2", "size": "800", "partition": "2"})
    captured.add_all(f"{sda}/sda-something", {"size": "1"})
    add_disk(
        captured, "dm-0", "253:0", 500,
        **{"dm/name": "data-vol\n", "dm/uuid": "LVM-abc\n", "slaves/sda2/dev": "8:2",
           "queue/rotational": "1"},
    )  # fmt: skip
    add_disk(captured, "md0", "9:0", 400, **{"md/level": "raid1"})
    add_disk(captured, "loop0", "7:0", 0)
    add_disk(captured, "loop1", "7:1", 8, **{"loop/backing_file": "/snap/x.snap"})
    add_disk(captured, "ram0", "1:0", 8192)
    add_disk(captured, "sr0", "11:0", 2097151, **{"device/type": "5\n"})
    add_disk(captured, "vdb", "254:16", 8, **{"device/vendor": "0x1af4", "serial": "ABC"})
    captured.add("/proc/self/mountinfo", MOUNTINFO)
    captured.add("/run/udev/data/b9:0", "S:disk/by-id/md\nE:ID_FS_TYPE=xfs\nE:ID_SERIAL_SHORT=m0\n")
    captured.add("/proc/swaps", "Filename Type Size Used Priority\n/dev/loop1 partition 8 0 -2\n")
    found = disks.read(captured.root)
    assert found is not None
    assert found.disks == (
        Disk(
            "dm-0",
            "lvm",
            "sda2",
            256000,
            None,
            None,
            None,
            rotational=True,
            filesystem="btrfs",
            mount_points=("/mnt/with blank",),
        ),
        Disk("loop1", "loop", None, 4096, None, None, None, None, "swap", ("[SWAP]",)),
        Disk("md0", "raid", None, 204800, None, None, "m0", None, "xfs", ()),
        Disk(
            "sda",
            "disk",
            None,
            512000,
            "ATA",
            "INTEL SSDSC2KB48",
            "BTYF1234",
            rotational=False,
            filesystem=None,
            mount_points=(),
        ),
        Disk("sda1", "part", "sda", 51200, None, None, None, None, "vfat", ("/boot/efi",)),
        Disk("sda2", "part", "sda", 409600, None, None, None, None, "ext4", ("/",)),
        Disk("sr0", "rom", None, 2097151 * 512, None, None, None, None, None, ()),
        Disk("vdb", "disk", None, 4096, None, None, "ABC", None, None, ()),
    )


def disks_of(captured: Captured) -> tuple[Disk, ...]:
    found = disks.read(captured.root)
    assert found is not None
    return found.disks


def test_the_old_table_of_mounts_names_devices(captured: Captured) -> None:
    add_disk(captured, "sda", "8:0", 1)
    captured.add("/proc/mounts", "/dev/sda / ext3 rw 0 0\n")
    (found,) = disks_of(captured)
    assert (found.filesystem, found.mount_points) == ("ext3", ("/",))


def test_a_part_shown_elsewhere_counts_where_nothing_else_is(captured: Captured) -> None:
    add_disk(captured, "sda", "8:0", 1)
    captured.add("/proc/self/mountinfo", "1 0 8:0 /ostree/deploy / rw - xfs /dev/sda rw\n")
    (found,) = disks_of(captured)
    assert found.mount_points == ("/",)


def test_none_seen_is_not_none_there(captured: Captured) -> None:
    assert disks.read(captured.root) is None
    (captured.folder / "sys/block").mkdir(parents=True)
    assert disks.read(captured.root) == disks.Disks(())
