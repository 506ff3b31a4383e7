"""What a projection altered, for the change feed.

Values are compared in normal form: a difference in case or rounding is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from cmdb.model.observation import Json
from cmdb.store.port import AssetRow, Part, Projection
from reconcile.authority import alike
from reconcile.lifecycle import PRESENT, Life
from reconcile.rules.model import DEFAULTS, Rules

_MOST_LISTED = 200
"""Programs and parts named in one change; the counts are always whole."""


def altered(
    before: AssetRow | None,
    parts: Sequence[AssetRow],
    after: Projection,
    life: Life,
    rules: Rules = DEFAULTS,
) -> dict[str, Json]:
    """What differs, empty when nothing does.

    Args:
        before: The asset as it was; None when it is new.
        parts: Its parts as they were.
        after: What it is now.
        life: Why it is in its state.
        rules: When two values are the same.
    """
    if before is None:
        born: dict[str, Json] = {"class": after.cls}
        # A run may have missed it before it was heard of.
        return born if after.state == PRESENT else {**born, "state": [None, after.state]}
    detail: dict[str, Json] = {}
    values = _values(before, after, rules)
    if values:
        detail["attributes"] = values
    if before.cls != after.cls:
        detail["class"] = [before.cls, after.cls]
    if before.state != after.state:
        detail["state"] = [before.state, after.state]
        if life.why:
            detail["why"] = life.why
    return {**detail, **inside({(part.cls, part.name) for part in parts}, after.parts)}


def inside(old: Set[tuple[str, str]], parts: Iterable[Part]) -> dict[str, Json]:
    """What differs of the parts, known by class and name."""
    detail: dict[str, Json] = {}
    new = {(part.cls, str(part.attributes.get("name"))) for part in parts}
    for word, names in (("parts_added", new - old), ("parts_removed", old - new)):
        if names:
            detail[word] = [f"{cls} {name}" for cls, name in sorted(names)[:_MOST_LISTED]]
    return detail


def programs(come: Sequence[int], gone: Sequence[int]) -> dict[str, Json]:
    """Releases that were installed or removed; a change of version is both."""
    detail: dict[str, Json] = {}
    for word, releases in (("programs_added", come), ("programs_removed", gone)):
        if releases:
            listed: list[Json] = list(releases[:_MOST_LISTED])
            detail[word] = {"count": len(releases), "releases": listed}
    return detail


def _values(before: AssetRow, after: Projection, rules: Rules) -> dict[str, Json]:
    declared = {attribute.name: attribute for attribute in rules.attributes(after.cls)}
    names = sorted({*before.attributes, *after.attributes})
    found: dict[str, Json] = {}
    for name in names:
        old, new = before.attributes.get(name), after.attributes.get(name)
        attribute = declared.get(name)
        if old != new and not (attribute and alike(attribute, old, new)):
            found[name] = [old, new]
    return found


def merged(*details: Mapping[str, Json]) -> dict[str, Json]:
    """Several details as one."""
    return {name: value for detail in details for name, value in detail.items()}
