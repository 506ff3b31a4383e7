"""Links and view made anew from the ledger, in steps that each are one transaction.

First the records that know who they are, then what scans saw of them, then every asset. What is
so afterwards does not depend on what was so before: only ids are kept, by the rule that always
holds (an asset is where its oldest record is). Each asset that was not as it should have been is
noted in the change feed as `rebuilt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.store.port import AssetId, AssetRow, Record, RecordId
from reconcile.components import Components, Move
from reconcile.decisions import decided
from reconcile.shrunken import Shrunken
from reconcile.witness import Witness

REBUILT = "rebuilt"
"""What the change feed says of an asset that was not as it should have been."""
RECORDS, SCANS, ASSETS = "records", "scans", "assets"
STAGES = (RECORDS, SCANS, ASSETS)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work: ids from the first to the last, both included."""

    stage: str
    first: int
    last: int


def steps(record: Record, size: int = 200) -> Iterator[Step]:
    """All of the work, in order. What comes meanwhile is right by itself."""
    records = [row.id for row in record.ledger.all_records()]
    assets = [row.id for row in record.view.all_assets()]
    for stage, ids in ((RECORDS, records), (SCANS, records), (ASSETS, assets)):
        for first in range(1, max(ids, default=0) + 1, size):
            yield Step(stage, first, first + size - 1)


def rebuild(record: Record, step: Step, at: datetime, sequence: int | None = None) -> None:
    """Does one step.

    Args:
        record: The store.
        step: What of it.
        at: The record's clock.
        sequence: Place in the journal up to which everything is then applied.
    """
    with record.transaction(at):
        if step.stage == RECORDS and step.first == 1:
            weigh_runs(record)
        components = components_of(record, at)
        if step.stage == ASSETS:
            _note(record, project(record, components, step), "values")
        else:
            moved = identify(record, components, step)
            assets = {link.asset for move in moved.values() for link in (*move.before, *move.after)}
            _note(record, assets, "links")
        if sequence is not None:
            record.ledger.set_applied(sequence)


def weigh_runs(record: Record) -> None:
    """Weighs anew which runs count; all assets are to be projected after that."""
    shrunken = Shrunken(record.ledger)
    shrunken.anew()
    shrunken.settle()


def components_of(record: Record, at: datetime) -> Components:
    """What settles a step, by the decisions and rules that hold."""
    return Components(record, Witness(record.ledger), decided(record.ledger.decisions()), at)


def differing(record: Record, after: int) -> tuple[AssetId, ...]:
    """Assets that rebuilding changed since a place in the change feed."""
    found: dict[AssetId, None] = {}
    before: int | None = None
    while page := record.view.changes(None, 500, before):
        for change in page:
            if change.sequence > after and change.what == REBUILT:
                found[change.asset] = None
        before = page[-1].sequence
        if before <= after:
            break
    return tuple(sorted(found))


def identify(record: Record, components: Components, step: Step) -> Mapping[RecordId, Move]:
    """Identifies records anew, those that know who they are or those of scans; gives the moves."""
    ids = map(RecordId, range(step.first, step.last + 1))
    identify_these(record, components, ids, scans=step.stage == SCANS)
    return components.moves


def identify_these(
    record: Record, components: Components, ids: Iterable[RecordId], *, scans: bool
) -> None:
    """Identifies these records anew: those of scans, or those that know who they are."""
    rows = record.ledger.records(ids)
    components.identify([r.id for r in rows.values() if components.witnesses_only(r) is scans])
    components.finish()


def project(record: Record, components: Components, step: Step) -> list[AssetId]:
    """Projects assets anew; gives those that were otherwise before."""
    differed = []
    for asset in map(AssetId, range(step.first, step.last + 1)):
        before = _state(record, asset)
        if project_one(record, components, asset) and _state(record, asset) != before:
            differed.append(asset)
    components.finish()
    return differed


def project_one(record: Record, components: Components, asset: AssetId) -> bool:
    """Projects an asset anew; whether the id stands for one."""
    if not record.ledger.linked(asset) and not _own(record.view.asset(asset), asset):
        return False
    components.project(asset)
    return True


def _own(row: AssetRow | None, asset: AssetId) -> bool:
    """Whether it stands for itself: no alias, no part, no socket that others talk to."""
    return row is not None and row.id == asset and row.parent is None and bool(row.source_kinds)


def _note(record: Record, assets: Iterable[AssetId], what: str) -> None:
    for asset in sorted(set(assets)):
        record.view.add_change(asset, REBUILT, {"what": what})


def _state(record: Record, asset: AssetId) -> Json:
    """All that the view shows of an asset, but for when it was written."""
    row = record.view.asset(asset)
    if row is None or row.id != asset:
        return None
    relations: list[Json] = [
        [each.source, each.type, each.target] for each in record.view.relations(asset)
    ]
    parts: list[Json] = [[part.id, part.cls, part.name] for part in record.view.parts(asset)]
    return [
        row.cls, row.name, row.state, row.scope, dict(row.attributes), list(row.source_kinds),
        row.first_seen.isoformat(), row.last_seen.isoformat(), relations, parts,
    ]  # fmt: skip
