"""Values that makers, firmware and hypervisors print when nothing was set: they identify nothing.

Compared in the normal form of their kind. From SMBIOS dumps of many makers and the stop-lists
that inventory systems publish; a value is here because machines that share it are known to be
different machines.
"""

import re

SERIALS = frozenset({
    "", "0", "00", "000", "0000", "00000", "000000", "0000000", "00000000", "000000000",
    "0000000000", "1", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789",
    "0123456789", "1234567890", "0123456789ABCDEF", "XXXXXXX", "XXXXXXXX", "XXXXXXXXXX",
    "PENDING", "PRIVATE", "PHOENIX", "NOTEBOOK", "DESKTOP", "MISSING", "ILLEGIBLE", "REDACTED",
    "NONE", "NULL", "NA", "N/A", "NAN", "TBD", "EMPTY", "BLANK", "UNKNOWN", "INVALID", "OEM",
    "DEFAULT", "DEFAULTSTRING", "TOBEFILLEDBYOEM", "TOBEFILLEDBYO.E.M.", "TOBEFILLEDBYO.E.M",
    "NOTSPECIFIED", "NOTAVAILABLE", "NOTAPPLICABLE", "NOTPRESENT", "NOTSET", "NOTDEFINED",
    "NOTSETTABLE", "NOTASSIGNED", "SYSTEMSERIALNUMBER", "SYSTEMSERIAL#", "SYSTEMSERIALNO",
    "SERIALNUMBER", "SERIAL", "SERNO", "SN", "S/N", "CHASSISSERIALNUMBER",
    "BASEBOARDSERIALNUMBER", "BASEBOARDSERIAL#", "BASESERIALNUMBER", "MBSERIALNUMBER",
    "MB-1234567890", "BSN12345678901234567", "BSS-0123456789", "SYS-1234567890",
    "SSN12345678901234567", "CHASSISSERIAL#", "EVAL", "PRODUCTNAME", "OEMSERIAL",
    "ASSETTAG", "ASSET-1234567890", "NOASSETTAG", "NOASSETINFORMATION", "ATN12345678901234567",
    "FILLBYOEM", "FFFFFFFF", "FFFFFFFFFFFFFFFF", "INTEL", "QEMU", "STANDARD", "SAMPLE", "TEST",
    "XXXX", "XXXXX", "XXXXXX", "....", ".", "..", "...", "-", "--", "---", "?", "#", "XYZ",
    "ABCD", "ABCDEF", "LOCALHOST", "VMWARE", "VIRTUAL", "VIRTUALBOX", "BOCHS", "XEN",
})  # fmt: skip

BARE_SERIALS = frozenset(re.sub(r"[^0-9A-Z]", "", each) for each in SERIALS) | {
    "NULLSTRING", "UNDEFINED", "RESERVED", "CHASSISSN", "SYSTEMSN", "BOARDSN", "IATPASS", "NIL",
    "DUMMY", "GENERIC", "NOSERIAL", "NOSERIALNUMBER", "NOTFOUND", "SERIALNO", "TBDBYOEM",
    "SYSTEMSERIAL", "PRODUCTSERIAL", "BOARDSERIAL", "MBSERIAL", "PCSERIAL", "BIOSSERIAL", "OEMSN",
    "OEM12345", "ALLSERIES", "UNKNOW", "UNKOWN", "UNSET", "MISSING", "NODATA", "TEMP", "CHANGEME",
    "ABC123", "A1B2C3D4", "123456789ABC", "0123456789AB", "0X00000000", "VIRTUALBOX0",
    "ND", "KA", "KEINE", "KEINER", "LEER", "UNBEKANNT", "INCONNU", "AUCUN", "DESCONOCIDO",
    "NINGUNO", "NESSUNO", "GEEN", "ONBEKEND", "SIEHEAUFKLEBER", "SEELABEL", "SEESTICKER",
    "MSI", "ASUS", "ASUSTEK", "GIGABYTE", "ASROCK", "BIOSTAR", "SUPERMICRO", "LENOVO", "DELL",
    "ACER", "LSI", "KVM", "GOOGLE", "AMAZONEC2", "PARALLELS", "OPENSTACKNOVA", "OVIRTNODE",
    "REDHAT",
}  # fmt: skip
"""The same without punctuation, and more words."""

