"""Opens credentials that were sealed to this agent, as dispatch.proto says."""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.errors import AgentError
from stocktake.v1.dispatch_pb2 import SealedCredential

_INFO = b"stocktake sealed credential v1"


class NotForUs(AgentError):
    """A credential was sealed to another agent or altered on its way."""


def new_sealing_key() -> str:
    """A new private key, as kept in the identity."""
    return base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode()


def public_part(sealing_key: str) -> bytes:
    """The public key that others seal to, 32 bytes."""
    return _private(sealing_key).public_key().public_bytes_raw()


def unseal(credential: SealedCredential, sealing_key: str) -> bytes:
    """The secret in a sealed credential.

    Raises:
        NotForUs: it was sealed to another key, or altered.
    """
    private = _private(sealing_key)
    salt = credential.ephemeral_key + private.public_key().public_bytes_raw()
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(credential.ephemeral_key))
        key = HKDF(hashes.SHA256(), 32, salt=salt, info=_INFO).derive(shared)
        return ChaCha20Poly1305(key).decrypt(
            credential.nonce, credential.ciphertext, credential.name.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise NotForUs(
            f"credential {credential.name!r} was sealed to another agent, or altered"
        ) from error


def _private(sealing_key: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(base64.b64decode(sealing_key))
