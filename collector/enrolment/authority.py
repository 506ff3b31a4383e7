"""The collector's own authority: a root, the server's certificate, observers' certificates.

Knows keys and files and no network; who may have a certificate is decided elsewhere.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.enrolment.errors import AuthorityBroken, RequestRefused

SERVER_NAME = "collector.stocktake.internal"
"""Stands in every server certificate: observers check for it, whatever address they dialled."""

ROOT_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=90)
OBSERVER_LIFE = timedelta(days=30)
_SKEW = timedelta(minutes=10)
_REQUEST_BYTES = 8192


@dataclass(frozen=True)
class Subject:
    """For whom a certificate is, and what it may say."""

    observer_id: str
    kinds: frozenset[str]
    scope: str
    key_prefix: str


@dataclass(frozen=True)
class Issued:
    """A certificate as handed out."""

    pem: bytes
    serial: str
    sha256: bytes
    not_after: datetime


@dataclass(frozen=True)
class ServerPair:
    """What a server shows: its key, and its certificate with the root behind it."""

    key_pem: bytes
    chain_pem: bytes


class Authority:
    """The authority of one home."""

    def __init__(self, directory: Path, key: ec.EllipticCurvePrivateKey, root: bytes) -> None:
        self._directory = directory
        self._key = key
        self._root = x509.load_pem_x509_certificate(root)
        self.root_pem = root

    @classmethod
    def open(cls, directory: Path) -> "Authority":
        """The authority kept in a directory; made there if there is none.

        Raises:
            AuthorityBroken: its files are damaged or cannot be read or written.
        """
        key_path, root_path = directory / "root.key", directory / "root.pem"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not root_path.exists():
                _make_root(key_path, root_path)
            key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise AuthorityBroken(f"{key_path} holds no elliptic-curve key")
            return cls(directory, key, root_path.read_bytes())
        except (OSError, ValueError) as error:
            raise AuthorityBroken(
                f"cannot use the authority in {directory}: {error}; restore it from a backup"
            ) from error

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root certificate in DER, hexadecimal: what tokens carry."""
        return self._root.fingerprint(hashes.SHA256()).hex()

    def issue(self, request_der: bytes, subject: Subject, now: datetime) -> Issued:
        """A certificate for an observer's own key.

        Raises:
            RequestRefused: the request is not a signed PKCS #10 for a P-256 key.
        """
        public_key = requested_key(request_der)
        builder = self._builder(_name(subject.observer_id), public_key, now, OBSERVER_LIFE)
        uris = [f"urn:stocktake:observer:{subject.observer_id}"]
        uris += [f"urn:stocktake:kind:{quote(kind, safe='')}" for kind in sorted(subject.kinds)]
        uris += [f"urn:stocktake:scope:{quote(subject.scope, safe='')}"]
        uris += [f"urn:stocktake:prefix:{quote(subject.key_prefix, safe='')}"]
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        return _issued(self._finish(builder, names, ExtendedKeyUsageOID.CLIENT_AUTH))

    def server_pair(self, names: Iterable[str], now: datetime) -> ServerPair:
        """The server's key and certificate for names and addresses, made anew when due."""
        wanted = {SERVER_NAME, "localhost", "127.0.0.1", "::1", *names}
        path = self._directory / "server.pem"
        try:
            if path.exists() and (pair := self._still_good(path.read_bytes(), wanted, now)):
                return pair
            pair = self._make_server_pair(wanted, now)
            _write(path, pair.key_pem + pair.chain_pem)
        except OSError as error:
            raise AuthorityBroken(f"cannot keep {path}: {error.strerror}") from error
        return pair

    def _still_good(self, kept: bytes, wanted: set[str], now: datetime) -> ServerPair | None:
        start = kept.find(b"-----BEGIN CERTIFICATE-----")
        try:
            leaf = x509.load_pem_x509_certificate(kept[start:])
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            leaf.verify_directly_issued_by(self._root)
        except (ValueError, x509.ExtensionNotFound, InvalidSignature):
            return None
        have = {str(name.value) for name in names}
        fresh = leaf.not_valid_after_utc - now > SERVER_LIFE / 3
        return ServerPair(kept[:start], kept[start:]) if fresh and wanted <= have else None

    def _make_server_pair(self, wanted: set[str], now: datetime) -> ServerPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(SERVER_NAME), key.public_key(), now, SERVER_LIFE)
        names = [_general_name(name) for name in sorted(wanted)]
        leaf = self._finish(builder, names, ExtendedKeyUsageOID.SERVER_AUTH)
        # The root travels along: a token pins it, and whoever enrols has nothing else yet.
        return ServerPair(_key_pem(key), _certificate_pem(leaf) + self.root_pem)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._root.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(min(now + life, self._root.not_valid_after_utc))
        )

    def _finish(
        self,
        builder: x509.CertificateBuilder,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def requested_key(request_der: bytes) -> ec.EllipticCurvePublicKey:
    """The public key that a certificate request proves to hold.

    Raises:
        RequestRefused: the request is not a signed PKCS #10 for a P-256 key.
    """
    if len(request_der) > _REQUEST_BYTES:
        raise RequestRefused(f"the certificate request is larger than {_REQUEST_BYTES} bytes")
    try:
        request = x509.load_der_x509_csr(request_der)
        signed = request.is_signature_valid
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise RequestRefused("the certificate request is not PKCS #10 in DER") from error
    if not signed:
        raise RequestRefused("the certificate request is not signed by its own key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise RequestRefused("the certificate request is for a key that is not P-256")
    return key


def _make_root(key_path: Path, root_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = _name("Stocktake authority " + os.urandom(4).hex())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    root = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # The key first: a root without its key would be found and could sign nothing.
    _write(key_path, _key_pem(key))
    _write(root_path, _certificate_pem(root))


def _issued(certificate: x509.Certificate) -> Issued:
    return Issued(
        pem=_certificate_pem(certificate),
        serial=f"{certificate.serial_number:x}",
        sha256=certificate.fingerprint(hashes.SHA256()),
        not_after=certificate.not_valid_after_utc,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for the owner alone."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
