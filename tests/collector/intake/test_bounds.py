"""What is bounded is bounded wherever it lies in a message: in maps, lists and lists of lists."""

from collections.abc import Callable

import pytest

from collector.bounds import OutOfBounds, bound
from stocktake.v1.intake_pb2 import Item
from stocktake.v1.observation_pb2 import Observation

LONG = "x" * 5_000


def programs(said: Observation, entries: bytes, count: int) -> None:
    body = said.sections.add().programs
    body.package_system, body.count, body.entries = "deb", count, entries
    body.hashes = b"".join(n.to_bytes(8, "little") for n in range(count))


def address(said: Observation, text: str) -> None:
    body = said.sections.add().network_interfaces
    body.interfaces.add(name="eth0").addresses.add(address="10.0.0.1")
    body.interfaces.add(name="eth1").addresses.add(address=text)


def value(said: Observation, text: str, name: str = "b") -> None:
    values = said.sections.add().attributes.values
    values["a"].text = "plain"
    values[name].text = text


def fraction(said: Observation, number: float) -> None:
    said.sections.add().attributes.values["a"].real = number


def booted(said: Observation, seconds: int) -> None:
    said.sections.add().operating_system.booted_at.seconds = seconds


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda said: address(said, LONG), "address is longer than 4096 bytes"),
        (lambda said: value(said, LONG), "text is longer than 4096 bytes"),
        (lambda said: value(said, "", "\x01"), "key holds a control character"),
        (lambda said: value(said, "", "x" * 201), "key is longer than 200 bytes"),
        (lambda said: fraction(said, float("nan")), "real is not a number"),
        (lambda said: booted(said, 2**50), "an instant lies outside the years 1 to 9999"),
        (lambda said: programs(said, b"a\nb", 2), "not 2 lines"),
        (lambda said: programs(said, b"a\nb\nc\n", 2), "not 2 lines"),
        (lambda said: programs(said, b"a\nb", 1), "not 1 lines"),
        (lambda said: programs(said, b"x" * 4_097 + b"\n", 1), "longer than 4096 bytes"),
        (lambda said: programs(said, b"a\n" + b"x" * 4_097 + b"\n", 2), "longer than 4096 bytes"),
        (lambda said: programs(said, b"a\rb\n", 1), "an entry holds a control character"),
        (lambda said: programs(said, b"a\x7fb\n", 1), "an entry holds a control character"),
        (lambda said: programs(said, b"a\xffb\n", 1), "an entry is not UTF-8"),
    ],
)
def test_what_is_out_of_bounds_is_found(make: Callable[[Observation], None], reason: str) -> None:
    item = Item()
    make(item.observation)
    with pytest.raises(OutOfBounds, match=reason):
        bound(item)


def test_what_is_in_bounds_passes_and_control_characters_are_replaced() -> None:
    item = Item()
    said = item.observation
    address(said, "10.0.\x020.2")
    value(said, "a\x01b")
    fraction(said, 1.5)
    booted(said, 1_000)
    programs(said, b"name\t1.0\tamd64\n" + b"x" * 4_096 + b"\n" + "é\n".encode(), 3)
    programs(said, b"", 0)
    bound(item)
    assert (
        said.sections[0].network_interfaces.interfaces[1].addresses[0].address == "10.0.\ufffd0.2"
    )
    assert said.sections[1].attributes.values["b"].text == "a\ufffdb"
