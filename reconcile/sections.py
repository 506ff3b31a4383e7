"""What a record says after another observation, whatever the order in which they arrive.

Each statement counts at the time it was observed. A whole statement holds until a later whole
one; a partial one overlays single values until a later whole one. An observation that tells all
ends whatever was said before it and is not in it. Equal times are settled by content, never by
arrival. A statement that is overtaken already is history and changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, cast

from cmdb.model.canonical import decode, encode
from cmdb.model.observation import SCALARS, Extent, Json, Section, SectionKind
from cmdb.store.last_words import weight
from cmdb.store.port import StoredSection

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Confirmed then: never said whole."""
_WITHDRAWN = "not in the full report"
OVERLAID = (*SCALARS, SectionKind.HEAD)
"""Sections that are one object of values, told whole or in part."""


class Merged(NamedTuple):
    """What a statement does to a section."""

    section: StoredSection
    late: bool
    """True: it is history; the current word stands."""
    changed: bool
    """False: the same was said again."""
    overtaken: StoredSection | None = None
    """What of a statement is history already, though other parts of it count."""


@dataclass(frozen=True, slots=True)
class Values:
    """A section of values: those told whole and those overlaid."""

    values: Mapping[str, Json]
    overlaid: Mapping[str, datetime]
    """When each value that came in part was said."""
    whole_digest: str = ""


def stored(
    body: bytes, at: datetime, confirmed_at: datetime, content: bytes | None = None
) -> StoredSection:
    """A section ready to be kept; its digest is that of `content`, or of the body without."""
    found = hashlib.blake2b(body if content is None else content, digest_size=16).digest()
    return StoredSection(body, found, at, confirmed_at)


def read_values(body: bytes) -> Values:
    """The values of a section that merge() wrote."""
    parsed = cast("dict[str, Json]", decode(body)) if body else {}
    overlaid = cast("dict[str, str]", parsed.get("p", {}))
    return Values(
        cast("dict[str, Json]", parsed.get("v", {})),
        {name: datetime.fromisoformat(at) for name, at in overlaid.items()},
        str(parsed.get("f", "")),
    )


def write_values(values: Values) -> bytes:
    """The body of a section of values."""
    body: dict[str, Json] = {"v": dict(values.values)}
    if values.whole_digest:
        body["f"] = values.whole_digest
    if values.overlaid:
        body["p"] = {name: at.isoformat() for name, at in values.overlaid.items()}
    return encode(body)


def has_whole(known: Values, confirmed_at: datetime) -> bool:
    """False for a word that came in part and late, of which only the parts are kept."""
    if known.whole_digest or known.values.keys() != known.overlaid.keys() or not known.values:
        return confirmed_at > NEVER
    return NEVER < confirmed_at < min(known.overlaid.values())


def merge(
    kind: SectionKind,
    current: StoredSection | None,
    section: Section,
    body: bytes,
    at: datetime,
    content: bytes | None = None,
) -> Merged:
    """The section after a statement made at `at`.

    Args:
        kind: Which section.
        current: What the record says now, if it says anything.
        section: The statement, full or partial.
        body: Its canonical form; packed releases for programs.
        at: When it was observed.
        content: What the body says, whatever ids a store has in it; None: the body itself.
    """
    if kind in OVERLAID:
        told = cast("dict[str, Json]", section.value)
        if section.extent is Extent.PARTIAL:
            return _merge_part(current, told, at)
        return _merge_whole(current, _Whole.of(section), at)
    new = stored(body, at, at, content)
    if current is None:
        return Merged(new, late=False, changed=True)
    if current.digest == new.digest:
        return Merged(new, late=at < current.confirmed_at, changed=False)
    overtaken = (at, weight(new)) < (current.confirmed_at, weight(current))
    return Merged(new, late=overtaken, changed=True)


class _Whole(NamedTuple):
    """Values that were told whole."""

    values: Mapping[str, Json]
    mark: str
    body: bytes
    """What write_values() writes of them."""

    @classmethod
    def of(cls, section: Section) -> _Whole:
        """Of a statement; of two at one time the one with the greater mark counts."""
        values = cast("dict[str, Json]", section.value)
        told = encode(values)
        if section.reason == _WITHDRAWN:
            return cls(values, "", b'{"v":' + told + b"}")
        mark = hashlib.blake2b(told, digest_size=6).hexdigest()
        return cls(values, mark, b'{"f":"' + mark.encode() + b'","v":' + told + b"}")


def _merge_whole(current: StoredSection | None, told: _Whole, at: datetime) -> Merged:
    if current is None:
        return Merged(stored(told.body, at, at), late=False, changed=True)
    known = read_values(current.body)
    if (at, told.mark) < (current.confirmed_at, known.whole_digest):
        changed = told.mark != known.whole_digest
        return Merged(stored(told.body, at, at), late=True, changed=changed)
    kept = {name: said for name, said in known.overlaid.items() if said >= at}
    if not kept:
        changed = told.body != current.body
        return Merged(stored(told.body, at, at), late=False, changed=changed)
    values = {**told.values, **{name: known.values[name] for name in kept}}
    body = write_values(Values(values, kept, told.mark))
    since = max([at, *kept.values()])
    # What was told whole is kept whole: a word from before those parts needs all of it.
    overtaken = stored(told.body, at, at)
    changed = body != current.body or at != current.confirmed_at
    return Merged(stored(body, since, at), late=False, changed=changed, overtaken=overtaken)


def _merge_part(current: StoredSection | None, told: dict[str, Json], at: datetime) -> Merged:
    known = read_values(current.body) if current else Values({}, {})
    whole_at = current.confirmed_at if current else NEVER
    values, overlaid = dict(known.values), dict(known.overlaid)
    lost: dict[str, Json] = {}
    for name, value in told.items():
        before = overlaid.get(name)
        if before is None:
            # Said in part counts for more than said whole at the same time.
            wins = at >= whole_at
        else:
            wins = (at, encode(value)) > (before, encode(values[name]))
        if wins:
            values[name], overlaid[name] = value, at
        else:
            lost[name] = value
    body = write_values(Values(values, overlaid, known.whole_digest))
    if current is not None and body == current.body:
        late = stored(write_values(Values(told, dict.fromkeys(told, at))), at, at)
        return Merged(late, late=True, changed=True)
    since = at if current is None else max(at, current.observed_at)
    # As of then it is not found in a word that counts from later on.
    parted = told if at < since else lost
    overtaken = (
        stored(write_values(Values(parted, dict.fromkeys(parted, at))), at, at) if parted else None
    )
    return Merged(stored(body, since, whole_at), late=False, changed=True, overtaken=overtaken)


def withdrawn(kind: SectionKind) -> tuple[Section, bytes]:
    """The statement that a source says nothing of this any more.

    Of all that is said at one time it counts for the least.
    """
    if kind in OVERLAID:
        return Section(Extent.FULL, {}, _WITHDRAWN), b""
    return Section(Extent.FULL, None), b"" if kind is SectionKind.PROGRAMS else b"null"
