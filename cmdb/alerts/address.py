"""Where messages may go, and how an address is shown: without its secrets.

Addresses are URLs as Apprise reads them. Local programs and files are no channel, and a server
that is made to speak to link-local addresses gives away its cloud's credentials.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, parse_qs, urlsplit

from cmdb.alerts.errors import ChannelRefused

_SCHEME = re.compile(r"[a-z0-9]{1,32}")
"""As Apprise reads it: of x+file:// and x:file:// it would take the file://."""
_SEVERAL = re.compile(r"[\s,;][a-z0-9]{1,32}://", re.IGNORECASE)
"""Where Apprise would begin another address, which nobody would have checked."""
_LONGEST = 4_096
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL = frozenset(
    {"file", "syslog", "dbus", "qt", "glib", "kde", "gnome", "macosx", "windows", "exec", "schan"}
)
"""Schemes that write files or start programs where the server runs."""
_HOSTED = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "http", "https",
     "apprise", "apprises", "gotify", "gotifys", "ntfy", "ntfys", "mmost", "mmosts", "rocket",
     "rockets", "matrix", "matrixs", "rsyslog", "mqtt", "mqtts", "hassio", "hassios", "nctalk",
     "nctalks", "ncloud", "nclouds", "kodi", "kodis", "xbmc", "emby", "embys", "boxcar"}
)  # fmt: skip
"""Schemes whose host is the host that is spoken to, and may be shown."""
_HOSTS_IN_QUERY = ("smtp", "host", "server")


def check(url: str, *, allow_link_local: bool, resolve: bool = False) -> None:
    """Refuses an address that messages may not be sent to.

    Args:
        url: The address.
        allow_link_local: Whether 169.254.0.0/16 and fe80::/10 are allowed.
        resolve: Whether names are looked up, as is done before each sending.

    Raises:
        ChannelRefused: It may not; the message says why, and no secret.
    """
    parts = _read(url)
    if parts.scheme in _LOCAL:
        raise ChannelRefused(f"{parts.scheme}:// writes or runs something on the server itself")
    if allow_link_local:
        return
    for host in _hosts(parts):
        # Where others have a host some schemes have a token: it is not told to name servers.
        is_name = parts.scheme in _HOSTED or "." in host
        for address in _addresses(host, look_up=resolve and is_name):
            if _is_link_local(address):
                raise ChannelRefused(
                    f"{host} is link-local, where clouds keep credentials; allow it by name if it"
                    " is meant"
                )


def masked(url: str) -> str:
    """The address as it may be shown: scheme and host, or the scheme alone."""
    parts = _split(url)
    if parts is None:
        return "***"
    if parts.scheme not in _HOSTED:
        return f"{parts.scheme}://***"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    secret = "***@" if "@" in parts.netloc else ""
    rest = "/***" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{secret}{shown}{port}{rest}"


def _read(url: str) -> SplitResult:
    """The parts of an address that Apprise reads as this one address, too."""
    if len(url) > _LONGEST or not url.isprintable() or any(char.isspace() for char in url):
        raise ChannelRefused("an address is one printable URL without spaces")
    if _SEVERAL.search(url):
        raise ChannelRefused("that is more than one address; add each as a channel of its own")
    parts = _split(url)
    if parts is None or not _begins(url, parts.scheme):
        raise ChannelRefused("no address such as mailtos://... or json://host:port/path")
    return parts


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.hostname
    except ValueError:
        return None
    return parts if parts.scheme else None


def _begins(url: str, scheme: str) -> bool:
    return bool(_SCHEME.fullmatch(scheme)) and url.lower().startswith(f"{scheme}://")


def _hosts(parts: SplitResult) -> tuple[str, ...]:
    """The host, and those that options name instead of it."""
    options = parse_qs(parts.query)
    named = [host for name in _HOSTS_IN_QUERY for host in options.get(name, ())]
    # The dot at the end of a name is its root: 169.254.169.254. is where it is without.
    bare = (host.strip().rstrip(".") for host in (parts.hostname, *named) if host)
    return tuple(host for host in bare if host)


def _addresses(host: str, *, look_up: bool) -> list[IPv4Address | IPv6Address]:
    """Addresses of a host; without a look-up only those that it writes, in whatever form."""
    flags = 0 if look_up else socket.AI_NUMERICHOST
    try:
        found = socket.getaddrinfo(host.partition("%")[0], None, flags=flags)
    except (OSError, UnicodeError):
        # No number, or a name that nobody knows: the sending itself says so.
        return []
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _is_link_local(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        return address.is_link_local or any(inner.is_link_local for inner in _inside(address))
    return address.is_link_local


def _inside(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, 6to4, NAT64 (RFC 6052)."""
    nat64 = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
    return [inner for inner in (address.ipv4_mapped, address.sixtofour, nat64) if inner]
