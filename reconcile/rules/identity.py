"""What rules say of the identity of a class, or of one asset, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from reconcile.account import UNKNOWN_CLASS
from reconcile.evidence import KEYS
from reconcile.keys import of_one_space
from reconcile.rules.model import DEFAULT, Rules, lineage

Values = Collection[tuple[str, str]]
"""Keys and normal values."""


@dataclass(frozen=True)
class IdentityRule:
    """One of them."""

    what: str
    value: str
    origin: str


def identity_rules(rules: Rules, cls: str, met: Values | None = None) -> Iterator[IdentityRule]:
    """Those of a class; the order of keys stands at the class of all hardware.

    Of placeholders, under the keys that the file names, all; with `met` those of them that are
    values of its keys, or of keys whose values mean the same.
    """
    if cls == UNKNOWN_CLASS:
        origin = rules.origin("classes", cls, "identity", "order")
        yield IdentityRule("key order", ", ".join(rules.order), origin)
    named = {(key, value) for key, value in _placeholders(rules, cls) if _meets(key, value, met)}
    told = (
        ("keys off", "off", rules.weight(cls).off),
        ("placeholders", "placeholders", {f"{key} {value}" for key, value in named}),
    )
    for what, field, names in told:
        if names:
            origins = (rules.origin("classes", name, "identity", field) for name in lineage(cls))
            lines = [origin for origin in origins if origin != DEFAULT]
            yield IdentityRule(what, _listed(names), "; ".join(lines))


def rules_of_asset(rules: Rules, cls: str, met: Values) -> Iterator[str]:
    """What the file says that concerns an asset which gave these values."""
    for name in dict.fromkeys((UNKNOWN_CLASS, cls)):
        for each in identity_rules(rules, name, met):
            if each.origin != DEFAULT and (name == cls or each.what == "key order"):
                yield f"{each.what}: {each.value} ({each.origin})"


def _placeholders(rules: Rules, cls: str) -> Iterator[tuple[str, str]]:
    """As the file names them: the rules hold them for all keys of one space."""
    for path in rules.lines:
        match path:
            case ("classes", name, "identity", "placeholders", key, value):
                if name in lineage(cls):
                    yield key, value


def _meets(key: str, value: str, met: Values | None) -> bool:
    return met is None or any((each, value) in met for each in of_one_space(key))


def _listed(names: frozenset[str] | set[str]) -> str:
    known = list(KEYS)
    return ", ".join(sorted(names, key=lambda each: (known.index(each.partition(" ")[0]), each)))
