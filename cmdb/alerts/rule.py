"""What a rule and a finding are. Who finds lies above: licences, changes ... register rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a finding matters, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that can be the matter."""

    name: str
    """Such as licence.short; what is before the dot names the subject's owner."""
    summary: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that holds for a subject now."""

    rule: str
    subject: str
    """What it is about; with the rule it makes the alert one and the same over time."""
    title: str
    text: str
