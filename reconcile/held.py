"""The records of an asset, and how a decision names them: whole, or by a time of theirs.

A record that was about several things is named by the times in which it was about this one, so
that what is decided of it does not follow its native key to a successor. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import RecordKey
from cmdb.store.port import AssetId, LinkRow, Record, RecordId, RecordRow
from reconcile.decisions import BY_HAND
from reconcile.instants import to_micros
from reconcile.links import stands
from reconcile.times import At, Named, Span, Time
from reconcile.witness import Witness

_MOST_SPANS = 50
"""Of a record by turns the last ones: in them it told all that it tells over and over."""


@dataclass(frozen=True)
class Held:
    """A record in a stretch in which it is about an asset."""

    row: RecordRow
    link: LinkRow

    @property
    def key(self) -> RecordKey:
        """The record's name."""
        return self.row.key


class Holdings:
    """The records of one asset."""

    def __init__(self, record: Record, asset: AssetId) -> None:
        links = record.ledger.linked(asset)
        rows = record.ledger.records({link.record for link in links})
        found = [Held(rows[link.record], link) for link in links]
        self.every: Sequence[Held] = sorted(found, key=lambda held: (held.key, held.link.since))
        """By stretch, in the order in which explain() lists them."""
        self._stretches = record.ledger.stretches(rows)
        self._witness = Witness(record.ledger)
        self._asset = asset

    @property
    def listed(self) -> list[Held]:
        """One of each line in the list that explain() gives."""
        lines: dict[tuple[object, ...], Held] = {}
        for held in self.every:
            lines.setdefault((held.key, held.link.rule, held.link.state), held)
        return list(lines.values())

    @property
    def own(self) -> list[Held]:
        """Without what people set."""
        return [held for held in self.every if held.key.source != BY_HAND]

    @property
    def going_on(self) -> list[Held]:
        """Those that are about it to this day; where there is none all that ever were."""
        return [held for held in self.own if held.link.until is None] or self.own

    def speaker(self) -> Held:
        """The record that stands for the asset: the oldest that goes on, scans last."""

        def order(each: Held) -> tuple[bool, bool, RecordId, int]:
            link = each.link
            return not stands(link), link.until is not None, each.row.id, -to_micros(link.since)

        return min(self.own, key=order)

    def binding(self) -> list[Named]:
        """The record that stands for it, as a join names it."""
        held = self.speaker()
        # What a scan saw is judged by sightings; what others told at a moment by its evidence.
        return [self.moment(held)] if stands(held.link) else self.spans([held.key])

    def moment(self, held: Held) -> Named:
        """A record as it was when it last told of the asset."""
        if not self._parted(held.row.id):
            return Named(held.key)
        if held.link.last is not None:
            return Named(held.key, At(to_micros(held.link.last)))
        visits = self._witness.timeline(held.row.id).visits
        since = to_micros(held.link.since)
        return Named(held.key, At(max(visits[-1].last, since) if visits else since))

    def moments(self, held: Iterable[Held]) -> list[Named]:
        """Each of these records once, as it was when it last told of the asset."""
        last = {each.key: each for each in held}
        return [self.moment(each) for _, each in sorted(last.items())]

    def spans(self, keys: Iterable[RecordKey]) -> list[Named]:
        """These records, with all the time in which they were about the asset."""
        return [named for key in sorted(set(keys)) for named in self._spans(key)]

    def meets(self, key: RecordKey, time: Time) -> bool:
        """Whether a record told of the asset in some time of its own."""
        own = [held for held in self.every if held.key == key]
        return any(time is None or time.meets(x.link, first=self._is_first(x.link)) for x in own)

    def links(self, key: RecordKey) -> Sequence[LinkRow]:
        """All stretches of one of the records, also those about other assets."""
        return next(self._stretches[held.row.id] for held in self.every if held.key == key)

    def parted_at(self, key: RecordKey, at: datetime) -> tuple[list[Named], list[Named]]:
        """A record's time about the asset before a moment, and from it on, as far as it told."""
        cut = to_micros(at)
        spans = [_span(held.link, first=self._is_first(held.link)) for held in self._of(key)]
        before = [_clipped(span, None, cut) for span in spans]
        after = [_clipped(span, cut, None) for span in spans]
        visits = self._witness.timeline(self._of(key)[0].row.id).visits

        def told(span: Span | None) -> bool:
            return span is not None and any(span.holds(x.first, x.last) for x in visits)

        return [Named(key, x) for x in before if told(x)], [Named(key, x) for x in after if told(x)]

    def _of(self, key: RecordKey) -> list[Held]:
        return [held for held in self.every if held.key == key][-_MOST_SPANS:]

    def _spans(self, key: RecordKey) -> list[Named]:
        own = self._of(key)
        if not self._parted(own[0].row.id):
            return [Named(key)]
        return [Named(key, _span(x.link, first=self._is_first(x.link))) for x in own]

    def _parted(self, record: RecordId) -> bool:
        """Whether a record is, or was, about another asset, too."""
        return any(link.asset != self._asset for link in self._stretches.get(record, ()))

    def _is_first(self, link: LinkRow) -> bool:
        return link.since == self._stretches[link.record][0].since


def _span(link: LinkRow, *, first: bool) -> Span:
    since = None if first else to_micros(link.since)
    return Span(since, None if link.until is None else to_micros(link.until))


def _clipped(span: Span, since: int | None, until: int | None) -> Span | None:
    """What of a span lies in another; None: nothing."""
    sinces = [end for end in (span.since, since) if end is not None]
    untils = [end for end in (span.until, until) if end is not None]
    found = Span(max(sinces, default=None), min(untils, default=None))
    if found.since is not None and found.until is not None and found.since >= found.until:
        return None
    return found
