"""Addresses in their shortest form are read without ipaddress, and mean what it says they do."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.account import is_local, normal_address


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str))
def test_it_is_local_where_ipaddress_says_so(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert normal_address(f"{address}/24") == address or ":" in address
    assert is_local(address) is (
        parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified
    )


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.255", "169.254.0.1", "224.0.0.1", "239.255.255.255", "0.0.0.0"],
)
def test_local(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["126.255.255.255", "169.253.255.255", "223.255.255.255", "240.0.0.1", "0.0.0.1"]
)
def test_not_local(address: str) -> None:
    assert not is_local(address)


@given(st.text("0123456789./ ", max_size=20))
def test_what_is_no_address_is_none(written: str) -> None:
    try:
        expected = str(ipaddress.ip_address(written.partition("/")[0].strip()))
    except ValueError:
        expected = None
    assert normal_address(written) == expected


@pytest.mark.parametrize(
    "written", ["10.0.0.256", "10.0.0", "\u0661\u0660.0.0.1", "10.0.0.01", "10.0.0.1.2"]
)
def test_odd_ones(written: str) -> None:
    assert normal_address(written) is None
