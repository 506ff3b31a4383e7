"""Weak keys of which two must agree: an asset number and a name, a software MAC and an address."""

from __future__ import annotations

from collections.abc import Callable

from reconcile.cluster import HOSTED, Cluster
from reconcile.evidence import MODEL


def _named_alike(one: Cluster, two: Cluster) -> bool:
    return bool(one.of("name") & two.of("name"))


def _modelled_alike(one: Cluster, two: Cluster) -> bool:
    return bool(one.of(MODEL) & two.of(MODEL))


def _placed_alike(one: Cluster, two: Cluster) -> bool:
    return bool(one.places & two.places)


def _hosted_alike(one: Cluster, two: Cluster) -> bool:
    return bool(one.of(HOSTED) & two.of(HOSTED))


PAIRS: tuple[tuple[str, tuple[Callable[[Cluster, Cluster], bool], ...]], ...] = (
    ("asset_tag", (_named_alike, _modelled_alike)),
    ("local_mac", (_named_alike, _placed_alike)),
    ("name", (_placed_alike, _hosted_alike)),
)
