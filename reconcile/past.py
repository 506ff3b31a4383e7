"""What was so about one asset, or what was believed of it: its projection at a moment.

The functions that project the present are asked again, with the words and links of the moment.
What they cannot know, the change feed corrects: when a word was merely repeated is kept for the
last time only, and to within 36 hours when its source had been silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from cmdb.model.observation import Decision, Json, RecordKey, SectionKind, Source
from cmdb.store.history import History, Moment, RecordThen
from cmdb.store.port import (
    AssetId,
    Ledger,
    LinkRow,
    Projection,
    Record,
    RecordId,
    RecordRow,
    RunRow,
    StoredSection,
)
from reconcile import keys
from reconcile.account import Account
from reconcile.authority import alike
from reconcile.decisions import decided
from reconcile.lifecycle import PRESENT, RETIRED, Life
from reconcile.project import project
from reconcile.returning import CAME
from reconcile.rules.model import Rules
from reconcile.sections import OVERLAID
from reconcile.things import Things
from reconcile.voices import Voices, gathered

_PAGE = 100
"""Entries of the change feed that are read at once."""

_NEXT = timedelta(microseconds=1)
"""What is said at a moment is known at it."""
_END = datetime.max.replace(tzinfo=UTC)
"""Later than all that was said."""


class PastLedger:
    """What reads of a ledger get at a moment; each record is read once."""

    def __init__(self, ledger: Ledger, history: History, moment: Moment) -> None:
        self._ledger = ledger
        self._history = history
        self._moment = moment
        self._known: dict[RecordId, RecordThen | None] = {}

    def then(self, record: RecordId) -> RecordThen | None:
        """A record at the moment."""
        if record not in self._known:
            found = self._history.record(record, self._moment)
            self._known[record] = None if found is None else self._completed(found)
        return self._known[record]

    def forget(self) -> None:
        """Drops what was read."""
        self._known.clear()

    def _completed(self, found: RecordThen) -> RecordThen:
        """Puts values together where any were told late; what was believed is whole."""
        as_of = self._moment.as_of
        if as_of is None:
            return found
        row, sections = found.row, dict(found.sections)
        for kind in sections.keys() & OVERLAID:
            words = self._history.out_of_order(row.id, kind, self._moment)
            told = gathered(words, self._moment.clock(as_of) + _NEXT) if words else None
            if told is not None:
                sections[kind] = told._replace(confirmed_at=min(told.confirmed_at, row.seen_at))
        return replace(found, sections=sections)

    # As of cmdb.store.port.Ledger

    def record(self, key: RecordKey) -> RecordRow | None:
        """See the port."""
        row = self._ledger.record(key)
        then = None if row is None else self.then(row.id)
        return None if then is None else then.row

    def records(self, ids: Iterable[RecordId]) -> dict[RecordId, RecordRow]:
        """See the port."""
        found = {record: self.then(record) for record in set(ids)}
        return {record: then.row for record, then in found.items() if then is not None}

    def sections(self, record: RecordId) -> dict[SectionKind, StoredSection]:
        """See the port; programs are not among them."""
        then = self.then(record)
        return {} if then is None else dict(then.sections)

    def section(self, record: RecordId, kind: SectionKind) -> StoredSection | None:
        """See the port."""
        return self.sections(record).get(kind)

    def past(self, record: RecordId, kind: SectionKind) -> Iterator[StoredSection]:
        """See the port."""
        current = self.section(record, kind)
        # A word that came late may be about a time within that of the one that counts.
        until: datetime | None = _END if current is not None else None
        while until is not None:
            word = self._history.word_before(record, kind, until, self._moment)
            until = None if word is None else word.observed_at
            if word is not None and not _same(word, current):
                yield word

    def decisions(self) -> tuple[tuple[int, Decision], ...]:
        """See the port: those that say by which rules this is read."""
        if self._moment.known_at is None:
            return self._ledger.decisions()
        return self._history.decisions(replace(self._moment, as_of=None))

    def linked(self, asset: AssetId) -> tuple[LinkRow, ...]:
        """See the port; links of records of which nothing is known are left out."""
        found = self._history.linked(asset, self._moment)
        return tuple(link for link in found if self.then(link.record) is not None)

    def links(self, records: Iterable[RecordId]) -> dict[RecordId, LinkRow]:
        """See the port."""
        found = self.stretches(records).items()
        return {record: link for record, links in found for link in links if link.until is None}

    def stretches(self, records: Iterable[RecordId]) -> dict[RecordId, tuple[LinkRow, ...]]:
        """See the port."""
        return self._history.stretches(records, self._moment)

    def complete_runs(self, source: Source, scope: str, after: datetime) -> tuple[RunRow, ...]:
        """See the port."""
        return self._history.complete_runs(source, scope, after, self._moment)

    def memo(self, name: str) -> str | None:
        """See the port: which runs count for nothing does not change with who returns later."""
        return self._ledger.memo(name)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the change feed tells of an asset."""

    cls: str
    state: str
    attributes: Mapping[str, Json]


