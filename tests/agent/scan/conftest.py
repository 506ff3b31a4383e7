"""Services on loopback that a scan is to find; each speaks in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOT_AFTER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
Speak = Callable[[socket.socket], None]


class Services:
    """Opens services and closes them all at the end."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []

    def start(self, speak: Speak, address: str = "127.0.0.1") -> int:
        """A service on a port of its own; `speak` has each connection in turn."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.create_server((address, 0), family=family, backlog=64)
        self._open.append(server)
        threading.Thread(target=self._serve, args=(server, speak), daemon=True).start()
        port: int = server.getsockname()[1]
        return port

    def close(self) -> None:
        for server in self._open:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    @staticmethod
    def _serve(server: socket.socket, speak: Speak) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                speak(connection)


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file with a key and a self-signed certificate, and the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOT_AFTER - timedelta(days=3650))
        .not_valid_after(NOT_AFTER)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("www.example.org")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path, made.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def tls_speaker(certificate: tuple[Path, bytes]) -> Speak:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return speak
