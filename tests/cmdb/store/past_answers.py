"""What a record tells of its past, as short text: of each moment, record and asset one digest."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from cmdb.model.observation import SectionKind
from cmdb.store.history import Moment
from cmdb.store.sqlite.record import SqliteRecord
from cmdb.store.values import RecordId, StoredSection
from tests.reconcile.history import START

_HOURS = (-1, 0, 3, 6, 9, 12, 18, 24, 30, 36, 60, 96, 130, 200)


def answers(record: SqliteRecord) -> dict[str, str]:
    """All that is asked, by a name that says what."""
    found: dict[str, str] = {}
    times = [START + timedelta(hours=hours) for hours in _HOURS]
    pairs: list[tuple[datetime | None, datetime | None]] = [(at, None) for at in times]
    pairs += [(None, at) for at in times]
    pairs += [(at, known) for at in times[1::3] for known in times[1::2]]
    for row in record.ledger.all_records():
        for kind in SectionKind:
            words = [_said(word) for word in record.ledger.past(row.id, kind)]
            if words:
                found[f"record {row.id} {kind.name}"] = _digest(words)
    for as_of, known_at in pairs:
        moment = record.history.moment(as_of, known_at)
        for row in record.ledger.all_records():
            found[f"{row.id} at {_name(as_of)}, known {_name(known_at)}"] = _digest(
                _then(record, row.id, moment, times)
            )
    for asset in record.view.all_assets():
        changes = record.view.changes(asset.id, 1_000, None)
        found[f"feed of {asset.id}"] = _digest([_change(change) for change in changes])
        moment = record.history.moment(times[6], None)
        since = [_change(change) for change in record.history.since(asset.id, moment)]
        found[f"since, of {asset.id}"] = _digest(since)
    found["feed"] = _digest(
        [_change(change) for change in record.history.feed(times[0], times[-1])]
    )
    return found


def _then(record: SqliteRecord, row: RecordId, moment: Moment, times: list[datetime]) -> Any:
    history = record.history
    then = history.record(row, moment)
    if then is None:
        return None
    before = [
        (kind.name, at.isoformat(), _said(word))
        for kind in SectionKind
        for at in times[::4]
        if (word := history.word_before(row, kind, at, moment)) is not None
    ]
    programs = [
        (each.name, each.version) for each in history.describe(history.programs(row, moment))
    ]
    sections = sorted((kind.name, _said(section)) for kind, section in then.sections.items())
    return sections, then.row.seen_at.isoformat(), before, programs


def _said(word: StoredSection) -> tuple[str, ...]:
    digests = [word.digest, hashlib.sha256(word.body).digest()]
    return (
        *(digest.hex() for digest in digests),
        word.observed_at.isoformat(),
        word.confirmed_at.isoformat(),
    )


def _change(change: Any) -> tuple[Any, ...]:
    return change.sequence, change.at.isoformat(), change.asset, change.what, change.detail


def _name(at: datetime | None) -> str:
    return "any" if at is None else at.isoformat()[:13]


def _digest(told: Any) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]
