"""Scans of loopback: what lives there, what it says, how a run ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.errors import NotAllowed, UsageError
from agent.report.build import section_name
from agent.scan import names, scope, voices
from agent.scan.job import TECHNIQUES, run_scan
from agent.scan.neighbours import parse_arp
from agent.scan.ports import PORTS, Voice, port
from agent.scan.sweep import Pace, Settings, Sweep
from agent.scan.voices import Said
from stocktake.v1 import intake_pb2 as pb
from stocktake.v1.observation_pb2 import SECTION_STATE_FULL, ListeningService, Observation

if TYPE_CHECKING:
    from tests.agent.scan.conftest import Services, Speak

ALLOWED = ["127.0.0.0/8", "::1/128"]
NO_NAMES = [one for one in TECHNIQUES if one != "names"]


def free_port() -> int:
    """A port where nobody waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
    return found


def scan(*prefixes: str, ports: list[int], **how: Any) -> list[pb.Item]:
    how.setdefault("techniques", NO_NAMES)
    return list(run_scan(prefixes, ALLOWED, "site", "obs-a", ports=ports, **how))


def found_in(items: list[pb.Item]) -> dict[str, Observation]:
    return {i.observation.native_key: i.observation for i in items if i.HasField("observation")}


def services_of(observation: Observation) -> list[ListeningService]:
    for section in observation.sections:
        if section.HasField("listening_services"):
            return list(section.listening_services.services)
    raise AssertionError("no section of services")


def greet(text: bytes) -> Speak:
    def speak(connection: socket.socket) -> None:
        connection.sendall(text)
        connection.recv(1)

    return speak


