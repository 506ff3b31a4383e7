"""What makers print where no serial number was set identifies nothing, however it is written."""

from __future__ import annotations

import pytest

from reconcile.normalise.forms import serial, size_bytes, system

FILLERS = (
    "SYS-9876543210", "SN-12345", "SN-1234567890", "NB-1234567890", "X6X6X6", "(null string)",
    "Undefined", "Default_string", "Chassis SN", "Reserved", "0000-0000-0000-0000", "N.A.",
    "S.N.", "1-2-3-4-5-6-7-8-9", "ABABAB", "System_Serial_Number",
    "#VALUE!", "#REF!", "TRUE", "yes", "lost", "pending", "VM", "Notebook", "Phoenix", "ohne",
    "n.v.t.", "42", "2019-04-01", "1.4.2019", "ABCDEFGHIJ", "spare",
)  # fmt: skip
SERIALS = (
    "5CG1234XYZ",
    "MXL0123ABC",
    "PF3K7L9A",
    "C02XK0AAJG5H",
    "A1234",
    "13579",
    "ABAB12",
    "JHXYZWQ",
    "XWVTPQRSLM",
)


@pytest.mark.parametrize("written", FILLERS)
def test_a_filler(written: str) -> None:
    assert serial(written) is None
    assert serial(written.lower()) is None


@pytest.mark.parametrize("written", SERIALS)
def test_a_serial_number(written: str) -> None:
    assert serial(written) == written


@pytest.mark.parametrize(
    "written", ["16 GB", "16384 MB", "16,384 MB", "16 GiB", "16GB", "16,0 GB", "17179869184"]
)
def test_one_size_however_it_is_written(written: str) -> None:
    assert size_bytes(written) == size_bytes(16 * 2**30)
    assert size_bytes(written) != size_bytes("8 GB")


def test_one_system_however_it_is_called() -> None:
    told = ("Windows 10 Pro", "Microsoft Windows 10 Pro", "Microsoft\u00ae Windows(R) 10 Pro")
    assert {system(each) for each in told} == {"windows 10 pro"}
    assert system("Windows 10 Home") != system("Windows 10 Pro")
    assert system("Debian GNU/Linux") == system("Debian")
