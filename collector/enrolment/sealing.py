"""Seals a credential so that one observer alone can read it.

X25519 with an ephemeral key, HKDF-SHA256, ChaCha20-Poly1305, as dispatch.proto says. The name of
the credential and both public keys are bound to it.
"""

import os
from dataclasses import dataclass

from collector.enrolment.errors import RequestRefused

_INFO = b"stocktake sealed credential v1"


@dataclass(frozen=True)
class Sealed:
    """A credential on its way to one observer."""

    name: str
    ephemeral_key: bytes
    nonce: bytes
    ciphertext: bytes


def seal(name: str, secret: bytes, sealing_key: bytes) -> Sealed:
    """Seal a secret to an observer's public key.

    Raises:
        RequestRefused: the observer has no sealing key.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    if not sealing_key:
        raise RequestRefused("the observer has no sealing key; it has to enrol again")
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(sealing_key))
    key = HKDF(hashes.SHA256(), 32, salt=own + sealing_key, info=_INFO).derive(shared)
    nonce = os.urandom(12)
    ciphertext = ChaCha20Poly1305(key).encrypt(nonce, secret, name.encode())
    return Sealed(name, own, nonce, ciphertext)
