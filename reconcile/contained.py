"""What runs in a container and what stands in an enclosure, as far as those tell who look.

Says why two sides are two things, or nothing; what comes of it is reconcile/objections.py.
"""

from __future__ import annotations

from reconcile.cluster import HOSTED, Cluster
from reconcile.unlike import disjoint


def housing(one: Cluster, two: Cluster) -> str:
    """Whether one holds others, and the other is none that does."""
    kinds = [{grain.houses for grain in side.grains} - {None} for side in (one, two)]
    apart = all(kinds) and not kinds[0] & kinds[1]
    return "one is an enclosure, the other stands in one" if apart else ""


def contained(one: Cluster, two: Cluster) -> str:
    """Whether agents say that one runs in a container and the other does not."""
    kinds = [{grain.is_container for grain in side.grains} - {None} for side in (one, two)]
    apart = all(kinds) and not kinds[0] & kinds[1]
    return "one is a container, the other is none" if apart else ""


def are_containers(one: Cluster, two: Cluster) -> bool:
    """Whether agents say of both that they run in a container."""
    return all(any(grain.is_container for grain in side.grains) for side in (one, two))


def of_two_containers(one: Cluster, two: Cluster, *, by_name: bool) -> str:
    """Why two that run in containers run in two of them.

    Args:
        one: What agents tell of a container ...
        two: ... and of one, too.
        by_name: Whether nothing but a name would join them.
    """
    if disjoint(one, two, "name"):
        return "they are containers with two names"
    if by_name and disjoint(one, two, HOSTED):
        return "they are containers on two hosts"
    return ""
