"""Things with hardware of their own, real or virtual."""

from cmdb.model.classes.authority import MEASURED, STATED
from cmdb.model.declare import Attribute, CIClass, Key, KeyForm, Span, ValueType

_TEXT, _WHOLE, _INSTANT = ValueType.TEXT, ValueType.WHOLE, ValueType.INSTANT
_MEMORY = Span(1, 2**60)
_PROCESSORS = Span(1, 1_000_000)

DEVICE = CIClass(
    name="Device",
    plural="Devices",
    summary="A thing on the network of which no more is known",
    symbol="device",
    attributes=(
        Attribute(
            "name",
            _TEXT,
            "Name without a domain",
            MEASURED,
            normal="name",
            searched=True,
            column=True,
        ),
        Attribute(
            "fqdn",
            _TEXT,
            "Name with its domain",
            MEASURED,
            normal="name",
            searched=True,
            column=True,
        ),
        Attribute("vendor", _TEXT, "Maker", MEASURED, normal="vendor", searched=True, column=True),
        Attribute("model", _TEXT, "Model", MEASURED, normal="words", searched=True, column=True),
        Attribute(
            "system_serial",
            _TEXT,
            "Serial number of the system",
            MEASURED,
            normal="serial",
            searched=True,
        ),
        Attribute(
            "board_serial",
            _TEXT,
            "Serial number of the main board",
            MEASURED,
            normal="serial",
            searched=True,
        ),
        Attribute(
            "chassis_serial",
            _TEXT,
            "Serial number of the chassis",
            MEASURED,
            normal="serial",
            searched=True,
        ),
        Attribute("bios_uuid", _TEXT, "UUID of the system", MEASURED, normal="uuid", searched=True),
        Attribute(
            "machine_id", _TEXT, "Identifier of the installed system", MEASURED, normal="serial"
        ),
        Attribute(
            "instance_id",
            _TEXT,
            "Identifier that a cloud gave it",
            MEASURED,
            normal="serial",
            searched=True,
        ),
        Attribute(
            "asset_tag",
            _TEXT,
            "Asset tag in firmware or on a label",
            MEASURED,
            normal="serial",
            searched=True,
        ),
        Attribute(
            "os_name",
            _TEXT,
            "Operating system",
            MEASURED,
            normal="system",
            searched=True,
            column=True,
        ),
        Attribute(
            "os_version",
            _TEXT,
            "Version of the operating system",
            MEASURED,
            normal="words",
            column=True,
        ),
        Attribute("kernel_version", _TEXT, "Release of the kernel", MEASURED),
        Attribute(
            "booted_at", _INSTANT, "When the system was last started", MEASURED, normal="instant"
        ),
        Attribute(
            "installed_at", _INSTANT, "When the system was installed", MEASURED, normal="instant"
        ),
        Attribute("timezone", _TEXT, "Time zone", MEASURED),
        Attribute("bios_version", _TEXT, "Version of the firmware", MEASURED),
        Attribute("bios_date", _TEXT, "Release date of the firmware", MEASURED),
        Attribute("chassis_type", _TEXT, "Form, in the words of SMBIOS", MEASURED, normal="words"),
        Attribute(
            "memory_bytes",
            _WHOLE,
            "Installed memory",
            MEASURED,
            unit="byte",
            normal="bytes",
            span=_MEMORY,
            column=True,
        ),
        Attribute("cpu_model", _TEXT, "Processor", MEASURED, normal="words"),
        Attribute(
            "cpu_sockets",
            _WHOLE,
            "Sockets with a processor",
            MEASURED,
            unit="socket",
            normal="number",
            span=_PROCESSORS,
        ),
        Attribute(
            "cpu_cores",
            _WHOLE,
            "Cores of all sockets",
            MEASURED,
            unit="core",
            normal="number",
            span=_PROCESSORS,
            column=True,
        ),
        Attribute(
            "cpu_threads",
            _WHOLE,
            "Threads of all cores",
            MEASURED,
            unit="thread",
            normal="number",
            span=_PROCESSORS,
        ),
        Attribute("architecture", _TEXT, "Processor architecture", MEASURED),
        Attribute("virtualization", _TEXT, "Hypervisor or container engine beneath", MEASURED),
        Attribute(
            "owner", _TEXT, "Who answers for it", STATED, normal="words", searched=True, column=True
        ),
        Attribute(
            "location", _TEXT, "Where it stands", STATED, normal="words", searched=True, column=True
        ),
        Attribute(
            "environment", _TEXT, "production, test ...", STATED, normal="words", column=True
        ),
        Attribute("description", _TEXT, "What it is for", STATED, normal="words", searched=True),
    ),
    keys=(
        # An observer runs on one machine: its loopback is that machine.
        Key("observer", KeyForm.OBSERVER),
        Key("instance_id", KeyForm.ATTRIBUTE, "instance_id", "serial", single=True),
        Key("bios_uuid", KeyForm.ATTRIBUTE, "bios_uuid", "uuid", single=True),
        Key(
            "system_serial",
            KeyForm.ATTRIBUTE,
            "system_serial",
            "serial",
            single=True,
            kin=("board_serial",),
        ),
        Key("board_serial", KeyForm.ATTRIBUTE, "board_serial", "serial", kin=("system_serial",)),
        Key("mac", KeyForm.MAC),
        # Belongs to what is installed, which can move to other hardware.
        Key("machine_id", KeyForm.ATTRIBUTE, "machine_id", "serial"),
        Key("local_mac", KeyForm.LOCAL_MAC, sole=False, scoped=True),
        Key("asset_tag", KeyForm.ATTRIBUTE, "asset_tag", "serial", sole=False),
        Key("name", KeyForm.NAME, "name", "name", sole=False),
        # Who holds an address now is whom a scan sees there; see reconcile/sightings.py.
        Key("address", KeyForm.ADDRESS, sole=False, scoped=True),
    ),
)
COMPUTER = CIClass(
    "Computer",
    "Computers",
    "A machine that runs an operating system",
    extends=DEVICE,
    symbol="computer",
)
VIRTUAL_MACHINE = CIClass(
    "VirtualMachine",
    "Virtual machines",
    "A machine that a hypervisor makes",
    extends=COMPUTER,
    symbol="vm",
)
CONTAINER = CIClass(
    "Container",
    "Containers",
    "A set of processes shut off from its host",
    extends=COMPUTER,
    symbol="container",
)
NETWORK_DEVICE = CIClass(
    "NetworkDevice",
    "Network devices",
    "A switch, router, firewall or access point",
    extends=DEVICE,
    symbol="switch",
)
PRINTER = CIClass("Printer", "Printers", "A printer or copier", extends=DEVICE, symbol="printer")
PHONE = CIClass("Phone", "Phones", "A telephone or tablet", extends=DEVICE, symbol="phone")
STORAGE = CIClass(
    "Storage",
    "Storage systems",
    "A disk array, filer or tape library",
    extends=DEVICE,
    symbol="storage",
)
ENCLOSURE = CIClass(
    "Enclosure",
    "Enclosures",
    "A chassis that holds blades or modules",
    extends=DEVICE,
    symbol="enclosure",
    houses=True,
)

CLASSES = (
    DEVICE,
    COMPUTER,
    VIRTUAL_MACHINE,
    CONTAINER,
    NETWORK_DEVICE,
    PRINTER,
    PHONE,
    STORAGE,
    ENCLOSURE,
)
