"""Observers: who may report, tokens that let new ones in, and what they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.operation import Context, Homeless, InputRefused, NoParams, Operation

_MOST_HOURS = 24 * 366
_MOST_USES = 1_000_000


@dataclass(frozen=True)
class AgentLine:
    """An observer as lists show it."""

    agent: str
    hostname: str
    kinds: tuple[str, ...]
    scope: str
    scan_prefixes: tuple[str, ...]
    version: str
    enrolled_at: datetime
    last_seen: datetime | None
    clock_offset_s: float | None
    """Its clock less the collector's, in seconds."""
    outbox_batches: int
    complaints: tuple[str, ...]
    certificate_ends_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class AgentList:
    """All observers."""

    agents: tuple[AgentLine, ...]


@dataclass(frozen=True)
class TokenParams:
    """What a token grants."""

    scope: str = "default"
    scan: tuple[str, ...] = ()
    """Prefixes that the observer may scan."""
    hours: float = 24.0
    uses: int = 1
    note: str = ""


@dataclass(frozen=True)
class TokenMade:
    """A new token; its text is told this once."""

    token_id: str
    token: str
    scope: str
    expires_at: datetime
    uses: int
    collectors: tuple[str, ...]
    install: tuple[str, ...]
    """Lines that install the agent on another machine and enrol it."""


@dataclass(frozen=True)
class TokenLine:
    """A token as lists show it."""

    token_id: str
    scope: str
    kinds: tuple[str, ...]
    made_by: str
    made_at: datetime
    expires_at: datetime
    uses: int
    max_uses: int
    revoked_at: datetime | None
    note: str


@dataclass(frozen=True)
class TokenList:
    """All tokens."""

    tokens: tuple[TokenLine, ...]


@dataclass(frozen=True)
class TokenRef:
    """One token."""

    token_id: str


@dataclass(frozen=True)
class AgentRef:
    """One observer."""

    agent: str


@dataclass(frozen=True)
class AllowParams:
    """Prefixes that an observer may scan; they replace those it had."""

    agent: str
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobMade:
    """Work that was queued for an observer."""

    job: str
    agent: str


def agents(context: Context) -> AgentList:
    """All observers, as they stand."""
    return AgentList(tuple(_line(observer) for observer in context.door.list_observers()))


def _list(context: Context, _params: NoParams) -> AgentList:
    return agents(context)


def _make_token(context: Context, params: TokenParams) -> TokenMade:
    from collector.enrolment.tokens import Grants
    from collector.install_lines import install_lines

    if not 0 < params.hours <= _MOST_HOURS or not 0 < params.uses <= _MOST_USES:
        raise InputRefused(f"a token lasts up to {_MOST_HOURS} hours and enrols up to {_MOST_USES}")
    kinds = frozenset({"agent", "scan"} if params.scan else {"agent"})
    grants = Grants(kinds, params.scope, tuple(params.scan))
    made = context.door.make_token(
        grants, timedelta(hours=params.hours), context.account, params.uses, params.note
    )
    addresses = context.door.status().addresses
    return TokenMade(
        made.token.id,
        made.text,
        made.token.grants.scope,
        made.token.expires_at,
        made.token.max_uses,
        addresses.collectors,
        install_lines(made.text),
    )


def _tokens(context: Context, _params: NoParams) -> TokenList:
    return TokenList(tuple(_token(token) for token in context.door.list_tokens()))


def _revoke_token(context: Context, params: TokenRef) -> TokenLine:
    return _token(context.door.revoke_token(params.token_id))


def _revoke(context: Context, params: AgentRef) -> AgentLine:
    return _line(context.door.revoke_observer(params.agent))


def _allow(context: Context, params: AllowParams) -> AgentLine:
    return _line(context.door.allow_scan(params.agent, tuple(params.prefixes)))


def _report_now(context: Context, params: AgentRef) -> JobMade:
    from collector.enrolment.errors import NotKnown
    from collector.jobs import ReportNow, Wanted

    if all(observer.id != params.agent for observer in context.door.list_observers()):
        raise NotKnown(f"there is no observer {params.agent}; 'stocktake agents' lists them")
    wanted = Wanted(made_by=context.account, observer_id=params.agent, report_now=ReportNow())
    return JobMade(context.door.queue_job(wanted).id, params.agent)


def _line(observer: object) -> AgentLine:
    from collector.enrolment.registry import Observer

    assert isinstance(observer, Observer)
    offset = observer.clock_offset
    return AgentLine(
        observer.id,
        observer.hostname,
        tuple(sorted(observer.kinds)),
        observer.scope,
        observer.scan_prefixes,
        observer.agent_version,
        observer.enrolled_at,
        observer.last_seen,
        None if offset is None else offset.total_seconds(),
        observer.outbox_batches,
        observer.complaints,
        observer.certificate_ends_at,
        observer.revoked_at,
    )


def _token(token: object) -> TokenLine:
    from collector.enrolment.tokens import Token

    assert isinstance(token, Token)
    return TokenLine(
        token.id,
        token.grants.scope,
        tuple(sorted(token.grants.kinds)),
        token.made_by,
        token.made_at,
        token.expires_at,
        token.uses,
        token.max_uses,
        token.revoked_at,
        token.note,
    )


OPERATIONS = (
    Operation("agents.list", "GET", "/agents", "Observers", NoParams, AgentList, _list, "viewer"),
    Operation(
        "agents.allow",
        "POST",
        "/agents/{agent}/scan-prefixes",
        "Say which prefixes an observer may scan",
        AllowParams,
        AgentLine,
        _allow,
        "administrator",
    ),
    Operation(
        "agents.report",
        "POST",
        "/agents/{agent}/report",
        "Ask an observer to report now",
        AgentRef,
        JobMade,
        _report_now,
        "scanner_operator",
    ),
    Operation(
        "agents.revoke",
        "POST",
        "/agents/{agent}/revoke",
        "Take an observer's right to report",
        AgentRef,
        AgentLine,
        _revoke,
        "administrator",
    ),
    Operation(
        "tokens.list", "GET", "/tokens", "Tokens", NoParams, TokenList, _tokens, "administrator"
    ),
    Operation(
        "tokens.make",
        "POST",
        "/tokens",
        "Make a token that enrols an observer",
        TokenParams,
        TokenMade,
        _make_token,
        "administrator",
        homeless=Homeless.MAKES,
    ),
    Operation(
        "tokens.revoke",
        "POST",
        "/tokens/{token_id}/revoke",
        "Let nobody in with a token any more",
        TokenRef,
        TokenLine,
        _revoke_token,
        "administrator",
    ),
)
