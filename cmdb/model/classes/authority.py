"""Whose word goes before whose, as declared for groups of attributes."""

from datetime import timedelta

from cmdb.model.declare import Authority, Rank, Rule

_STALE = {
    "agent": timedelta(days=30),
    "snmp": timedelta(days=14),
    "cloud": timedelta(days=7),
    "scan": timedelta(days=14),
    "import": timedelta(days=365),
    "manual": None,
    "demo": None,
}


def _order(*kinds: str) -> tuple[Rank, ...]:
    return tuple(Rank(kind, _STALE[kind]) for kind in kinds)


MEASURED = Authority(_order("agent", "snmp", "cloud", "manual", "import", "scan", "demo"))
"""What a machine can read of itself: its own agent knows best, a list is older than it looks."""

STATED = Authority(_order("manual", "import", "cloud", "agent", "snmp", "scan", "demo"))
"""What only people know: owner, location, purpose."""

LATEST = Authority(MEASURED.ranks, Rule.LATEST)
"""What changes hands: the newest word."""
