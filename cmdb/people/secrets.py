"""Secrets: passwords and their hashes, session and token secrets and their digests."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from typing import TYPE_CHECKING

from cmdb.people.errors import InvalidRequest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

PASSWORD_LEAST = 10
PASSWORD_MOST = 1024
_TOKEN_PREFIX = "stk_"  # noqa: S105
# No vowels, so no words, and nothing that reads like something else.
_READABLE = "bcdfghjkmnpqrstvwxz23456789"


def readable_password() -> str:
    """A random password of 98 bits that can be read aloud and typed."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def check_password(password: str) -> None:
    """Passes if the password may be set (NIST SP 800-63B: length counts, composition does not).

    Raises:
        InvalidRequest: too short or too long.
    """
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise InvalidRequest(f"A password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters.")


def hash_password(password: str) -> str:
    """Argon2id with the library's parameters (RFC 9106, low memory)."""
    return _hasher().hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one hashed; as slow for nobody's hash (None) as for one."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > PASSWORD_MOST:
        return False
    try:
        _hasher().verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_secret() -> str:
    """A secret for a session, 256 bits."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A secret for an API token; its prefix lets scanners of leaked secrets find it."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a random secret. It has 256 bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return secrets.compare_digest(one.encode(), other.encode())


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


@cache
def _nobody() -> str:
    return hash_password(readable_password())
