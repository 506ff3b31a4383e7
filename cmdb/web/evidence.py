"""Why a record is linked to its asset, as lines that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cmdb.model.observation import Json
from cmdb.query.identity import in_stretches


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One value that spoke for or against a link."""

    verdict: str
    """counted, not counted, or known: what the record is found by."""
    key: str
    value: str
    other: str
    """The record that has the same value."""
    why: str


_PARTS = (("joined_by", "counted"), ("ignored", "not counted"), ("keys", "known"))


def evidence_lines(evidence: Json) -> list[EvidenceLine]:
    """The evidence of a link; a form that is not known is one line as it is."""
    if not isinstance(evidence, Mapping):
        return [EvidenceLine("known", "", str(evidence), "", "")] if evidence else []
    return [
        _line(verdict, each) for part, verdict in _PARTS for each in _objects(evidence.get(part))
    ]


def _line(verdict: str, each: Mapping[str, Json]) -> EvidenceLine:
    record = each.get("record")
    other = " ".join(map(str, record)) if isinstance(record, list) else ""
    return EvidenceLine(
        verdict,
        str(each.get("key") or ""),
        str(each.get("value") or ""),
        other,
        f"{each.get('why') or ''}{in_stretches(each)}".strip(),
    )


def _objects(held: Json) -> Iterable[Mapping[str, Json]]:
    return [each for each in held if isinstance(each, Mapping)] if isinstance(held, list) else []
