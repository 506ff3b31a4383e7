"""Keeps the timelines of records while statements come in, and what they touch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from cmdb.model.observation import SCALARS, Extent, Observation, RecordKey, SectionKind
from cmdb.store.port import Identifier, Ledger, RecordId, RecordRow
from reconcile import keys, timeline
from reconcile.evidence import Told, told
from reconcile.instants import to_micros
from reconcile.rules.model import DEFAULTS, Rules
from reconcile.sayings import EVERY, Kinds, Saying, Sayings, left_out, saying
from reconcile.timeline import Timeline, Visit

_TELLING = frozenset({*SCALARS, SectionKind.HEAD, SectionKind.INTERFACES})
_TOLD = frozenset({Extent.FULL, Extent.PARTIAL})


@dataclass
class Touched:
    """What must be identified again."""

    records: dict[RecordId, set[str]] = field(default_factory=dict)
    """Records with other evidence, and the addresses at which that may matter."""


class Witness:
    """The timelines of one transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rules = DEFAULTS
        self._timelines: dict[RecordId, Timeline] = {}
        self._altered: dict[RecordId, bool] = {}
        self._found: dict[RecordId, set[Identifier]] = {}
        self._watched: set[RecordId] = set()
        self.touched = Touched()
        self.fresh: Counter[Identifier] = Counter()
        """By how many records a value is carried since this transaction began."""

    def hear(self, before: RecordRow, observation: Observation) -> None:
        """Notes what an observation tells of identity and place, and of what it speaks.

        Args:
            before: Its record as it was before; what it said then is not told yet.
            observation: What is said.
        """
        visits = self.timeline(before.id).visits
        newest = visits[-1] if visits else None
        self._hear(before.id, observation)
        self._say(before, observation, newest)

    def sayings(self, record: RecordId) -> Sayings:
        """When a record spoke of what; not to be altered by others."""
        return self.timeline(record).sayings

    def _hear(self, record: RecordId, observation: Observation) -> None:
        relations = observation.sections.get(SectionKind.RELATIONS)
        if relations is not None and isinstance(relations.value, list):
            found = self._found.setdefault(record, set())
            found |= keys.references(observation.key, relations.value)
        visits = self.timeline(record).visits
        at = to_micros(min(observation.observed_at, observation.received_at))
        # Each sighting of a scan is judged by itself, also one that tells nothing but its time.
        scan = observation.key.source.kind == keys.SCAN
        if scan or _tells(observation) or not visits or at < visits[0].first:
            self._note(record, observation, at)

    def adopt(self, record: RecordId, observation: Observation) -> None:
        """What a record without a timeline said from its first hearing to its last."""
        self._hear(record, observation)
        known = self.timeline(record)
        known.visits[-1].last = max(known.visits[-1].last, to_micros(observation.received_at))

    def _say(self, before: RecordRow, observation: Observation, newest: Visit | None) -> None:
        """Notes of what an observation speaks, unless the newest visit merely goes on with it."""
        at = min(observation.observed_at, observation.received_at)
        known = self.timeline(before.id)
        sayings = known.sayings
        left = _left(before, observation, at, sayings.left)
        other = left != sayings.left
        late = at < before.seen_at
        begun = not late and known.visits[-1] is not newest
        if newest is not None and (begun or other):
            self._close(before, sayings, newest.first)
        sayings.left = left
        if late or begun or other:
            changed = sayings.note(saying(observation, to_micros(at)))
            if changed or other:
                self._altered[before.id] = True

    def _close(self, before: RecordRow, sayings: Sayings, since: int) -> None:
        """Notes when the record spoke last of each section before what it is about to say."""
        held: dict[int, int] = {}
        for kind, told_at in self._ledger.told_at(before.id).items():
            at = to_micros(told_at)
            held[at] = held.get(at, 0) | 1 << kind.number
        rows = [Saying(at, said, 0) for at, said in held.items()]
        if before.full_at is not None:
            left = EVERY if sayings.left is None else sayings.left
            rows.append(Saying(to_micros(before.full_at), 0, left & ~sum(held.values())))
        for row in rows:
            if row.at >= since and row.kinds:
                sayings.note(row)

    def _says_nothing(self, record: RecordId, said: Told, at: int) -> bool:
        """Whether a statement repeats the class of its thing and tells no more.

        A report of what changed names the class again, and nothing else that identifies.
        """
        known = self.timeline(record)
        if said.evidence.says_who or said.addresses is not None or not known.visits:
            return False
        if at < known.visits[0].first:
            return False
        newest = known.evidence(known.visits[-1])
        return (newest.cls, newest.parent) == (said.evidence.cls, said.evidence.parent)

    def _note(self, record: RecordId, observation: Observation, at: int) -> None:
        said = told(observation)
        scan = observation.key.source.kind == keys.SCAN
        if not scan and self._says_nothing(record, said, at):
            return
        known = self.timeline(record)
        newest = known.visits[-1] if known.visits else None
        near = set(newest.addresses or ()) if newest else set()
        in_order = newest is None or at > newest.last
        # An adapter can be lent from one scan to the next: each sighting is judged by itself.
        new = known.add(at, said, each=scan)
        self._altered[record] = self._altered.get(record, False) or new
        if not new:
            if record in self._watched:
                self.touched.records.setdefault(record, set()).update(near)
            return
        self._find(record, observation.key, keys.identifiers(observation.key, said))
        near |= set(said.addresses or ())
        if not in_order:
            near |= timeline.addresses([known])
        self.touched.records.setdefault(record, set()).update(near)

    def _find(self, record: RecordId, key: RecordKey, new: frozenset[Identifier]) -> None:
        found = self._found.setdefault(record, set())
        found |= new
        family = keys.family(self.timeline(record))
        if keys.goes_by_native_key(family):
            found.add(keys.native(family, key))

    def timeline(self, record: RecordId) -> Timeline:
        """The timeline of a record; not to be altered by others."""
        known = self._timelines.get(record)
        if known is None:
            stored = self._ledger.timeline(record)
            known = timeline.read(stored.body)
            if known.visits:
                known.visits[-1].last = stored.last
            if stored.watched:
                self._watched.add(record)
            self._timelines[record] = known
        return known

    def weigh_by(self, rules: Rules) -> None:
        """Lets these rules say what counts."""
        self._rules = rules

    def weighed(self, record: RecordId) -> Timeline:
        """The timeline of a record with what counts of it by the rules; for reading alone."""
        known = self.timeline(record)
        if not self._rules.weighs:
            return known
        nodes = [self._rules.weight(node.cls).of(node) for node in known.nodes]
        return Timeline(nodes, known.visits)

    def flush(self) -> None:
        """Writes what was altered. Identifiers are only ever added: history is found by them."""
        for record, found in self._found.items():
            before = self._ledger.identifiers(record)
            self.fresh.update(found - before)
            if not found <= before:
                self._ledger.set_identifiers(record, before | found)
        self._found.clear()
        for record, whole in self._altered.items():
            known = self._timelines[record]
            if whole:
                known.sayings.thin(known.borders())
            body = known.pack() if whole else None
            self._ledger.put_timeline(record, body, known.visits[-1].last)
        self._altered.clear()


def _left(
    before: RecordRow, observation: Observation, at: datetime, known: Kinds | None
) -> Kinds | None:
    """What the newest whole report left out, once an observation was heard."""
    full_at = before.full_at
    if not observation.full or (full_at is not None and at < full_at):
        return known
    left = left_out(tuple(observation.sections))
    return left & known if at == full_at and known is not None else left


def _tells(observation: Observation) -> bool:
    return any(
        kind in _TELLING and section.extent in _TOLD
        for kind, section in observation.sections.items()
    )
