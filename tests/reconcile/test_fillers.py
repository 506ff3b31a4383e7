"""What makers print where no serial number was set identifies nothing, however it is written."""

from __future__ import annotations

import pytest

from reconcile.normalise.forms import serial

FILLERS = (
    "SYS-9876543210", "SN-12345", "SN-1234567890", "NB-1234567890", "X6X6X6", "(null string)",
    "Undefined", "Default_string", "Chassis SN", "Reserved", "0000-0000-0000-0000", "N.A.",
    "S.N.", "1-2-3-4-5-6-7-8-9", "ABABAB", "System_Serial_Number",
)  # fmt: skip
SERIALS = ("5CG1234XYZ", "MXL0123ABC", "PF3K7L9A", "C02XK0AAJG5H", "A1234", "13579", "ABAB12")


@pytest.mark.parametrize("written", FILLERS)
def test_a_filler(written: str) -> None:
    assert serial(written) is None
    assert serial(written.lower()) is None


@pytest.mark.parametrize("written", SERIALS)
def test_a_serial_number(written: str) -> None:
    assert serial(written) == written
