"""What a scan may look at: prefixes, checked against those that an administrator allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from agent.errors import NotAllowed, UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_ADDRESSES = 65_536
"""A scan of more is refused unless it is told to."""


def networks(prefixes: Iterable[str]) -> tuple[Network, ...]:
    """Prefixes as networks without overlaps, IPv4 first; a single address is a prefix too.

    Raises:
        UsageError: a text is no prefix, or there is none.
    """
    parsed = [_network(prefix) for prefix in prefixes]
    if not parsed:
        raise UsageError("no prefix to scan was given; name one, such as 10.0.4.0/24.")
    v4 = ipaddress.collapse_addresses(n for n in parsed if isinstance(n, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(n for n in parsed if isinstance(n, ipaddress.IPv6Network))
    return (*v4, *v6)


def admit(
    wanted: tuple[Network, ...], allowed: Iterable[str], most_addresses: int = MOST_ADDRESSES
) -> None:
    """Returns when all of `wanted` may be scanned.

    Raises:
        NotAllowed: a prefix is not inside an allowed one, or there are too many addresses.
    """
    permitted = networks(allowed) if (allowed := tuple(allowed)) else ()
    for network in wanted:
        if not any(_is_inside(network, one) for one in permitted):
            listed = ", ".join(str(one) for one in permitted) or "none"
            raise NotAllowed(
                f"{network} may not be scanned: it is not inside an allowed prefix ({listed}); "
                "an administrator can allow it on the collector."
            )
    count = address_count(wanted)
    if count > most_addresses:
        raise NotAllowed(
            f"{count} addresses are more than the {most_addresses} that one scan may try; "
            "name smaller prefixes."
        )


def addresses(wanted: tuple[Network, ...]) -> Iterator[IPAddress]:
    """The addresses to try: no network or broadcast address of an IPv4 network."""
    for network in wanted:
        yield from network.hosts()


def address_count(wanted: tuple[Network, ...]) -> int:
    """How many addresses `addresses` gives."""
    return sum(_host_count(network) for network in wanted)


def _host_count(network: Network) -> int:
    if network.max_prefixlen - network.prefixlen <= 1:
        return network.num_addresses
    # IPv6 has no broadcast; its first address is the routers' anycast.
    return network.num_addresses - (2 if isinstance(network, ipaddress.IPv4Network) else 1)


def _network(prefix: str) -> Network:
    try:
        return ipaddress.ip_network(prefix.strip(), strict=True)
    except ValueError as error:
        raise UsageError(f"{prefix!r} is not a prefix such as 10.0.4.0/24: {error}.") from error


def _is_inside(network: Network, other: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and network.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and network.subnet_of(other)