SERIAL_PARTS = (
    "O.E.M", "BYOEM", "TOBEFILLED", "NOTSPEC", "NOTAVAIL", "NOTAPPLIC", "SERIALNUM", "SERNUM",
    "DEFAULTSTRING", "DEFAULTSERIAL", "DEFAULT_", "UNKNOWN", "INVALID", "NOASSET", "0123456789",
    "NOTSUPPORT", "NOTPROVIDED", "NOTFOUND", "UNSPECIFIED", "NONESPECIFIED", "OUTOFSPEC",
    "BADINDEX",
    "PRODUCTNAME", "PRODUCTCONFIG", "MANUFACTURER", "TOBEDEFINED", "PLACEHOLDER", "DEADBEEF",
)  # fmt: skip
"""What no serial number contains."""

UUIDS = frozenset({
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "11111111-1111-1111-1111-111111111111", "01234567-8910-1112-1314-151617181920",
    "12345678-1234-1234-1234-123456789012", "12345678-1234-5678-90ab-cddeefaabbcc",
    "00010203-0405-0607-0809-0a0b0c0d0e0f", "03000200-0400-0500-0006-000700080009",
    "01020304-0506-0708-090a-0b0c0d0e0f10", "fefefefe-fefe-fefe-fefe-fefefefefefe",
    "00000000-0000-0000-0000-000000000001", "a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0",
    "4c4c4544-0000-2010-8020-80c04f202020", "31303043-534d-2e45-2e41-2e4f2e4f2e4f",
    "76543210-0123-4567-89ab-cdef01234567", "58585858-5858-5858-5858-585858585858",
    "11223344-5566-7788-99aa-bbccddeeff00", "12345678-1234-1234-1234-123456789abc",
    "20202020-2020-2020-2020-202020202020", "e0e0e0e0-e0e0-e0e0-e0e0-e0e0e0e0e0e0",
})  # fmt: skip
"""In plain byte order; the normal form compares both."""

NAMES = frozenset({
    "", "localhost", "localhost.localdomain", "unknown", "none", "null", "raspberrypi", "ubuntu",
    "debian", "kali", "desktop", "laptop", "pc", "android", "iphone", "ipad", "host", "computer",
    "mypc", "user-pc", "admin-pc", "minint", "template", "printer",
})  # fmt: skip
"""Names that setup programs give to every machine."""

CONTAINER_MACS = "0242"
"""Prefix of those that container engines make, the same ones on every host."""

MAC_PREFIXES = (
    "00005e0001", "00005e0002",  # VRRP for IPv4 and IPv6 (RFC 9568)
    "00000c07ac", "00000c9ff", "0005732",  # HSRP versions 1 and 2 (00:05:73:a0:00-0f for IPv6)
    "0007b4",  # GLBP
    "01005e", "3333", "0180c2",  # multicast
    CONTAINER_MACS,
    "525400123456",  # the one QEMU hands out by default
    "00ff",  # TAP adapters of VPN drivers
    "005056c0000",  # VMware Workstation's networks on its host
    "0a0027",  # VirtualBox's network on its host
    "00059a3c7",  # Cisco AnyConnect
    "0250410000",  # GlobalProtect
    "02bf", "03bf",  # shared by the nodes of a Windows load-balancing cluster
)  # fmt: skip
"""Virtual routers, containers and drivers that bring the same address everywhere."""

MACS = frozenset({
    "", "000000000000", "ffffffffffff", "020000000000", "001122334455", "0123456789ab",
    "123456789abc", "aabbccddeeff", "deadbeefcafe", "204153594eff", "020054554e01",
    "020054746872", "00059a3c7800", "00090ffe0001", "00090faa0001", "444553544f53",
    "0c5b8f279a64", "582c80139263", "001e101f0000", "00a0c6000000",  # mobile broadband sticks
    "001c42000008", "001c42000009", "001c42000018", "001b17000110", "005345000000", "feffffffffff",
    "acde48001122", "888888888788", "00123456789a", "000000000001",
    "505054503030", "4445535454", "7a7f00000001", "02004c4f4f50", "00155d000000",
})  # fmt: skip
"""Loopback, dial-up and VPN adapters of common drivers."""

HYPERVISOR_MACS = ("525400", "00155d", "005056", "000c29", "00163e", "080027", "001c42")
"""Prefixes under which hypervisors hand out addresses; those with the local bit still count."""