class Past:
    """Projects assets as of one moment."""

    def __init__(self, record: Record, moment: Moment, now: datetime) -> None:
        self.moment = moment
        self.clock = moment.clock(now)
        self.record = record
        self.reads = PastLedger(record.ledger, record.history, moment)
        self.ledger = cast("Ledger", self.reads)
        # What people decided by then counts; reasons are those of whoever believes now, or then.
        rules = decided(self.reads.decisions()).rules
        then = decided(record.history.decisions(moment))
        self._decided = replace(then, rules=rules)
        self.rules_note = _rules_note(rules, then.rules, moment)
        """By which rules this is told, where others held then or may be expected to; or nothing."""

    def accounts(self, asset: AssetId) -> list[Account]:
        """What those who spoke of it said."""
        return Voices(self.ledger).of(self.ledger.linked(asset))

    def targets(self, accounts: Sequence[Account]) -> list[tuple[str, AssetId, str]]:
        """Type, asset and part of the relations that they stated, as far as targets were known."""
        stated = [pair for account in accounts for pair in account.relations]
        stated += [("parent", account.parent) for account in accounts if account.parent]
        found = []
        for type_, key in stated:
            row = self.ledger.record(keys.whole_key(key))
            link = self.ledger.links([row.id]).get(row.id) if row else None
            if link is not None:
                found.append((type_, link.asset, key.native_key.partition("#")[2]))
        return list(dict.fromkeys(found))

    def projection(
        self,
        asset: AssetId,
        accounts: Sequence[Account],
        targets: Sequence[tuple[str, AssetId]] = (),
    ) -> Projection:
        """The asset, of which these accounts tell, as it was."""
        life, rules = self.life(accounts), self._decided.rules
        made = project(accounts, targets, life, self.clock, rules)
        return self._corrected(asset, accounts, made)

    def _corrected(
        self, asset: AssetId, accounts: Sequence[Account], made: Projection
    ) -> Projection:
        believed = self.moment.as_of is None
        if (
            not believed
            and not self._doubtful(accounts, made)
            and not self._runs_cut(accounts, made.state)
        ):
            return made
        told = self._told(asset)
        if told is None:
            # Where the feed is cut what was said then is all there is.
            gone = believed and not self._is_cut()
            return replace(made, state=self._last_state(asset)) if gone else made
        if not believed:
            return replace(made, state=told.state)
        return replace(
            made,
            cls=told.cls,
            state=told.state,
            attributes=_agreed(made.attributes, told, self._decided.rules),
        )

    def _last_state(self, asset: AssetId) -> str:
        """The state that the feed told last of an asset that is no more."""
        before: int | None = self.record.history.newest_change(self.clock) + 1
        while before is not None:
            page = self.record.view.changes(asset, _PAGE, before)
            for change in page:
                pair = cast("dict[str, Json]", change.detail).get("state")
                if isinstance(pair, list):
                    return str(pair[1])
                if change.what in CAME:
                    return PRESENT
            before = page[-1].sequence if len(page) == _PAGE else None
        return PRESENT

    def life(self, accounts: Sequence[Account]) -> Life:
        """The state of which these accounts tell."""
        things = Things(cast("Record", _Reading(self.ledger, self.record)), self._decided)
        return things.life(accounts, self.clock)

    def _doubtful(self, accounts: Sequence[Account], made: Projection) -> bool:
        """Whether it would not be present, had nobody seen it since they surely did."""
        known = {account.row.id: self.reads.then(account.row.id) for account in accounts}
        late = [
            replace(account, said_at=min(account.said_at, then.surely_at)) if then else account
            for account in accounts
            for then in [known[account.row.id]]
        ]
        return made.state == PRESENT and late != list(accounts) and self.life(late).state != PRESENT

    def _runs_cut(self, accounts: Sequence[Account], state: str) -> bool:
        """Whether runs are gone by which it may have been missing, or for longer."""
        if state == RETIRED:
            return False
        runs_from = self.record.history.marks().runs_from
        return runs_from is not None and all(each.said_at < runs_from for each in accounts)

    def standing(self, accounts: Sequence[Account], state: str) -> Life:
        """Why it was in a state; where the runs that told of it were cut, that."""
        life = self.life(accounts)
        if state in (life.state, PRESENT) or not self._runs_cut(accounts, life.state):
            return life
        why = (
            f"{state}, as the change feed says; the past is compacted: the runs that told of it"
            " are gone"
        )
        return Life(state, None, None, why)

    def _is_cut(self) -> bool:
        """Whether the feed does not reach back so far any more."""
        feed_from = self.record.history.marks().feed_from
        return feed_from is not None and self.clock < feed_from

    def _told(self, asset: AssetId) -> _Told | None:
        """The asset as it is, with all undone that the feed tells since; None if that is cut."""
        row = self.record.view.asset(asset)
        if row is None or row.id != asset or self._is_cut():
            return None
        cls, state, attributes = row.cls, row.state, dict(row.attributes)
        for change in self.record.history.since(asset, self.moment):
            if change.what in CAME:
                return None
            detail = cast("dict[str, Json]", change.detail)
            cls = _old(detail.get("class"), cls)
            state = _old(detail.get("state"), state)
            for name, pair in cast("dict[str, list[Json]]", detail.get("attributes", {})).items():
                attributes[name] = pair[0]
        held = {name: value for name, value in attributes.items() if value is not None}
        return _Told(cls, state, held)


