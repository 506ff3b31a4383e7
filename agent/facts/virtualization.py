"""What a machine runs in: a container engine or a hypervisor, in systemd's words; or nothing.

The nearest one counts: a container in a virtual machine is a container.
"""

from __future__ import annotations

from agent.facts.cpu import Processors
from agent.facts.dmi import Firmware
from agent.facts.root import Root

_CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"

# What stands in the control group or the marks of process 1, in the order to look.
_CONTAINER_WORDS = (
    ("libpod", "podman"), ("podman", "podman"), ("kubepods", "kubernetes"), ("docker", "docker"),
    ("containerd", "containerd"), ("lxc", "lxc"), ("systemd-nspawn", "systemd-nspawn"),
    ("machine.slice/machine-", "systemd-nspawn"), ("wsl", "wsl"),
)  # fmt: skip

# What hypervisors write into firmware. From detect-virt of systemd, and what clouds add.
_FIRMWARE_WORDS = (
    ("kvm", "kvm"), ("openstack", "kvm"), ("google compute engine", "google"),
    ("google", "google"), ("amazon ec2", "amazon"), ("qemu", "qemu"), ("vmware", "vmware"),
    ("vmw", "vmware"), ("innotek gmbh", "oracle"), ("virtualbox", "oracle"),
    ("xen", "xen"), ("bochs", "bochs"), ("parallels", "parallels"), ("bhyve", "bhyve"),
    ("hyper-v", "microsoft"), ("apple virtualization", "apple"),
)  # fmt: skip

_CLOCK_WORDS = (("kvm-clock", "kvm"), ("hyperv", "microsoft"), ("xen", "xen"))


def read(root: Root, firmware: Firmware, processors: Processors) -> str:
    """The engine's name; empty on bare metal."""
    return _container(root) or _hypervisor(root, firmware, processors)


def _container(root: Root) -> str:
    if root.exists("/run/.containerenv"):
        return "podman"
    if root.exists("/.dockerenv"):
        return "docker"
    if root.exists("/proc/vz") and not root.exists("/proc/bc"):
        return "openvz"
    if "microsoft" in (root.value("/proc/sys/kernel/osrelease") or "").lower():
        return "wsl"
    # Process 1's environment is closed to ordinary users, and to root in some sandboxes:
    # systemd repeats it in a file that all may read.
    said = root.value("/run/systemd/container", quiet=True) or _environment_of_init(root)
    return (
        _known(said, _CONTAINER_WORDS)
        or said
        or _known(root.text("/proc/1/cgroup", quiet=True) or "", _CONTAINER_WORDS)
    )


def _environment_of_init(root: Root) -> str:
    content = root.data("/proc/1/environ", quiet=True) or b""
    for variable in content.split(b"\0"):
        name, _, value = variable.partition(b"=")
        if name == b"container":
            return value.decode("utf-8", "replace")[:40]
    return ""


def _hypervisor(root: Root, firmware: Firmware, processors: Processors) -> str:
    clock = _known(root.value(_CLOCKS) or "", _CLOCK_WORDS)
    written = _by_firmware(firmware)
    if written:
        # QEMU writes its name whether or not the kernel beneath speeds it up.
        return "kvm" if written == "qemu" and clock == "kvm" else written
    if root.value("/sys/hypervisor/type") == "xen":
        # The first domain is the host itself.
        return "" if "control_d" in (root.value("/proc/xen/capabilities") or "") else "xen"
    beneath = root.value("/proc/device-tree/hypervisor/compatible") or ""
    if beneath:
        return "kvm" if "kvm" in beneath else "xen" if "xen" in beneath else "vm-other"
    return (clock or "vm-other") if processors.is_guest else ""


def _by_firmware(firmware: Firmware) -> str:
    words = (firmware.model, firmware.vendor, firmware.board_vendor, firmware.bios_vendor)
    # Microsoft and Amazon sell machines of their own; these names are only of guests or metal.
    if (firmware.vendor, firmware.model) == ("Microsoft Corporation", "Virtual Machine"):
        return "microsoft"
    if (firmware.model or "").endswith(".metal"):
        return ""
    for word in words:
        if engine := _known(word or "", _FIRMWARE_WORDS):
            return engine
    return ""


def _known(text: str, table: tuple[tuple[str, str], ...]) -> str:
    lowered = text.lower()
    return next((engine for word, engine in table if word in lowered), "")
