"""Where messages may go: what Apprise would read as something else, and link-local in disguise."""

import socket

import pytest

from cmdb.alerts.address import check
from cmdb.alerts.errors import ChannelRefused


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/,file:///tmp/x",
        "json://127.0.0.1/;FILE:///tmp/x",
        "json://127.0.0.1/?a=b,;json://169.254.169.254/",
        "json://127.0.0.1/ file:///tmp/x",
        "x+file:///tmp/x",
        "x:file:///tmp/x",
    ],
)
def test_what_apprise_would_read_as_other_addresses_is_refused(url: str) -> None:
    with pytest.raises(ChannelRefused):
        check(url, allow_link_local=True)


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1/a,b;c", "mailto://h/?to=a@x.example,b@x.example"]
)
def test_one_address_with_commas_is_one(url: str) -> None:
    check(url, allow_link_local=False)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254.",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b::169.254.1.1]",
        "[::ffff:169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1]",
    ],
)
@pytest.mark.parametrize("address", ["json://{}/", "slack://{}/", "mailto://h/?smtp={}"])
def test_link_local_is_refused_however_it_is_written(host: str, address: str) -> None:
    if "smtp" in address:
        host = host.strip("[]")
    with pytest.raises(ChannelRefused, match="link-local"):
        check(address.format(host), allow_link_local=False)
    check(address.format(host), allow_link_local=True)


@pytest.mark.parametrize("host", ["[64:ff9b::8.8.8.8]", "[::ffff:10.0.0.1]", "127.0.0.1."])
def test_others_in_the_same_forms_are_allowed(host: str) -> None:
    check(f"json://{host}/", allow_link_local=False)


@pytest.mark.parametrize("scheme", ["json", "ifttt", "zulip"])
def test_names_are_looked_up_whatever_the_scheme(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(host: str, _port: None, flags: int = 0) -> list[tuple[object, ...]]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        assert host == "metadata.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    check(f"{scheme}://metadata.example./", allow_link_local=False)
    with pytest.raises(ChannelRefused, match="link-local"):
        check(f"{scheme}://metadata.example./", allow_link_local=False, resolve=True)