def _same(word: StoredSection, current: StoredSection | None) -> bool:
    return current is not None and (word.observed_at, word.digest) == (
        current.observed_at,
        current.digest,
    )


class _Reading:
    """The part of a record that Things needs to tell whether something lives."""

    def __init__(self, ledger: Ledger, record: Record) -> None:
        self.ledger = ledger
        self.view = record.view


def _old(pair: Json, now: str) -> str:
    return str(pair[0]) if isinstance(pair, list) and pair else now


def _agreed(made: Mapping[str, Json], told: _Told, rules: Rules) -> dict[str, Json]:
    """What was made, where the feed says the same but for its spelling; else what the feed says."""
    found: dict[str, Json] = {}
    for attribute in rules.attributes(told.cls):
        name = attribute.name
        if name in told.attributes:
            value, other = told.attributes[name], made.get(name)
            same = other is not None and alike(attribute, other, value)
            found[name] = other if same else value
    return found


def _rules_note(used: Rules, then: Rules, moment: Moment) -> str:
    if moment.known_at is not None:
        return f"by rules version {used.version}, which held then" if used.version else ""
    if used.version == then.version:
        return ""
    now = f"rules version {used.version}" if used.version else "the shipped rules"
    before = f"rules version {then.version}" if then.version else "the shipped rules"
    return f"by {now}, which hold now; {before} held then"
