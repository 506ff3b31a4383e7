"""Loads the sample estate the way real sources come in: enrolled, over mutual TLS, into the intake.

Its observer lives as long as the loading takes; its key is never written down. Without a server
the same intake is served for that time alone, on free ports of the loopback.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from collector.demo_data import SCOPE, estate
from collector.demo_items import KIND, items
from collector.enrolment.authority import SERVER_NAME
from collector.enrolment.tokens import PREFIX, Grants

if TYPE_CHECKING:
    import grpc

    from collector.door_client import Door
    from collector.home import Home
    from collector.intake_desk import Addresses, IntakeDesk
    from stocktake.v1.enrolment_pb2 import EnrolResponse
    from stocktake.v1.intake_pb2 import Item, ReportResponse

_TOKEN_LASTS = timedelta(minutes=5)
_TIMEOUT_S = 60.0
_BATCH = 50
_NOTE = "sample estate"


class DemoFailed(Exception):
    """The sample estate could not be loaded; loading it again is safe."""


@dataclass(frozen=True)
class LoadResult:
    """What became of the sample estate."""

    accepted: int
    refused: tuple[str, ...]
    """Reasons of items that were not taken; none when all is well."""
    sequence: int
    """Place in the journal of the last item taken."""
    observer: str
    """The observer that spoke; revoked when this is returned."""


def load(
    door: IntakeDesk | Door, home: Home, now: datetime, *, by: str = "demo", seed: int = 1
) -> LoadResult:
    """Sends the sample estate. Loading it again brings it up to date and doubles nothing.

    Args:
        door: The intake: of the server's process, or the desk itself when none works.
        home: For the authority's certificate, which is the one to trust.
        now: When the estate is observed.
        by: Account that asks, for the record.
        seed: Another seed makes other serial numbers.

    Raises:
        DemoFailed: The intake does not answer or refuses; what it took stays.
    """
    import grpc

    try:
        with _reachable(door) as addresses:
            # Read here: a home's authority is made when its intake first needs it.
            root = (home.authority_dir / "root.pem").read_bytes()
            secret = _token(door, by)
            key, answer = _enrol(addresses.enrolment, root, secret)
            try:
                return _send(addresses.collectors, root, key, answer, items(estate(now, seed), now))
            finally:
                door.revoke_observer(answer.observer_id)
    except OSError as error:
        raise DemoFailed(f"the authority's certificate cannot be read: {error}") from error
    except grpc.RpcError as error:
        raise DemoFailed(f"the intake did not take the sample estate: {_said(error)}") from error


@contextmanager
def _reachable(door: IntakeDesk | Door) -> Iterator[Addresses]:
    """Where the intake answers; serves it for the time being if no server does."""
    from collector.intake_desk import IntakeDesk

    if isinstance(door, IntakeDesk):
        with _served(door) as addresses:
            yield addresses
    else:
        yield door.status().addresses


@contextmanager
def _served(desk: IntakeDesk) -> Iterator[Addresses]:
    from collector.enrolment.service import Enrolment
    from collector.intake import Backlog, Intake
    from collector.intake_desk import Addresses
    from collector.listen import Listen, enrolment_server, observer_server

    listen = Listen(port=0, enrol_port=0)
    intake = Intake(desk, lambda: Backlog(0, 0))
    enrolment = Enrolment(desk.registry, desk.clock, lambda: desk.addresses().collectors)
    servers: list[grpc.Server] = []
    try:
        server, port = observer_server((intake.handlers(),), listen, desk.authority, desk.clock)
        servers.append(server)
        server, enrol_port = enrolment_server(
            (enrolment.enrol_handlers(),), listen, desk.authority, desk.clock
        )
        servers.append(server)
        for server in servers:
            server.start()
        yield Addresses((f"127.0.0.1:{port}",), (f"127.0.0.1:{enrol_port}",))
    finally:
        ended: list[threading.Event] = [server.stop(1.0) for server in servers]
        for event in ended:
            event.wait(2.0)


def _token(door: IntakeDesk | Door, by: str) -> str:
    """The secret of a token made for one use."""
    import base64
    import json

    made = door.make_token(Grants(frozenset({KIND}), SCOPE), _TOKEN_LASTS, by, 1, _NOTE)
    packed = made.text.removeprefix(PREFIX)
    words = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return str(words["s"])


def _enrol(addresses: Sequence[str], root: bytes, secret: str) -> tuple[bytes, EnrolResponse]:
    """A new key and the certificate for it."""
    import grpc
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519

    from stocktake.v1.enrolment_pb2 import EnrolRequest
    from stocktake.v1.enrolment_pb2_grpc import EnrolmentServiceStub

    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    asked = EnrolRequest(
        token_secret=secret,
        certificate_request=request.public_bytes(serialization.Encoding.DER),
        hostname=_NOTE,
        sealing_key=x25519.X25519PrivateKey.generate().public_key().public_bytes(*raw),
    )
    with _channel(addresses[0], grpc.ssl_channel_credentials(root)) as channel:
        answer = EnrolmentServiceStub(channel).Enrol(asked, timeout=_TIMEOUT_S)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, answer


def _send(
    addresses: Sequence[str], root: bytes, key: bytes, who: EnrolResponse, found: Sequence[Item]
) -> LoadResult:
    import grpc

    from stocktake.v1.intake_pb2 import ReportRequest
    from stocktake.v1.intake_pb2_grpc import IntakeServiceStub

    identity = grpc.ssl_channel_credentials(root, key, who.certificate_pem.encode())
    answers: list[ReportResponse] = []
    with _channel(addresses[0], identity) as channel:
        stub = IntakeServiceStub(channel)
        for number, start in enumerate(range(0, len(found), _BATCH), 1):
            batch = ReportRequest(
                batch_id=f"demo-{secrets.token_hex(12)}",
                sequence=number,
                items=found[start : start + _BATCH],
            )
            answers.append(stub.Report(batch, timeout=_TIMEOUT_S))
    refused = tuple(receipt.reason for answer in answers for receipt in answer.receipts)
    last = max((answer.journal_sequence for answer in answers), default=0)
    return LoadResult(len(found) - len(refused), refused, last, who.observer_id)


def _channel(address: str, credentials: grpc.ChannelCredentials) -> grpc.Channel:
    import grpc

    return grpc.secure_channel(
        address, credentials, options=[("grpc.ssl_target_name_override", SERVER_NAME)]
    )


def _said(error: grpc.RpcError) -> str:
    details = getattr(error, "details", None)
    return str(details()) if callable(details) else str(error)
