"""Who speaks: the observer behind a call, from the certificate that it showed.

Asked anew at each call, so that a revocation counts from the next one on.
"""

from functools import lru_cache

import grpc
from cryptography import x509

from collector.answers import Refused
from collector.enrolment.registry import Observer, Registry

_URN = "urn:stocktake:observer:"


def observer_of(context: grpc.ServicerContext, registry: Registry) -> Observer:
    """The observer whose certificate the call came with.

    Raises:
        Refused: there is none, it is not known here, or it was revoked.
    """
    shown: list[bytes] = [*context.auth_context().get("x509_pem_cert", ())]
    name = _observer_id(shown[0] if shown else b"")
    observer = registry.get(name) if name else None
    if observer is None:
        raise Refused(
            grpc.StatusCode.UNAUTHENTICATED,
            f"this collector knows no observer {name or 'of that certificate'}; enrol again",
        )
    if observer.revoked_at is not None:
        when = observer.revoked_at.isoformat(timespec="seconds")
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            f"observer {name} was revoked at {when}; enrol again with a new token",
        )
    return observer


@lru_cache(maxsize=4096)
def _observer_id(pem: bytes) -> str:
    """The observer that a certificate of ours names; empty for none."""
    if not pem:
        return ""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return ""
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return next((uri.removeprefix(_URN) for uri in uris if uri.startswith(_URN)), "")
