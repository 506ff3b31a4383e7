"""Why records are about an asset, each told once, however many stretches of time it was about it.

A clone speaks by turns: its stretches have the same reasons over and over. Knows shapes only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from cmdb.model.observation import Json
from reconcile.explained import LinkExplained, StretchExplained

IN = "stretches"
"""In a reason: of which of the stretches, from 1, it holds; left out where it is of all."""


def by_record(links: Iterable[LinkExplained]) -> tuple[LinkExplained, ...]:
    """Links of one record by one rule as one, in the order of their first."""
    found: dict[tuple[object, ...], list[LinkExplained]] = {}
    for link in links:
        record = (link.source_kind, link.source_instance, link.scope, link.native_key)
        found.setdefault((record, link.rule, link.state), []).append(link)
    return tuple(map(_one, found.values()))


def _one(links: Sequence[LinkExplained]) -> LinkExplained:
    stretches = tuple(StretchExplained(link.since, link.until) for link in links)
    if len(links) == 1:
        return replace(links[0], stretches=stretches)
    last = links[-1]
    return replace(
        last,
        since=links[0].since,
        last_seen=max(link.last_seen for link in links),
        keys=tuple(sorted({key for link in links for key in link.keys})),
        uncounted=tuple(dict.fromkeys(each for link in links for each in link.uncounted)),
        evidence=_evidence([link.evidence for link in links]),
        stretches=stretches,
    )


def _evidence(told: Sequence[Json]) -> Json:
    """Every reason once; of which stretches it holds, where it is not of all."""
    reasons: dict[tuple[str, str], list[int]] = {}
    found: dict[str, Json] = {}
    for number, each in enumerate(told, start=1):
        for word, held in each.items() if isinstance(each, dict) else ():
            if not isinstance(held, list):
                found[word] = held
                continue
            for reason in held:
                place = word, json.dumps(reason, sort_keys=True)
                numbers = reasons.setdefault(place, [])
                if number not in numbers:
                    numbers.append(number)
    for (word, text), numbers in reasons.items():
        reason = json.loads(text)
        if len(numbers) < len(told) and isinstance(reason, dict):
            reason[IN] = list[Json](numbers)
        cast("list[Json]", found.setdefault(word, [])).append(reason)
    return found
