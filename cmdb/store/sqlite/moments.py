"""Links, sections and records of the store as they stand at a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from cmdb.model.observation import SectionKind
from cmdb.store.history import Moment, RecordThen
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.silences import LONG_MICROS
from cmdb.store.sqlite.words import FOREVER, Limits, Word
from cmdb.store.values import LinkRow, RecordRow, StoredSection


@dataclass(frozen=True, slots=True)
class Silences:
    """What is known of whether a record was heard at a moment."""

    since: int | None
    """It was silent since then."""
    known_from: int


def then(
    row: RecordRow,
    bodies: Mapping[SectionKind, StoredSection],
    words: Collection[Word],
    limits: Limits,
    silences: Silences,
) -> RecordThen:
    """The record, heard last when it fell silent, or when any of its words was said last."""
    if codec.to_micros(row.seen_at) <= limits.limit:
        return RecordThen(row, bodies, row.seen_at)
    full = row.full_at
    if full is not None and codec.to_micros(full) > limits.limit:
        full = None
    spanned = any(word.confirmed > limits.limit for word in words)
    seen = max((word.said(limits.limit) for word in words), default=codec.to_micros(row.first_at))
    # What was believed is corrected by the feed, as long as the asset is there.
    held = limits.limit if spanned and limits.as_of is not None else seen
    if silences.since is not None:
        seen = held = silences.since
    elif limits.limit >= silences.known_from:
        seen = max(seen, limits.limit - LONG_MICROS)
        held = max(seen, held)
    then_row = replace(row, seen_at=codec.from_micros(held), full_at=full)
    return RecordThen(then_row, bodies, codec.from_micros(seen))


def until(limits: Limits) -> int:
    """No stretch that begins later counts; what was believed tells of its own time only."""
    return FOREVER if limits.as_of is None else limits.as_of


def begun(link: LinkRow, moment: Moment) -> LinkRow:
    """A stretch as it was told of while it went on."""
    as_of = moment.as_of
    if as_of is None or link.until is None or link.until <= as_of:
        return link
    return replace(link, until=None, last=None)


def stored(word: Word, body: bytes, limits: Limits, silences: Silences) -> StoredSection:
    """A word as the ledger gives it; it was confirmed then, if it was before and after.

    Not where nothing at all was heard of its record.
    """
    latest = limits.limit if silences.since is None else silences.since
    confirmed = min(word.confirmed, latest)
    digest = codec.digest(body) if word.digest is None else word.digest
    return StoredSection(body, digest, codec.from_micros(word.at), codec.from_micros(confirmed))
