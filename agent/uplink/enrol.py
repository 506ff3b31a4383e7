"""Trades a token for an identity, and an identity's certificate for the next."""

from __future__ import annotations

import hashlib
import json
import socket
from importlib import metadata
from pathlib import Path

from agent.errors import CollectorUnreachable
from agent.uplink import identity as identities
from agent.uplink.client import Client, enrol_at
from agent.uplink.config import HomeUnusable, make_home, write_durably
from agent.uplink.identity import Identity
from agent.uplink.sealed import new_sealing_key, public_part
from agent.uplink.token import Token, parse_token, pinned_root
from stocktake.v1.enrolment_pb2 import EnrolRequest, EnrolResponse, RenewRequest

_PENDING = "enrolling.json"
_REACH_S = 10.0


def agent_version() -> str:
    """The version of this program; 0 from a tree that is not installed."""
    try:
        return metadata.version("stocktake")
    except metadata.PackageNotFoundError:
        return "0"


def enrol(home: Path, token: str) -> Identity:
    """Enrol with a token; the identity is kept in `home` and replaces one that was there.

    Raises:
        UsageError: it is no token.
        CollectorUnreachable: no address of the token answers.
        NotAllowed: the collector refuses the token, or is not the one that made it.
    """
    parsed = parse_token(token)
    make_home(home)
    key_pem, sealing_key = _pending_keys(home, parsed)
    request = EnrolRequest(
        token_secret=parsed.secret,
        certificate_request=identities.certificate_request(key_pem),
        hostname=socket.gethostname(),
        agent_version=agent_version(),
        sealing_key=public_part(sealing_key),
    )
    root_pem, answer = _asked(parsed, request)
    identity = _identity(answer, root_pem, key_pem, sealing_key)
    identities.save(home, identity)
    _forget(home, _PENDING, "acknowledged.json", "settings.json")
    return identity


def renew(home: Path, identity: Identity, client: Client) -> Identity:
    """Get and keep the next certificate, for a new key.

    Raises:
        CollectorUnreachable, NotAllowed, RequestRefused: there is none; the old one stays.
    """
    key_pem = identities.new_key_pem()
    request = RenewRequest(certificate_request=identities.certificate_request(key_pem))
    answer = client.renew(request)
    renewed = identities.with_certificate(identity, key_pem, answer.certificate_pem)
    identities.save(home, renewed)
    return renewed


def _pending_keys(home: Path, token: Token) -> tuple[str, str]:
    """Keys for this token, the same as at an attempt whose answer was lost.

    The collector knows the key again and does not count the token twice.
    """
    path = home / _PENDING
    mark = hashlib.sha256(token.secret.encode()).hexdigest()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["mark"] == mark:
            return str(kept["key"]), str(kept["sealing"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # No attempt before, or one that wrote nothing of use: new keys do.
    key_pem, sealing_key = identities.new_key_pem(), new_sealing_key()
    words = {"mark": mark, "key": key_pem, "sealing": sealing_key}
    try:
        write_durably(path, json.dumps(words).encode())
    except OSError as error:
        raise HomeUnusable(f"cannot write {path}: {error.strerror}") from error
    return key_pem, sealing_key


def _asked(token: Token, request: EnrolRequest) -> tuple[bytes, EnrolResponse]:
    reasons = []
    for address in token.addresses:
        try:
            root_pem = pinned_root(address, token.fingerprint, _REACH_S)
            return root_pem, enrol_at(address, root_pem, request)
        except CollectorUnreachable as error:
            reasons.append(str(error))
    raise CollectorUnreachable("; ".join(reasons))


def _identity(answer: EnrolResponse, root_pem: bytes, key_pem: str, sealing_key: str) -> Identity:
    not_after = answer.not_after.ToDatetime(identities.utc_now().tzinfo)
    identity = Identity(
        observer_id=answer.observer_id,
        key_prefix=answer.key_prefix,
        scope=answer.scope,
        collectors=tuple(answer.collectors),
        not_before=identities.utc_now(),
        not_after=not_after,
        key_pem=key_pem,
        certificate_pem=answer.certificate_pem,
        authority_pem=root_pem.decode(),
        sealing_key=sealing_key,
    )
    return identities.with_certificate(identity, key_pem, answer.certificate_pem)


def _forget(home: Path, *names: str) -> None:
    for name in names:
        (home / name).unlink(missing_ok=True)
