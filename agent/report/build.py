"""Facts into an observation of the contract, in sections with their hashes.

A section that was looked at travels with its body and the body's SHA-256. One that was to be
looked at and could not be is NOT_COLLECTED, one that the collector holds already UNCHANGED; both
carry an empty body of their kind, which says which section it is. Of a list of programs only what
CHANGED travels. Knows nothing of files and nothing of the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from datetime import datetime

from google.protobuf.message import Message

from agent.errors import NotCollected
from agent.facts.programs import Programs
from agent.facts.registry import TABLES, Facts, Table
from agent.facts.root import Root
from agent.report.fill import fill, set_instant
from agent.report.programs import difference, fill_programs
from stocktake.v1 import observation_pb2 as pb

MOST_ROWS = 20_000
"""Most entries that the collector takes in one list."""


def build_observation(
    root: Root,
    *,
    source_instance: str,
    scope: str,
    native_key: str,
    observed_at: datetime,
    sections: Set[str] | None = None,
) -> tuple[pb.Observation, tuple[str, ...]]:
    """Looks at everything, or only at `sections`; and what could not be looked at, for people."""
    observation = pb.Observation(
        source=pb.Source(kind="agent", instance=source_instance),
        scope=scope,
        native_key=native_key,
        full=True,
    )
    # "class" is a word of the language and cannot be written as an argument.
    setattr(observation, "class", "Computer")
    set_instant(observation.observed_at, observed_at)
    for table in TABLES:
        if sections is None or table.section in sections:
            section = _section(root, table)
            if section is not None:
                observation.sections.append(section)
    return observation, root.complaints


def delta(
    observation: pb.Observation,
    acknowledged: Mapping[str, bytes],
    outlines: Mapping[bytes, bytes] | None = None,
) -> pb.Observation:
    """The same observation without what the collector has acknowledged.

    Args:
        observation: All that was seen, whole.
        acknowledged: Content hashes by the name of the section.
        outlines: By content hash, what is remembered of whole lists of programs.
    """
    shorter = pb.Observation()
    shorter.CopyFrom(observation)
    for section in shorter.sections:
        name = section_name(section)
        known = acknowledged.get(name) if name and section.content_hash else None
        if known == section.content_hash and known is not None:
            section.state = pb.SECTION_STATE_UNCHANGED
            _empty_body(section, name)
        elif name == "programs" and known is not None and known in (outlines or {}):
            _differ(section, known, (outlines or {})[known])
    return shorter


def _differ(section: pb.Section, base: bytes, known: bytes) -> None:
    """Leaves of a list of programs what differs from the one that is held, where that is less."""
    changed = difference(section.programs, known)
    if changed is not None and 2 * changed.ByteSize() < section.programs.ByteSize():
        section.state, section.base_hash = pb.SECTION_STATE_CHANGED, base
        section.programs.CopyFrom(changed)


def section_hashes(observation: pb.Observation) -> dict[str, bytes]:
    """Content hashes by the name of the section, for those that have one."""
    return {
        section_name(section): section.content_hash
        for section in observation.sections
        if section.content_hash
    }


def section_name(section: pb.Section) -> str:
    """Name of the section's field in the contract; empty for a section without one."""
    return section.WhichOneof("body") or ""


def body_of(section: pb.Section) -> Message:
    """The section's body, whatever it is."""
    body: Message = getattr(section, section_name(section))
    return body


def seal_section(section: pb.Section) -> None:
    """Marks a filled section as whole and writes its content hash."""
    section.state = pb.SECTION_STATE_FULL
    content = body_of(section).SerializeToString(deterministic=True)
    section.content_hash = hashlib.sha256(content).digest()


def _section(root: Root, table: Table) -> pb.Section | None:
    section = pb.Section()
    _empty_body(section, table.section)
    try:
        facts = table.read(root)
    except NotCollected as reason:
        root.complain(str(reason))
        section.state = pb.SECTION_STATE_NOT_COLLECTED
        section.reason = str(reason)
        return section
    if facts is None:
        return None
    _fill(root, body_of(section), facts)
    seal_section(section)
    return section


def _fill(root: Root, body: Message, facts: Facts) -> None:
    if isinstance(facts, Programs) and isinstance(body, pb.Programs):
        for complaint in fill_programs(body, facts):
            root.complain(complaint)
        return
    for complaint in fill(body, facts, MOST_ROWS):
        root.complain(complaint)


def _empty_body(section: pb.Section, name: str) -> None:
    section.ClearField("body")
    body: Message = getattr(section, name)
    body.SetInParent()
