"""Per device: one right for each distinct device that has the product installed.

A virtual machine is a device, and so is a container that was taken inventory of by itself.
Several titles or versions of the product on one device need one right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from licenses.metrics.form import Installation, Metric, RequiredRight


def required(installations: Sequence[Installation]) -> tuple[RequiredRight, ...]:
    """One right a device, by name of the device."""
    by_device: dict[tuple[str, str], list[Installation]] = defaultdict(list)
    for each in installations:
        by_device[each.asset_name, each.asset].append(each)
    return tuple(
        RequiredRight(1, asset, name, tuple(sorted(found, key=lambda each: each.title)))
        for (name, asset), found in sorted(by_device.items())
    )


METRIC = Metric("device", "One right for each device that has the product installed", required)
