"""Who this agent is: its key, its certificate and what the collector granted, in one file.

One file, so that key and certificate are never of two minds. The key never leaves the machine.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.errors import AgentError, NotEnrolled
from agent.uplink.config import make_home, write_durably

_FILE = "identity.json"


class IdentityDamaged(AgentError):
    """The identity file cannot be read or understood."""


@dataclass(frozen=True)
class Identity:
    """An enrolled agent. `scan_prefixes` are those last allowed."""

    observer_id: str
    key_prefix: str
    scope: str
    collectors: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key_pem: str
    certificate_pem: str
    authority_pem: str
    sealing_key: str
    scan_prefixes: tuple[str, ...] = ()

    def due_for_renewal(self, now: datetime) -> bool:
        """Whether two thirds of the certificate's life are over."""
        return now >= self.not_before + (self.not_after - self.not_before) * 2 / 3


def load(home: Path) -> Identity:
    """The identity kept in a directory.

    Raises:
        NotEnrolled: there is none.
        IdentityDamaged: it is there and cannot be used.
    """
    path = home / _FILE
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        for name in ("collectors", "scan_prefixes"):
            words[name] = tuple(words[name])
        for name in ("not_before", "not_after"):
            words[name] = datetime.fromisoformat(words[name])
        return Identity(**words)
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"there is no identity in {home}; run `stocktake-agent enrol TOKEN` first"
        ) from error
    except PermissionError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IdentityDamaged(f"cannot use {path}: {error}; remove it and enrol again") from error


def save(home: Path, identity: Identity) -> None:
    """Keep an identity.

    Raises:
        IdentityDamaged: it cannot be written; the one before stays.
    """
    make_home(home)
    words = asdict(identity)
    for name in ("not_before", "not_after"):
        words[name] = words[name].isoformat()
    try:
        write_durably(home / _FILE, json.dumps(words, indent=1).encode())
    except OSError as error:
        raise IdentityDamaged(f"cannot write {home / _FILE}: {error.strerror}") from error


def with_certificate(identity: Identity, key_pem: str, certificate_pem: str) -> Identity:
    """The identity with its next key and certificate."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return replace(
        identity,
        key_pem=key_pem,
        certificate_pem=certificate_pem,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def new_key_pem() -> str:
    """A new P-256 key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate_request(key_pem: str) -> bytes:
    """A PKCS #10 request in DER that proves to hold a key.

    Raises:
        IdentityDamaged: the key is none of ours.
    """
    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityDamaged("the agent's key is not an elliptic-curve key; enrol again")
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)
