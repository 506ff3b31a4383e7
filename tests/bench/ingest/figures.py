"""The figures, each with its goal; what was not measured, and why."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata

Number = int | float


@dataclass(frozen=True)
class Goal:
    """What a figure is held against."""

    key: str
    what: str
    least: Number | None = None
    most: Number | None = None
    unit: str = ""

    def held(self, found: Number) -> bool:
        """Whether the figure is as good as it has to be."""
        low = self.least is None or found >= self.least
        return low and (self.most is None or found <= self.most)

    def text(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f"at least {self.least:,} {self.unit}".rstrip()
        if self.most is not None:
            return f"at most {self.most:,} {self.unit}".rstrip()
        return ""


GOALS = (
    Goal("first_reports_per_s", "first full reports", least=500, unit="/s"),
    Goal("first_reports_slowdown", "1 - last tenth / first tenth", most=0.2),
    Goal("small_changes_per_s", "small changes, random order", least=1_500, unit="/s"),
    Goal("unchanged_per_s", "reports without change", least=3_000, unit="/s"),
    Goal("new_connections_per_s", "check-ins on new connections", least=250, unit="/s"),
    Goal("store_bytes_per_endpoint", "whole home on disk", most=12_000, unit="B"),
    Goal("history_bytes_per_change", "a small change in history", most=250, unit="B"),
    Goal("server_rss_bytes", "memory of all server processes", most=3 << 29, unit="B"),
    Goal("program_query_p95_ms", "program older than a version", most=20, unit="ms"),
    Goal("asset_page_p95_ms", "asset page data", most=20, unit="ms"),
    Goal("search_p95_ms", "full text and filter, first page", most=50, unit="ms"),
    Goal("as_of_p95_ms", "as of a year ago", most=25, unit="ms"),
    Goal("restart_s", "ready after a restart", most=10, unit="s"),
    Goal("acknowledged", "reports acknowledged between kills", least=1),
    Goal("lost", "of these not in the record", most=0),
    Goal("doubled", "of these there twice", most=0),
)


@dataclass
class Figures:
    """What was found so far."""

    values: dict[str, Number] = field(default_factory=dict)
    beside: dict[str, object] = field(default_factory=dict)
    """What is told for the reader and has no goal."""
    missing: dict[str, str] = field(default_factory=dict)
    """Key and why it was not measured."""

    def put(self, key: str, value: Number) -> None:
        """Keeps a figure, rounded to four digits."""
        self.values[key] = value if isinstance(value, int) else float(f"{value:.4g}")
        self.missing.pop(key, None)

    def lines(self) -> Iterator[str]:
        """For people."""
        for goal in GOALS:
            found = self.values.get(goal.key)
            if found is None:
                why = self.missing.get(goal.key, "its phase was not asked for")
                yield f"  -      {goal.key:26} not measured: {why}"
                continue
            word = "ok" if goal.held(found) else "SHORT"
            yield f"  {word:6} {goal.key:26} {found:>16,} {goal.unit:3} {goal.text()}; {goal.what}"

    def json(self) -> dict[str, object]:
        """For machines."""
        absent = {
            goal.key: self.missing.get(goal.key, "its phase was not asked for")
            for goal in GOALS
            if goal.key not in self.values
        }
        short = [
            goal.key
            for goal in GOALS
            if goal.key in self.values and not goal.held(self.values[goal.key])
        ]
        return {**self.values, **self.beside, "not_measured": absent, "short_of_goal": short}


def p95(times_s: Sequence[float]) -> float:
    """95 of a hundred are no slower, in milliseconds."""
    return sorted(times_s)[math.ceil(0.95 * len(times_s)) - 1] * 1000


def surroundings() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {
            name: metadata.version(name) for name in ("stocktake", "grpcio", "protobuf", "numpy")
        },
    }
