"""What firmware says about the machine: SMBIOS strings that the kernel shows, or a device tree.

Values are as firmware writes them, placeholders included: which values identify nothing is for
the collector to know.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.facts.root import Root

_DMI = "/sys/class/dmi/id"
_TREES = ("/proc/device-tree", "/sys/firmware/devicetree/base")

# DMTF DSP0134 (SMBIOS), 7.4.1 System Enclosure or Chassis Types.
CHASSIS_TYPES = (
    "", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower",
    "Portable", "Laptop", "Notebook", "Hand Held", "Docking Station", "All in One", "Sub Notebook",
    "Space-saving", "Lunch Box", "Main Server Chassis", "Expansion Chassis", "SubChassis",
    "Bus Expansion Chassis", "Peripheral Chassis", "RAID Chassis", "Rack Mount Chassis",
    "Sealed-case PC", "Multi-system chassis", "Compact PCI", "Advanced TCA", "Blade",
    "Blade Enclosure", "Tablet", "Convertible", "Detachable", "IoT Gateway", "Embedded PC",
    "Mini PC", "Stick PC",
)  # fmt: skip


@dataclass(frozen=True)
class Firmware:
    """Identity of a machine by its firmware; None where it does not say or may not be read."""

    vendor: str | None = None
    model: str | None = None
    system_serial: str | None = None
    board_serial: str | None = None
    chassis_serial: str | None = None
    bios_uuid: str | None = None
    asset_tag: str | None = None
    bios_version: str | None = None
    bios_date: str | None = None
    chassis_type: str | None = None
    board_vendor: str | None = None
    board_asset_tag: str | None = None
    bios_vendor: str | None = None


def read(root: Root) -> Firmware:
    """Reads SMBIOS; where the machine has none, the device tree."""
    if root.names(_DMI):
        return _smbios(root)
    return _device_tree(root)


def _smbios(root: Root) -> Firmware:
    def said(name: str) -> str | None:
        return root.value(f"{_DMI}/{name}")

    return Firmware(
        vendor=said("sys_vendor"),
        model=said("product_name"),
        system_serial=said("product_serial"),
        board_serial=said("board_serial"),
        chassis_serial=said("chassis_serial"),
        bios_uuid=said("product_uuid"),
        asset_tag=said("chassis_asset_tag"),
        bios_version=said("bios_version"),
        bios_date=said("bios_date"),
        chassis_type=_chassis(root.number(f"{_DMI}/chassis_type")),
        board_vendor=said("board_vendor"),
        board_asset_tag=said("board_asset_tag"),
        bios_vendor=said("bios_vendor"),
    )


def _chassis(number: int | None) -> str | None:
    # The top bit tells of a lock.
    kind = None if number is None else number & 0x7F
    return CHASSIS_TYPES[kind] if kind and kind < len(CHASSIS_TYPES) else None


def _device_tree(root: Root) -> Firmware:
    for tree in _TREES:
        model = root.value(f"{tree}/model")
        if model is None:
            continue
        # "raspberrypi,4-model-b\0brcm,bcm2711\0": the maker stands before the comma.
        compatible = root.value(f"{tree}/compatible") or ""
        vendor = compatible.partition(",")[0] if "," in compatible else None
        return Firmware(
            vendor=vendor, model=model, system_serial=root.value(f"{tree}/serial-number")
        )
    return Firmware()
