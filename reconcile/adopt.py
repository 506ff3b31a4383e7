"""Records of a home from before there were timelines: what they say now becomes their first visit.

Their past words stay in the history of their sections; whom a record was about before is not cut
into stretches afterwards, since nobody asked for it then.
"""

from __future__ import annotations

import json
from datetime import datetime

from cmdb.model.observation import SCALARS, Extent, Observation, Section, SectionKind
from cmdb.store.port import Record, RecordRow, StoredSection
from reconcile.rebuild import rebuild, steps
from reconcile.sections import read_values
from reconcile.witness import Witness

_GROUP = 500
_VALUES = frozenset({*SCALARS, SectionKind.HEAD})
_LISTS = frozenset({SectionKind.INTERFACES, SectionKind.RELATIONS})


def adopt(record: Record, at: datetime) -> int:
    """Gives every record a timeline that has none, then identifies all; says how many had none."""
    count = 0
    while missing := record.ledger.without_timeline(_GROUP):
        with record.transaction(at):
            witness = Witness(record.ledger)
            for row in record.ledger.records(missing).values():
                witness.adopt(row.id, _observation(row, record.ledger.sections(row.id)))
            witness.flush()
        count += len(missing)
    if count:
        for step in list(steps(record)):
            rebuild(record, step, at)
    return count


def _observation(row: RecordRow, sections: dict[SectionKind, StoredSection]) -> Observation:
    told: dict[SectionKind, Section] = {}
    for kind, stored in sections.items():
        if kind in _VALUES:
            told[kind] = Section(Extent.FULL, dict(read_values(stored.body).values))
        elif kind in _LISTS and stored.body:
            told[kind] = Section(Extent.FULL, json.loads(stored.body))
    return Observation(row.key, row.first_at, row.seen_at, full=True, sections=told)
