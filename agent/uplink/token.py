"""What a token's text says, and the pinned authority behind it.

A token carries the authority's fingerprint, so nothing that a stranger on the way presents is
believed: the root that the collector shows must have that SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from agent.errors import CollectorUnreachable, NotAllowed, UsageError

PREFIX = "stk1."

_TOKEN_LIMIT = 4096
_ADDRESSES_LIMIT = 16
_FINGERPRINT = re.compile("[0-9a-f]{64}")
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})")


@dataclass(frozen=True)
class Token:
    """Where to enrol, whom to trust, and the secret."""

    addresses: tuple[str, ...]
    fingerprint: str
    secret: str


def parse_token(text: str) -> Token:
    """What a token says.

    Raises:
        UsageError: it is no token, or was cut or altered when it was copied.
    """
    text = text.strip()
    if not text.startswith(PREFIX) or len(text) > _TOKEN_LIMIT:
        raise UsageError(f"that is no token; one begins with {PREFIX} (see `stocktake token`)")
    try:
        padded = text.removeprefix(PREFIX).encode()
        words = json.loads(
            base64.b64decode(padded + b"=" * (-len(padded) % 4), b"-_", validate=True)
        )
        token = Token(tuple(words["a"]), words["f"], words["s"])
        _check(token)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError("the token is damaged; copy it again, whole") from error
    return token


def split_address(address: str) -> tuple[str, int]:
    """Host and port of host:port or [host]:port.

    Raises:
        ValueError: it is neither.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f"{address!r} is not host:port")
    return match[1] or match[2], int(match[3])


def pinned_root(address: str, fingerprint: str, timeout_s: float) -> bytes:
    """The authority's root certificate, PEM, as the collector there shows it.

    Raises:
        CollectorUnreachable: nobody answers there with TLS.
        NotAllowed: it shows another authority than the fingerprint's.
    """
    for der in _presented(address, timeout_s):
        if hashlib.sha256(der).hexdigest() == fingerprint:
            return ssl.DER_cert_to_PEM_cert(der).encode()
    raise NotAllowed(
        f"the server at {address} does not show the authority that the token names; "
        "it is not the collector that made the token"
    )


def _check(token: Token) -> None:
    if not 0 < len(token.addresses) <= _ADDRESSES_LIMIT:
        raise ValueError("addresses")
    for address in token.addresses:
        split_address(address)
    if not _FINGERPRINT.fullmatch(token.fingerprint) or not isinstance(token.secret, str):
        raise ValueError("fingerprint or secret")


def _presented(address: str, timeout_s: float) -> list[bytes]:
    """Certificates in DER that a server presents. None of them is believed yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection(split_address(address), timeout_s) as plain,
            context.wrap_socket(plain) as connection,
        ):
            return _chain(connection)
    except OSError as error:
        raise CollectorUnreachable(f"no collector answers at {address}: {error}") from error


def _chain(connection: Any) -> list[bytes]:  # noqa: ANN401  # what typeshed does not know
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13 and later.
        return list(connection.get_unverified_chain())
    chain = connection._sslobj.get_unverified_chain()  # noqa: SLF001  # same, before it was public
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ()]
