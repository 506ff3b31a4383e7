"""Histories in the import form, and the state that they lead to, without asset ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cmdb.model.observation import RecordKey
from cmdb.store.port import AssetRow, Ledger, LinkRow
from cmdb.store.sqlite.record import SqliteRecord
from collector.sources.lines import parse
from reconcile.pipeline import Pipeline

Say = Callable[..., dict[str, Any]]
START = datetime(2026, 1, 1, tzinfo=UTC)


class Engine:
    """A record and the pipeline that moves it."""

    def __init__(self, record: SqliteRecord) -> None:
        self.record = record
        self.pipeline = Pipeline(record)
        self.now = START

    def tell(self, *lines: dict[str, Any], group: int = 1) -> Engine:
        """Applies lines, some in one transaction."""
        for start in range(0, len(lines), group):
            said = [parse(json.dumps(line)) for line in lines[start : start + group]]
            self.now = max(self.now, *(statement.received_at for statement in said))
            self.pipeline.apply(said, self.now)
        return self

    def find(self, name: str) -> AssetRow:
        return self.record.view.find(name)

    def state(self) -> Any:
        """All that is so, with the records of an asset in place of its id."""
        view, ledger = self.record.view, self.record.ledger
        names: dict[int, str] = {}
        for asset in view.all_assets():
            owner = asset.parent or asset.id
            links = ledger.linked(owner)
            rows = ledger.records(link.record for link in links)
            keys = sorted(
                f"{_written(rows[link.record].key)}[{_number(ledger, link)}]" for link in links
            )
            names[asset.id] = "+".join(keys) + (f"#{asset.name}" if asset.parent else "")
            names[asset.id] = names[asset.id] or asset.name
        assets = {
            names[asset.id]: [
                asset.cls,
                asset.name if asset.name != f"ci-{asset.id}" else "",
                asset.state,
                asset.scope,
                dict(asset.attributes),
                sorted(asset.source_kinds),
                asset.last_seen.isoformat(),
                asset.first_seen.isoformat(),
                [(p.name, p.version) for p in view.installed(asset.id)],
            ]
            for asset in view.all_assets()
        }
        relations = sorted((names[r.source], r.type, names[r.target]) for r in view.all_relations())
        holders = {
            title.name: sorted(
                (names[asset], versions) for asset, versions in view.holders_of(title.id).items()
            )
            for title in view.titles()
        }
        return {"assets": assets, "relations": relations, "holders": holders}


def _written(key: RecordKey) -> str:
    return "/".join((key.source.kind, key.source.instance, key.scope, key.native_key))


def _number(ledger: Ledger, link: LinkRow) -> int:
    """Which of its record's stretches it is: their borders depend on what is in between."""
    return ledger.stretches([link.record])[link.record].index(link)


def observation(
    kind: str, key: str, at: int, *, instance: str = "one", full: bool = True, **fields: Any
) -> dict[str, Any]:
    """A line that was seen and arrived `at` hours after the start."""
    seen = (START + timedelta(hours=at)).isoformat()
    return {
        "type": "observation",
        "at": fields.pop("arrived", seen),
        "observed_at": seen,
        "source": {"kind": kind, "instance": instance},
        "scope": fields.pop("scope", "site"),
        "native_key": key,
        "full": full,
        **fields,
    }
