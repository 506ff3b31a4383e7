"""What a service says of itself: a banner, or the certificate it shows.

Every read is bounded in bytes and time, and what was read is escaped: it comes from strangers.
Certificates are not verified: an expired or self-signed one is what a scan is to find.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from agent.scan.ports import Voice

_BANNER_BYTES = 512
_BANNER_CHARACTERS = 512
_SUBJECT_CHARACTERS = 1024
_MOST_NAMES = 100
_HEAD = b"HEAD / HTTP/1.0\r\nUser-Agent: stocktake\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Certificate:
    """What a server's certificate says; None where it cannot be read."""

    sha256: str
    subject: str | None = None
    names: tuple[str, ...] = ()
    not_after: datetime | None = None


@dataclass(frozen=True)
class Said:
    """What was heard from one service; None for nothing."""

    banner: str | None = None
    certificate: Certificate | None = None


_SILENCE = Said()


async def hear(address: str, number: int, voice: Voice, wait_s: float) -> Said:
    """Connects once more for each way to ask; silence where nothing comes of it."""
    for ask in _WAYS[voice]:
        try:
            async with asyncio.timeout(wait_s):
                said = await ask(address, number)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            # Refused, reset, timed out, or no TLS: ssl.SSLError and TimeoutError are OSErrors.
            continue
        if said != _SILENCE:
            return said
    return _SILENCE


def escaped(raw: bytes) -> str:
    r"""Printable ASCII as it is, the rest as \xNN, on one line."""
    text = raw.strip().decode("latin-1")
    shown = "".join(
        c if c.isascii() and c.isprintable() else f"\\x{ord(c):02x}" for c in text if c != "\r"
    )
    return shown[:_BANNER_CHARACTERS]


def read_certificate(der: bytes) -> Certificate:
    """The parts of a certificate that matter; only its hash where it is malformed."""
    import warnings

    from cryptography import x509

    digest = hashlib.sha256(der).hexdigest()
    with warnings.catch_warnings():
        # A serial number that breaks the rules is the owner's trouble, not the scan's.
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(der)
            subject = certificate.subject.rfc4514_string()[:_SUBJECT_CHARACTERS]
            not_after = certificate.not_valid_after_utc
        except ValueError:
            return Certificate(digest)
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = tuple(extension.value.get_values_for_type(x509.DNSName))[:_MOST_NAMES]
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            names = ()
    return Certificate(digest, subject, names, not_after)


async def _listen(address: str, number: int) -> Said:
    reader, writer = await asyncio.open_connection(address, number)
    try:
        raw = await reader.read(_BANNER_BYTES)
    finally:
        writer.transport.abort()
    return Said(banner=escaped(raw.split(b"\n", 1)[0]) or None)


async def _head(address: str, number: int) -> Said:
    reader, writer = await asyncio.open_connection(address, number)
    try:
        writer.write(_HEAD)
        raw = await reader.read(_BANNER_BYTES * 4)
    finally:
        writer.transport.abort()
    lines = raw.split(b"\n")
    if not lines[0].startswith(b"HTTP/"):
        return _SILENCE
    server = next((line for line in lines if line.lower().startswith(b"server:")), b"")
    return Said(banner=escaped(b" ".join((lines[0].strip(), server[7:].strip()))))


async def _handshake(address: str, number: int) -> Said:
    _, writer = await asyncio.open_connection(
        address, number, ssl=_tolerant_context(), server_hostname=None
    )
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return Said(certificate=read_certificate(der)) if der else _SILENCE


def _tolerant_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Old devices are to be found, not refused.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


_Way = Callable[[str, int], Coroutine[None, None, Said]]
_WAYS: dict[Voice, tuple[_Way, ...]] = {
    Voice.SPEAKS: (_listen,),
    Voice.HTTP: (_head,),
    Voice.TLS: (_handshake,),
    Voice.GUESS: (_listen, _handshake, _head),
    Voice.QUIET: (),
}
assert set(_WAYS) == set(Voice), "a voice has no way to be heard"
