"""Enrolment tokens: who may become an observer, of what kind, where, how often and until when.

The text of a token carries where to enrol and the authority's fingerprint, so that it is all that
an endpoint needs. Of its secret the collector keeps a digest only.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network

from collector.enrolment.errors import NotKnown, RequestRefused, TokenRefused
from collector.journal.file import Connection
from collector.plain import decode, encode

PREFIX = "stk1."
KINDS = frozenset({"agent", "scan", "snmp", "import", "cloud", "demo"})
"""Kinds that a token may grant; `manual` is for people, who come in by another door."""

_SCOPE_BYTES = 200


@dataclass(frozen=True)
class Grants:
    """What an observer may be: each of these kinds, in one scope, scanning these prefixes."""

    kinds: frozenset[str]
    scope: str
    scan_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A token as the collector keeps it. `uses` counts observers enrolled, `max_uses` 0 is any."""

    id: str
    grants: Grants
    made_at: datetime
    expires_at: datetime
    made_by: str
    note: str = ""
    max_uses: int = 1
    uses: int = 0
    revoked_at: datetime | None = None


def checked(grants: Grants) -> Grants:
    """The grants, if they make sense; prefixes in their usual form.

    Raises:
        RequestRefused: a kind, the scope or a prefix is not one.
    """
    if not grants.kinds or not grants.kinds <= KINDS:
        raise RequestRefused(f"a token grants at least one kind of {', '.join(sorted(KINDS))}")
    if not grants.scope or len(grants.scope.encode()) > _SCOPE_BYTES:
        raise RequestRefused(f"a token names a scope of 1 to {_SCOPE_BYTES} bytes")
    if (grants.scope == "demo") is not (grants.kinds == {"demo"}):
        raise RequestRefused("scope and kind 'demo' belong to the sample estate; name another")
    return replace(grants, scan_prefixes=checked_prefixes(grants.scan_prefixes))


def checked_prefixes(prefixes: Sequence[str]) -> tuple[str, ...]:
    """Address prefixes in their usual form.

    Raises:
        RequestRefused: one is not a prefix, or has bits set beyond its length.
    """
    try:
        return tuple(str(ip_network(prefix)) for prefix in prefixes)
    except ValueError as error:
        raise RequestRefused(f"not an address prefix such as 10.0.4.0/24: {error}") from error


def token_text(addresses: Sequence[str], fingerprint: str, secret: str) -> str:
    """What is typed on the endpoint: where to enrol, whom to trust, and the secret."""
    words = {"a": list(addresses), "f": fingerprint, "s": secret}
    compact = json.dumps(words, separators=(",", ":")).encode()
    return PREFIX + base64.urlsafe_b64encode(compact).decode().rstrip("=")


def add(db: Connection, token: Token) -> str:
    """Keep a new token; returns its secret, which nobody can ask for again."""
    secret = secrets.token_urlsafe(24)
    db.execute("INSERT INTO token VALUES (?, ?, ?)", (token.id, _digest(secret), _text(token)))
    return secret


def spend(db: Connection, secret: str, now: datetime) -> Token:
    """Use a token once.

    Raises:
        TokenRefused: it is wrong, expired, used up or revoked.
    """
    token = usable(db, secret, now)
    if token.max_uses and token.uses >= token.max_uses:
        raise TokenRefused(
            f"the token was used {token.uses} times, as often as it may; ask for another"
        )
    spent = replace(token, uses=token.uses + 1)
    _update(db, spent)
    return spent


def usable(db: Connection, secret: str, now: datetime) -> Token:
    """The token of a secret, whose time has not run out; perhaps used up.

    Raises:
        TokenRefused: it is wrong, expired or revoked.
    """
    row = db.execute("SELECT body FROM token WHERE secret_sha256 = ?", (_digest(secret),))
    found = row.fetchone()
    if found is None:
        raise TokenRefused("this collector knows no such token; check it, or ask for another")
    token = decode(Token, found[0])
    if token.revoked_at is not None:
        raise TokenRefused("the token was revoked; ask for another")
    if now >= token.expires_at:
        when = token.expires_at.isoformat(timespec="seconds")
        raise TokenRefused(f"the token expired at {when}; ask for another")
    return token


def revoke(db: Connection, token_id: str, now: datetime) -> Token:
    """Let nobody in with it any more; those who came stay.

    Raises:
        NotKnown: there is no such token.
    """
    row = db.execute("SELECT body FROM token WHERE id = ?", (token_id,)).fetchone()
    if row is None:
        raise NotKnown(f"there is no token {token_id}")
    token = decode(Token, row[0])
    if token.revoked_at is None:
        token = replace(token, revoked_at=now)
        _update(db, token)
    return token


def listed(db: Connection) -> tuple[Token, ...]:
    """All tokens, newest first."""
    tokens = (decode(Token, body) for (body,) in db.execute("SELECT body FROM token"))
    return tuple(sorted(tokens, key=lambda token: token.made_at, reverse=True))


def _update(db: Connection, token: Token) -> None:
    db.execute("UPDATE token SET body = ? WHERE id = ?", (_text(token), token.id))


def _text(token: Token) -> str:
    return encode(token).decode()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
