"""What a metric is: a pure function from installations to the rights that they require."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Installation:
    """A product found on an asset, by one title."""

    asset: str
    """Its id, such as ci-12."""
    asset_name: str
    cls: str
    title: str
    """Name as installed."""
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequiredRight:
    """Rights that are required, and what requires them."""

    rights: int
    asset: str
    asset_name: str
    evidence: tuple[Installation, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to count."""

    name: str
    summary: str
    required: Callable[[Sequence[Installation]], tuple[RequiredRight, ...]]
    """Of all installations of one product, the rights that they require."""
