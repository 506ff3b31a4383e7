"""Enrolment as an agent does it: a token from the command line, a key, a request, a certificate.

An identity speaks for itself and what lies beneath its key, so that a hundred thousand endpoints
need few of them; connections and handshakes are measured with all.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stocktake.v1.enrolment_pb2 import EnrolRequest, EnrolResponse
from stocktake.v1.enrolment_pb2_grpc import EnrolmentServiceStub

SERVER_NAME = "collector.stocktake.internal"
SCOPE = "bench"
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Identity:
    """What an observer has after enrolment."""

    prefix: str
    key_pem: bytes
    certificate_pem: bytes
    authority_pem: bytes

    def channel(self, address: str, *, own: bool = False) -> grpc.Channel:
        """A connection with mutual TLS; `own`: one that no other channel shares."""
        credentials = grpc.ssl_channel_credentials(
            self.authority_pem, self.key_pem, self.certificate_pem
        )
        return grpc.secure_channel(address, credentials, options=_options(own=own))


def enrol(home: Path, count: int) -> list[Identity]:
    """So many identities of one home, whose server runs."""
    words = ["--home", str(home), "token", "--only-token", "--uses", str(count), "--scope", SCOPE]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "stocktake"), *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = _token(done.stdout.strip())
    root = (home / "authority" / "root.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(root)
    with grpc.secure_channel(said["a"][0], credentials, options=_options()) as channel:
        return [_enrolled(channel, said["s"], root, number) for number in range(count)]


def _token(text: str) -> dict[str, list[str]]:
    body = text.removeprefix("stk1.").encode()
    found: dict[str, list[str]] = json.loads(
        base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    )
    return found


def _enrolled(channel: grpc.Channel, secret: object, root: bytes, number: int) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = EnrolRequest(
        token_secret=str(secret),
        certificate_request=wanted.sign(key, hashes.SHA256()).public_bytes(
            serialization.Encoding.DER
        ),
        hostname=f"bench-{number}",
        agent_version="bench",
    )
    answer = _asked(channel, request)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Identity(answer.key_prefix, pem, answer.certificate_pem.encode(), root)


def _asked(channel: grpc.Channel, request: EnrolRequest) -> EnrolResponse:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return EnrolmentServiceStub(channel).Enrol(request, timeout=30)
        except grpc.RpcError as error:
            # So many a second; and connections on this port are ended after a while.
            if time.monotonic() > end or error.code() not in _LATER:
                raise
        time.sleep(0.2)


_LATER = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


def _options(*, own: bool = False) -> list[tuple[str, str | int]]:
    return [
        ("grpc.ssl_target_name_override", SERVER_NAME),
        ("grpc.max_send_message_length", 17 * 1024 * 1024),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", int(own)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
