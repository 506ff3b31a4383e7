"""Runs of sources and decisions of people, as they were told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from cmdb.model.observation import FORMER_ACTS, Decision, Json, RecordKey, RunEvent, Source
from cmdb.store.port import RunRow
from cmdb.store.sqlite import codec
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.transaction import Transaction

_FORMERLY = {now: before for before, now in FORMER_ACTS.items()}
_NEWEST = (
    "SELECT s.kind, s.instance, c.name, n.at FROM (SELECT source, scope, max(at) AS at FROM run"
    " WHERE event='end' AND state='complete' GROUP BY source, scope) n"
    " JOIN source s ON s.id=n.source JOIN scope c ON c.id=n.scope"
)


class Runs:
    """The tables run and decision."""

    def __init__(self, connection: sqlite3.Connection, names: Names, tx: Transaction) -> None:
        self._db = connection
        self._names = names
        self._tx = tx
        self._decisions: tuple[int, tuple[tuple[int, Decision], ...]] = (0, ())
        self._newest: tuple[int, dict[tuple[Source, str], datetime]] | None = None

    def forget(self) -> None:
        """Forgets what was read."""
        self._decisions = (0, ())
        self._newest = None

    def add(self, event: RunEvent) -> None:
        """Keeps the start or the end of a run; told again it is the same."""
        body = codec.canonical(
            {"all": event.covers_all, "prefixes": list(event.prefixes), "reason": event.reason}
        )
        row = (
            event.run,
            self._names.source(event.source),
            self._names.scope(event.scope),
            event.event,
            event.state,
            body.decode(),
            codec.to_micros(event.at),
        )
        self._db.execute(
            "INSERT INTO run (run, source, scope, event, state, body, at, tx)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM run WHERE"
            " run=?1 AND source=?2 AND scope=?3 AND event=?4 AND state IS ?5 AND at=?7)",
            (*row, self._tx.id),
        )
        self._newest = None

    def newest(self) -> Mapping[tuple[Source, str], datetime]:
        """Of each source and scope with complete runs when the last of them ended."""
        # Asked for in every transaction; another connection may have written since.
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if self._newest is None or self._newest[0] != version:
            rows = self._db.execute(_NEWEST)
            found = {(Source(k, i), scope): codec.from_micros(at) for k, i, scope, at in rows}
            self._newest = version, found
        return self._newest[1]

    def complete(self, source: Source, scope: str, after: datetime) -> tuple[RunRow, ...]:
        """Complete runs of a source over a scope that began after a time, oldest first."""
        rows = self._db.execute(
            "SELECT e.run, coalesce(min(s.at), e.at), e.at, e.body, s.body FROM run e"
            " LEFT JOIN run s ON s.run=e.run AND s.source=e.source AND s.scope=e.scope"
            " AND s.event='start'"
            " WHERE e.source=(SELECT id FROM source WHERE kind=? AND instance=?)"
            " AND e.scope=(SELECT id FROM scope WHERE name=?)"
            " AND e.event='end' AND e.state='complete' AND e.at>?"
            " GROUP BY e.id HAVING coalesce(min(s.at), e.at)>? ORDER BY 2, 1",
            (source.kind, source.instance, scope, *(codec.to_micros(after),) * 2),
        )
        return tuple(map(run_row, rows))

    def decide(self, decision: Decision) -> None:
        """Keeps a person's word."""
        records: list[Json] = [
            [key.source.kind, key.source.instance, key.scope, key.native_key]
            for key in decision.records
        ]
        body = codec.canonical(
            {
                "records": records,
                "by": decision.by,
                "note": decision.note,
                "extra": dict(decision.extra),
            }
        )
        self._db.execute(
            "INSERT INTO decision (act, body, at, tx) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS"
            " (SELECT 1 FROM decision WHERE act IN (?1, ?5) AND body=?2 AND at=?3)",
            (
                decision.act,
                body.decode(),
                codec.to_micros(decision.at),
                self._tx.id,
                _FORMERLY.get(decision.act),
            ),
        )

    def decisions(self) -> tuple[tuple[int, Decision], ...]:
        """Every word of people with its number, oldest first."""
        # Asked for in every transaction, and added to seldom: rules files make them long.
        newest = self._db.execute("SELECT max(id) FROM decision").fetchone()[0] or 0
        if newest != self._decisions[0]:
            rows = self._db.execute("SELECT id, act, body, at FROM decision ORDER BY at, id")
            found = tuple((row[0], decision_row(*row[1:])) for row in rows)
            self._decisions = (newest, found)
        return self._decisions[1]


def run_row(row: tuple[str, int, int, str, str | None]) -> RunRow:
    """A run of its name, start and end, and what was told at its end and at its start."""
    run, began, ended, body, at_start = row
    told = json.loads(body)
    if at_start and not told["all"] and not told["prefixes"]:
        # What it would cover was told when it began.
        told = json.loads(at_start)
    return RunRow(
        run,
        codec.from_micros(began),
        codec.from_micros(ended),
        bool(told["all"]),
        tuple(told["prefixes"]),
    )


def decision_row(act: str, body: str, at: int) -> Decision:
    """A decision of its act, body and time."""
    told = json.loads(body)
    when = codec.from_micros(at)
    records = tuple(RecordKey(Source(k, i), scope, key) for k, i, scope, key in told["records"])
    return Decision(
        FORMER_ACTS.get(act, act),
        records,
        when,
        when,
        told.get("by", ""),
        told.get("note", ""),
        told.get("extra", {}),
    )
