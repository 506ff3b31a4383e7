"""What rules say of the identity of a class, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconcile.account import UNKNOWN_CLASS
from reconcile.evidence import KEYS
from reconcile.rules.model import DEFAULT, Rules, lineage


@dataclass(frozen=True)
class IdentityRule:
    """One of them."""

    what: str
    value: str
    origin: str


def identity_rules(rules: Rules, cls: str) -> Iterator[IdentityRule]:
    """Those of a class; the order of keys stands at the class of all hardware."""
    if cls == UNKNOWN_CLASS:
        origin = rules.origin("classes", cls, "identity", "order")
        yield IdentityRule("key order", ", ".join(rules.order), origin)
    weight = rules.weight(cls)
    told = (
        ("keys off", "off", weight.off),
        (
            "placeholders",
            "placeholders",
            {f"{name} {value}" for name, value in weight.placeholders},
        ),
    )
    for what, field, names in told:
        if names:
            origins = (rules.origin("classes", name, "identity", field) for name in lineage(cls))
            lines = [origin for origin in origins if origin != DEFAULT]
            yield IdentityRule(what, _listed(names), "; ".join(lines))


def _listed(names: frozenset[str] | set[str]) -> str:
    known = list(KEYS)
    return ", ".join(sorted(names, key=lambda each: (known.index(each.partition(" ")[0]), each)))