def swallow(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def answer_http(connection: socket.socket) -> None:
    if connection.recv(1024).startswith(b"HEAD / "):
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: nginx/1.22.1\r\n\r\n")


def test_a_whole_run_of_one_address(
    services: Services, tls_speaker: Speak, certificate: tuple[Path, bytes]
) -> None:
    ssh = services.start(greet(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nmore"))
    tls = services.start(tls_speaker)
    web = services.start(answer_http)
    closed = free_port()
    items = scan("127.0.0.1/32", ports=[ssh, tls, web, closed])
    start, seen, end = items
    assert start.run.state == pb.RUN_STATE_STARTED
    assert end.run.state == pb.RUN_STATE_COMPLETE
    assert start.run.run_id == end.run.run_id == seen.observation.run_id
    assert start.run.at.ToDatetime() <= end.run.at.ToDatetime()
    for item in (start.run, end.run, seen.observation):
        assert (item.source.kind, item.source.instance, item.scope) == ("scan", "obs-a", "site")
    assert list(end.run.covers.prefixes) == ["127.0.0.1/32"]
    observation = seen.observation
    assert observation.native_key == "127.0.0.1"
    assert getattr(observation, "class") == "Device"
    assert not observation.full  # Names were not looked up.
    for section in observation.sections:
        body = getattr(section, section_name(section))
        content = body.SerializeToString(deterministic=True)
        assert section.state == SECTION_STATE_FULL
        assert section.content_hash == hashlib.sha256(content).digest()
    heard = {service.port: service for service in services_of(observation)}
    assert list(heard) == sorted([ssh, tls, web])
    assert {s.address for s in heard.values()} == {"127.0.0.1"}
    assert heard[ssh].banner == "SSH-2.0-OpenSSH_9.2p1 Debian-2"
    assert heard[web].banner == "HTTP/1.0 200 OK nginx/1.22.1"
    assert heard[tls].tls_certificate_sha256 == hashlib.sha256(certificate[1]).hexdigest()
    assert heard[tls].tls_subject == "CN=web.example.org"
    assert heard[tls].tls_not_after.ToDatetime(UTC).isoformat() == "2030-01-02T03:04:05+00:00"


def test_an_address_that_refuses_lives_and_serves_nothing() -> None:
    found = found_in(scan("127.0.0.4/31", ports=[free_port()]))
    assert sorted(found) == ["127.0.0.4", "127.0.0.5"]
    for observation in found.values():
        assert services_of(observation) == []
        (adapters,) = (
            s.network_interfaces for s in observation.sections if s.HasField("network_interfaces")
        )
        (address,) = adapters.interfaces[0].addresses
        assert address.address == observation.native_key
        assert not address.HasField("prefix_length")


def test_ipv6(services: Services) -> None:
    number = services.start(greet(b"220 mail\r\n"), "::1")
    found = found_in(scan("::1", ports=[number]))
    assert services_of(found["::1"])[0].banner == "220 mail"


@contextlib.contextmanager
def deaf(address: str) -> Iterator[int]:
    """A port whose queue is full: the kernel answers nobody there."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind((address, 0))
        server.listen(0)
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield server.getsockname()[1]


class Watch:
    """Stops after so many questions."""

    def __init__(self, questions: int = 1 << 30) -> None:
        self.questions = questions
        self.told: list[int] = []

    def is_over(self) -> bool:
        self.questions -= 1
        return self.questions < 0

    def tell(self, done: int) -> None:
        self.told.append(done)


def test_silence_is_not_life() -> None:
    with deaf("127.0.0.9") as number:
        sweep = Sweep(Settings(ports=(number,), connect_wait_s=0.2), Watch())
        (found,) = asyncio.run(sweep.look(["127.0.0.9"]))
    assert not found.is_live
    assert sweep.tally.done == 1


def test_progress_goes_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    scan("127.0.0.0/28", ports=[free_port()], progress=lambda *step: told.append(step))
    assert told[-1] == (14, 14)
    assert told == sorted(told)


def test_a_cancelled_run_is_partial_and_keeps_what_it_found() -> None:
    told: list[int] = []
    items = scan(
        "127.0.0.0/24", ports=[free_port()], rate_per_s=2000,
        progress=lambda done, _: told.append(done), cancelled=lambda: bool(told),
    )  # fmt: skip
    assert items[-1].run.state == pb.RUN_STATE_PARTIAL
    assert items[-1].run.reason == "cancelled"
    assert 0 < len(found_in(items)) < 254


def test_a_run_cancelled_before_it_began_has_failed() -> None:
    items = scan("127.0.0.1", ports=[1], cancelled=lambda: True)
    assert [i.run.state for i in items] == [pb.RUN_STATE_STARTED, pb.RUN_STATE_FAILED]


def test_a_run_out_of_time_is_partial() -> None:
    items = scan(
        "127.0.0.0/24", ports=[free_port()], rate_per_s=50, timeout=timedelta(milliseconds=300)
    )
    assert items[-1].run.state == pb.RUN_STATE_PARTIAL
    assert items[-1].run.reason.startswith("gave up after 0:00:00.3")


def test_a_scan_that_is_dropped_midway_leaves_nothing_running() -> None:
    items = run_scan(["127.0.0.0/24"], ALLOWED, "s", "i", ports=[free_port()], techniques=["tcp"])
    assert next(items).run.state == pb.RUN_STATE_STARTED
    assert next(items).HasField("observation")
    items.close()  # type: ignore[attr-defined]
    assert next(items, None) is None


@pytest.mark.parametrize("prefix", ["10.0.0.0/24", "126.0.0.0/7", "0.0.0.0/0", "::/0"])
def test_what_was_not_allowed_is_refused_before_anything_is_sent(prefix: str) -> None:
    with pytest.raises(NotAllowed, match=r"may not be scanned.*\(127\.0\.0\.0/8, ::1/128\)"):
        run_scan([prefix], ALLOWED, "s", "i", ports=[1])


def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(NotAllowed, match=r"\(none\)"):
        run_scan(["127.0.0.1"], [], "s", "i", ports=[1])


def test_too_many_addresses_are_refused() -> None:
    with pytest.raises(NotAllowed, match="16777214 addresses are more than the 65536"):
        run_scan(["127.0.0.0/8"], ALLOWED, "s", "i", ports=[1])
    scope.admit(scope.networks(["127.0.0.0/8"]), ALLOWED, most_addresses=1 << 24)


@pytest.mark.parametrize(
    ("prefixes", "ports", "techniques", "message"),
    [
        (["127.0.0.1/8"], [1], (), "is not a prefix"),
        (["web"], [1], (), "is not a prefix"),
        ([], [1], (), "no prefix"),
        (["127.0.0.1"], [0], (), "0 is no port"),
        (["127.0.0.1"], [65536], (), "65536 is no port"),
        (["127.0.0.1"], [1], ("telepathy",), "'telepathy' is no scan technique"),
    ],
)
def test_nonsense_is_refused(
    prefixes: list[str], ports: list[int], techniques: Sequence[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_scan(prefixes, ALLOWED, "s", "i", ports=ports, techniques=techniques)


@pytest.mark.parametrize("rate_per_s", [0.0, -5.0, float("nan")])
def test_a_rate_is_above_nothing(rate_per_s: float) -> None:
    with pytest.raises(UsageError, match="is no rate"):
        run_scan(["127.0.0.1"], ALLOWED, "s", "i", ports=[1], rate_per_s=rate_per_s)


@pytest.mark.parametrize(
    ("prefix", "first", "last", "count"),
    [
        ("10.0.4.0/24", "10.0.4.1", "10.0.4.254", 254),
        ("10.0.4.0/31", "10.0.4.0", "10.0.4.1", 2),
        ("10.0.4.7", "10.0.4.7", "10.0.4.7", 1),
        ("2001:db8::/126", "2001:db8::1", "2001:db8::3", 3),
        ("2001:db8::/127", "2001:db8::", "2001:db8::1", 2),
    ],
)
def test_addresses_of_a_prefix(prefix: str, first: str, last: str, count: int) -> None:
    wanted = scope.networks([prefix, prefix])
    tried = [str(address) for address in scope.addresses(wanted)]
    assert (tried[0], tried[-1], len(tried)) == (first, last, count)
    assert scope.address_count(wanted) == count


def test_the_pace_is_even_and_never_catches_up() -> None:
    now = 100.0
    pace = Pace(10, clock=lambda: now)
    assert [round(pace.delay_s(), 6) for _ in range(3)] == [0, 0.1, 0.2]
    now = 200.0
    assert [round(pace.delay_s(), 6) for _ in range(2)] == [0, 0.1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"\x1b]0;owned\x07SSH\r\n", "\\x1b]0;owned\\x07SSH"),
        (b"a\tb\xff\n", "a\\x09b\\xff"),
        (b"x" * 5000, "x" * 512),
    ],
)
def test_what_strangers_say_is_escaped_and_cut(
    services: Services, said: bytes, expected: str
) -> None:
    number = services.start(greet(said))
    heard = asyncio.run(voices.hear("127.0.0.1", number, Voice.SPEAKS, 2))
    assert heard == Said(banner=expected)


def test_a_service_that_says_nothing_is_not_waited_for(services: Services) -> None:
    number = services.start(swallow)
    heard = asyncio.run(voices.hear("127.0.0.1", number, Voice.GUESS, 0.2))
    assert heard == Said()


def test_a_stranger_to_tls_breaks_nothing(services: Services) -> None:
    number = services.start(greet(b"\x16\x03\x01garbage that is no handshake at all"))
    assert asyncio.run(voices.hear("127.0.0.1", number, Voice.TLS, 2)) == Said()


def test_what_prints_what_it_is_sent_is_left_alone() -> None:
    assert port(9100).voice is Voice.QUIET
    assert asyncio.run(voices.hear("127.0.0.1", 1, Voice.QUIET, 1)) == Said()
    assert port(47808) not in PORTS
    assert port(47808).voice is Voice.GUESS


def test_old_tls_is_found_and_not_refused(
    services: Services, certificate: tuple[Path, bytes]
) -> None:
    import ssl
    import warnings

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.load_cert_chain(certificate[0])

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    heard = asyncio.run(voices.hear("127.0.0.1", services.start(speak), Voice.TLS, 2))
    assert heard.certificate is not None
    assert heard.certificate.names == ("www.example.org",)


def test_a_certificate_that_is_none_still_has_its_hash() -> None:
    found = voices.read_certificate(b"nonsense")
    assert found == voices.Certificate(hashlib.sha256(b"nonsense").hexdigest())


def test_the_arp_table() -> None:
    text = (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "10.0.4.1         0x1         0x2         00:0D:B9:37:2B:C2     *        eth0\n"
        "10.0.4.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "10.0.4.3         0x1         0x6         00:0d:b9:37:2b:c3     *        eth0\n"
        "broken\n10.0.4.4 x y z 1 2\n"
    )
    assert parse_arp(text) == {"10.0.4.1": "00:0d:b9:37:2b:c2", "10.0.4.3": "00:0d:b9:37:2b:c3"}


@pytest.mark.skipif(
    "127.0.0.1\tlocalhost" not in Path("/etc/hosts").read_text().replace(" ", "\t"),
    reason="/etc/hosts does not name 127.0.0.1, and nobody else may be asked",
)
def test_reverse_names() -> None:
    assert names.look_up(["127.0.0.1"] * 40, timedelta(seconds=10)) == {"127.0.0.1": "localhost"}
    assert names.look_up([], timedelta(seconds=1)) == {}
    (seen,) = found_in(scan("127.0.0.1", ports=[free_port()], techniques=TECHNIQUES)).values()
    assert seen.full
    (computer,) = (s.computer for s in seen.sections if s.HasField("computer"))
    assert (computer.name, computer.fqdn) == ("localhost", "localhost")
