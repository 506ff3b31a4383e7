"""The embedded history: what record.db tells of its past. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cmdb.model.observation import Decision, SectionKind, Source
from cmdb.store.history import Marks, Moment, RecordThen
from cmdb.store.sqlite import by_time, carriers, codec, feed, moments, parted, silences
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.bonds import Bond, Bonds
from cmdb.store.sqlite.connection import translated
from cmdb.store.sqlite.holders import Holders
from cmdb.store.sqlite.names import Names
from cmdb.store.sqlite.neighbours import relation_row
from cmdb.store.sqlite.programs import describe
from cmdb.store.sqlite.records import Records
from cmdb.store.sqlite.runs import decision_row, run_row
from cmdb.store.sqlite.sections import KINDS
from cmdb.store.sqlite.spoken import Spoken
from cmdb.store.sqlite.stretches import LINK, in_time, link_row
from cmdb.store.sqlite.talkers import Talkers
from cmdb.store.sqlite.transaction import Transaction
from cmdb.store.sqlite.words import FOREVER, Limits, Word, Words, limits_of
from cmdb.store.values import (
    AssetId,
    Change,
    Identifier,
    Installed,
    LinkRow,
    RecordId,
    RelationRow,
    RunRow,
    StoredSection,
)

if TYPE_CHECKING:
    from cmdb.store.sqlite.scratch import ScratchRecord

MARKS = {"words_from": "past_words", "feed_from": "past_feed", "runs_from": "past_runs"}
"""Where the table meta keeps each mark."""
_PROGRAMS = SectionKind.PROGRAMS.value
_FEED_PAGE = 500
_KNOWN = "tx <= :tx AND (ended_tx IS NULL OR ended_tx > :tx) AND since <= :limit"
_RUNS = (
    "SELECT e.run, coalesce(min(s.at), e.at), e.at, e.body, s.body FROM run e"
    " JOIN source o ON o.id = e.source JOIN scope c ON c.id = e.scope LEFT JOIN run s"
    " ON s.run=e.run AND s.source=e.source AND s.scope=e.scope AND s.event='start'"
    " WHERE o.kind=? AND o.instance=? AND c.name=? AND e.event='end' AND e.state='complete'"
    " AND e.at > ? AND e.at <= ? AND e.tx <= ?"
    " GROUP BY e.id HAVING coalesce(min(s.at), e.at) > ? ORDER BY 2, 1"
)
_STATED = "SELECT source, type, target, at, detail FROM relation WHERE owner=?"
_INSIDE = "SELECT id FROM asset WHERE id=?1 OR parent=?1"
_OTHERS = (
    "SELECT r.id FROM record r CROSS JOIN section s ON s.id = r.id * 16 + :kind"
    " WHERE s.tx > :tx OR s.at > :limit OR EXISTS (SELECT 1 FROM past p JOIN tx t ON t.id = p.tx"
    " WHERE p.aside = s.id AND p.at + t.at > s.at) ORDER BY r.id"
)


class SqliteHistory:
    """See cmdb.store.history.History."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._records = Records(connection, Names(connection), Transaction())
        self._words: tuple[int, Words] | None = None
        """Of the record that was read last: it is asked about several times in a row."""
        self._holders = Holders(connection)
        self._spoken = Spoken(connection)
        self._silences_from: int | None = None
        """Written once, when a store of before schema 8 is brought up to date."""
        self._talkers = Talkers(connection)
        self._bonds = Bonds(connection, Bodies(connection))
        self._others: tuple[Moment, Mapping[RecordId, frozenset[int]]] | None = None

    def moment(self, as_of: datetime | None, known_at: datetime | None) -> Moment:
        """See the port."""
        # What was read for the moment before may have changed since.
        self._words = self._others = None
        tx = FOREVER
        if known_at is not None:
            with translated(self._path):
                tx = by_time.last(self._db, "tx", "at", codec.to_micros(known_at))
        return Moment(as_of, known_at, tx)

    def _last_change(self, at: datetime) -> int:
        return by_time.last(
            self._db, "change", "tx", by_time.last(self._db, "tx", "at", codec.to_micros(at))
        )

    def record(self, record: RecordId, moment: Moment) -> RecordThen | None:
        """See the port."""
        limits = limits_of(moment)
        with translated(self._path):
            row = next(self._records.some([record]), None)
            if row is None or codec.to_micros(row.first_at) > limits.limit:
                return None
            words = self._of(record)
            known = self._chosen(words, row.full_at, limits)
            silent = self._silences(record, limits)
            bodies = {
                SectionKind(kind): moments.stored(word, words.body(word), limits, silent)
                for kind, word in sorted(known.items())
                if kind != _PROGRAMS
            }
        return moments.then(row, bodies, known.values(), limits, silent)

    def _silences(self, record: int, limits: Limits) -> moments.Silences:
        since = silences.at(self._db, record, limits.limit, limits.tx)
        if self._silences_from is None:
            self._silences_from = silences.known_from(self._db)
        return moments.Silences(since, self._silences_from)

    def _chosen(self, words: Words, full_at: datetime | None, limits: Limits) -> dict[int, Word]:
        """Of each section the word that counts; what a later whole report did not say is none."""
        full = 0 if full_at is None else codec.to_micros(full_at)
        whole = full if full <= limits.limit else 0
        found = {}
        for kind in words.kinds(late=limits.as_of is not None):
            word = words.chosen(kind, limits)
            if word is not None and not (word.late and word.at < whole):
                found[kind] = word
        return found

    def _of(self, record: int) -> Words:
        if self._words is None or self._words[0] != record:
            words = Words(self._db, record)
            words.load(self._records.seen(record).confirmed)
            self._words = record, words
        return self._words[1]

    def word_before(
        self, record: RecordId, kind: SectionKind, until: datetime, moment: Moment
    ) -> StoredSection | None:
        """See the port."""
        limits = limits_of(moment)
        with translated(self._path):
            words = self._of(record)
            word = words.before(kind.value, codec.to_micros(until), limits)
            if word is None:
                return None
            return moments.stored(word, words.body(word), limits, self._silences(record, limits))

    def out_of_order(
        self, record: RecordId, kind: SectionKind, moment: Moment
    ) -> tuple[StoredSection, ...]:
        """See the port."""
        with translated(self._path):
            return self._of(record).out_of_order(kind.value, limits_of(moment).tx)

    def programs(self, record: RecordId, moment: Moment) -> tuple[int, ...]:
        """See the port."""
        with translated(self._path):
            words = self._of(record)
            word = words.chosen(_PROGRAMS, limits_of(moment))
            return () if word is None else words.releases(word)

    def programs_on(self, links: Sequence[LinkRow], moment: Moment) -> tuple[int, ...]:
        """See the port."""
        with translated(self._path):
            return tuple(self._spoken.of(links, limits_of(moment)).tolist())

    def parted(self, moment: Moment) -> tuple[AssetId, ...]:
        """See the port."""
        with translated(self._path):
            return tuple(map(AssetId, self._spoken.parted(limits_of(moment))))

    def holders(self, title: int, moment: Moment) -> Mapping[RecordId, tuple[str, ...]]:
        """See the port."""
        others = self._other_programs(moment)
        with translated(self._path):
            versions = dict(
                self._db.execute("SELECT id, version FROM release WHERE title=?", (title,))
            )
            records, releases = self._holders.pairs(sorted(versions))
        found: dict[RecordId, set[str]] = {}
        for record, release in zip(records.tolist(), releases.tolist(), strict=True):
            if record not in others:
                found.setdefault(RecordId(record), set()).add(versions[release])
        for record, held in others.items():
            if mine := {versions[release] for release in held & versions.keys()}:
                found[record] = mine
        return {record: tuple(sorted(held)) for record, held in sorted(found.items())}

    def _other_programs(self, moment: Moment) -> Mapping[RecordId, frozenset[int]]:
        """What records said whose programs were others then than they are now."""
        if self._others is None or self._others[0] != moment:
            limits = limits_of(moment)
            values = {"kind": _PROGRAMS, "tx": limits.tx, "limit": limits.limit}
            with translated(self._path):
                found = [RecordId(row[0]) for row in self._db.execute(_OTHERS, values)]
            programs = {record: frozenset(self.programs(record, moment)) for record in found}
            self._others = moment, programs
        return self._others[1]

    def describe(self, releases: Iterable[int]) -> tuple[Installed, ...]:
        """See the port."""
        with translated(self._path):
            return describe(self._db, releases)

    def linked(self, asset: AssetId, moment: Moment) -> tuple[LinkRow, ...]:
        """See the port."""
        limits = limits_of(moment)
        values = {"asset": asset, "tx": limits.tx, "limit": moments.until(limits)}
        standing = f"{LINK} WHERE asset=:asset AND ended_tx IS NULL AND {_KNOWN}"
        ended = f"{LINK} WHERE +asset=:asset AND ended_tx > :tx AND {_KNOWN}"
        with translated(self._path):
            rows = [*self._db.execute(standing, values)]
            if moment.known_at is not None:
                rows += self._db.execute(ended, values).fetchall()
        found = sorted(map(link_row, rows), key=lambda link: (link.decided_at, link.record))
        return tuple(moments.begun(link, moment) for link in found)

    def stretches(
        self, records: Iterable[RecordId], moment: Moment
    ) -> dict[RecordId, tuple[LinkRow, ...]]:
        """See the port."""
        limits = limits_of(moment)
        found = {}
        for record in records:
            values = {"record": record, "tx": limits.tx, "limit": moments.until(limits)}
            with translated(self._path):
                rows = self._db.execute(f"{LINK} WHERE record=:record AND {_KNOWN}", values)
                links = sorted(map(link_row, rows), key=in_time)
            if links:
                found[record] = tuple(moments.begun(link, moment) for link in links)
        return found

    def assets(self, moment: Moment) -> Iterator[AssetId]:
        """See the port."""
        limits = limits_of(moment)
        values = {"tx": limits.tx, "limit": moments.until(limits)}
        sql = f"SELECT DISTINCT asset FROM link WHERE {_KNOWN} ORDER BY asset"
        with translated(self._path):
            yield from (AssetId(row[0]) for row in self._db.execute(sql, values).fetchall())

    def speakers(self, moment: Moment) -> Mapping[RecordId, AssetId]:
        """See the port."""
        limits = limits_of(moment)
        values = {"tx": limits.tx, "limit": moments.until(limits)}
        sql = f"SELECT record, asset FROM link WHERE {_KNOWN} AND (until IS NULL OR until > :limit)"
        with translated(self._path):
            return {RecordId(row[0]): AssetId(row[1]) for row in self._db.execute(sql, values)}

    def complete_runs(
        self, source: Source, scope: str, after: datetime, moment: Moment
    ) -> tuple[RunRow, ...]:
        """See the port."""
        limits, since = limits_of(moment), codec.to_micros(after)
        values = (source.kind, source.instance, scope, since, limits.limit, limits.tx, since)
        with translated(self._path):
            return tuple(map(run_row, self._db.execute(_RUNS, values)))

    def decisions(self, moment: Moment) -> tuple[tuple[int, Decision], ...]:
        """See the port."""
        limits = limits_of(moment)
        sql = "SELECT id, act, body, at FROM decision WHERE tx <= ? AND at <= ? ORDER BY at, id"
        with translated(self._path):
            rows = self._db.execute(sql, (limits.tx, limits.limit))
            return tuple((row[0], decision_row(*row[1:])) for row in rows)

    def carriers(self, identifier: Identifier) -> tuple[RecordId, ...]:
        """See the port."""
        with translated(self._path):
            return carriers.of(self._db, self._path, identifier)

    def pointing(self, asset: AssetId, limit: int) -> tuple[tuple[AssetId, ...], int]:
        """See the port."""
        with translated(self._path):
            mine = [row[0] for row in self._db.execute(_INSIDE, (asset,))]
            marks = ",".join("?" * len(mine))
            sockets = [
                row[0]
                for row in self._db.execute(
                    f"SELECT asset FROM endpoint WHERE resolved IN ({marks})", mine
                )
            ]
            users = self._talkers.of(sockets) if sockets else {}
            owners = {owner for found in users.values() for owner in found}
            sql = f"SELECT DISTINCT owner FROM relation WHERE target IN ({marks})"
            owners.update(row[0] for row in self._db.execute(sql, mine))
        found = sorted(owners - {asset})
        return tuple(map(AssetId, found[:limit])), len(found)

    def callers(self, places: Iterable[tuple[str, str]]) -> tuple[AssetId, ...]:
        """See the port."""
        with translated(self._path):
            return tuple(map(AssetId, sorted(parted.callers(self._db, self._talkers, places))))

    def relations_between(
        self, owners: Iterable[AssetId], asset: AssetId
    ) -> tuple[RelationRow, ...]:
        """See the port."""
        with translated(self._path):
            mine = {row[0] for row in self._db.execute(_INSIDE, (asset,))}
            marks = ",".join("?" * len(mine))
            sockets: dict[int, int] = dict(
                self._db.execute(
                    f"SELECT asset, resolved FROM endpoint WHERE resolved IN ({marks})", [*mine]
                )
            )
            found = []
            for owner in owners:
                stated = self._db.execute(_STATED, (owner,)).fetchall()
                for bond in [*self._bonds.of(owner), *(Bond(*row) for row in stated)]:
                    target = sockets.get(bond.target, bond.target)
                    if target in mine:
                        found.append(relation_row(bond, target))
        return tuple(found)

    def now_at(self, scope: str, address: str, protocol: str, port: int) -> AssetId | None:
        """See the port."""
        sql = "SELECT resolved FROM endpoint WHERE scope=? AND address=? AND protocol=? AND port=?"
        with translated(self._path):
            row = self._db.execute(sql, (scope, address, protocol, port)).fetchone()
        return AssetId(row[0]) if row and row[0] else None

    def altered(self, asset: AssetId, kinds: Collection[SectionKind], moment: Moment) -> bool:
        """See the port."""
        limits = limits_of(moment)
        until = moments.until(limits)
        with translated(self._path):
            links = self._db.execute(
                "SELECT record, tx, since, until FROM link WHERE asset=? AND ended_tx IS NULL",
                (asset,),
            ).fetchall()
            if any(tx > limits.tx or since > until or end for _, tx, since, end in links):
                return True
            ended = "SELECT 1 FROM link WHERE ended_tx > ? AND +asset=? AND tx <= ?"
            if self._db.execute(ended, (limits.tx, asset, limits.tx)).fetchone():
                return True
            ids = [record * KINDS + kind.value for record, *_ in links for kind in kinds]
            marks = ",".join("?" * len(ids))
            row = self._db.execute(
                f"SELECT max(at), max(tx) FROM section WHERE id IN ({marks})", ids
            ).fetchone()
        return row[0] is None or row[0] > until or row[1] > limits.tx

    def since(self, asset: AssetId, moment: Moment) -> Iterator[Change]:
        """See the port."""
        limits = limits_of(moment)
        with translated(self._path):
            for row in feed.of_asset(self._db, asset):
                late = row[5] > limits.tx if limits.as_of is None else row[1] > limits.limit
                if not late:
                    break
                yield from feed.read(self._db, [row])

    def newest_change(self, at: datetime) -> int:
        """See the port."""
        with translated(self._path):
            return self._last_change(at)

    def feed(self, after: datetime, until: datetime) -> Iterator[Change]:
        """See the port."""
        with translated(self._path):
            first, last = self._last_change(after), self._last_change(until)
            sql = feed.SELECT + "WHERE c.id > ? AND c.id <= ? ORDER BY c.id LIMIT ?"
            while rows := self._db.execute(sql, (first, last, _FEED_PAGE)).fetchall():
                yield from feed.read(self._db, rows)
                first = rows[-1][0]

    def marks(self) -> Marks:
        """See the port."""
        with translated(self._path):
            rows = dict(
                self._db.execute(
                    "SELECT key, value FROM meta WHERE key LIKE 'past\\_%' ESCAPE '\\'"
                )
            )
        return Marks(
            **{
                name: codec.from_micros(int(rows[key]))
                for name, key in MARKS.items()
                if key in rows
            }
        )

    def last_asset(self) -> AssetId:
        """See the port."""
        with translated(self._path):
            row = self._db.execute("SELECT value FROM meta WHERE key='assets'").fetchone()
        return AssetId(int(row[0]) if row else 0)

    @contextmanager
    def scratch(self, assets: Iterable[AssetId]) -> Iterator[ScratchRecord]:
        """See the port."""
        # It is made of all the rest of the store, this module included.
        from cmdb.store.sqlite.scratch import opened_record

        with opened_record(self._db, assets, self.last_asset()) as record:
            yield record
