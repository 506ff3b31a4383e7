"""Which records can be about one thing: those that share identifying values, directly or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cmdb.model.observation import RecordKey
from cmdb.store.port import Identifier, Ledger, RecordId
from reconcile import keys
from reconcile.decisions import BY_HAND, Decided
from reconcile.rulings import Ruling
from reconcile.stretches import Subject
from reconcile.timeline import parted
from reconcile.witness import Witness


class Reach:
    """Collects components."""

    def __init__(self, ledger: Ledger, witness: Witness, decided: Decided) -> None:
        self._ledger = ledger
        self._witness = witness
        self._keys: dict[RecordId, RecordKey] = {}
        self._decided = decided
        self._partners = _partners(decided.rulings.same)
        rulings = (*decided.rulings.same, *decided.rulings.different)
        with_scan = [r for r in rulings if any(k.source.kind == keys.SCAN for k in r.records)]
        self._scans = {
            key: {other for other in others if other.source.kind == keys.SCAN}
            for key, others in _partners(with_scan).items()
        }
        self.ignored: set[tuple[str, str]] = set(decided.distrusted)
        """Keys and values that too many records carry, or that a person distrusts."""
        self.crossed: set[RecordId] = set()
        """Records that such a value held together until now."""

    def key(self, record: RecordId) -> RecordKey:
        """The key of a record."""
        if record not in self._keys:
            self.load([record])
        return self._keys[record]

    def load(self, records: Iterable[RecordId]) -> None:
        """Reads many keys at once."""
        missing = [record for record in records if record not in self._keys]
        if missing:
            for record, row in self._ledger.records(missing).items():
                self._keys[record] = row.key

    def component(self, start: RecordId) -> list[Subject]:
        """A record and all that it reaches."""
        seen, waiting = {start}, [start]
        while waiting:
            record = waiting.pop()
            for other in self.neighbours(self.subject(record)):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return [self.subject(record) for record in sorted(seen)]

    def subject(self, record: RecordId) -> Subject:
        """A record as identification takes it."""
        timeline = self._witness.weighed(record)
        family = keys.family(timeline)
        key = self.key(record)
        if key in self._decided.cuts:
            timeline = parted(timeline, self._decided.cuts[key])
        native = key.native_key if keys.goes_by_native_key(family) else None
        return Subject(record, key, timeline, family, native)

    def neighbours(self, subject: Subject) -> set[RecordId]:
        """Records that share a value with one, those aside that are excluded."""
        found: set[RecordId] = set()
        for name, value, identifier in self._finds(subject):
            found |= self._holders(name, value, identifier)
        found |= {other for other in self.ruled(subject.key) if not self._witness_only(other)}
        found.discard(subject.record)
        self.load(sorted(found))
        if self._decided.rules.weighs:
            # Found by what it gave; by the rules that names no hardware any more.
            found = {other for other in found if not self._witness_only(other)}
        return {other for other in found if not self._aside(self.key(other))}

    def ruled(self, key: RecordKey) -> set[RecordId]:
        """Records that a person said to be about the same thing."""
        rows = (self._ledger.record(partner) for partner in self._partners.get(key, ()))
        return {row.id for row in rows if row is not None}

    def ruled_scans(self, key: RecordKey) -> set[RecordId]:
        """Records of scans of which a person said something together with this one."""
        rows = (self._ledger.record(other) for other in self._scans.get(key, ()))
        return {row.id for row in rows if row is not None}

    def _aside(self, key: RecordKey) -> bool:
        return key.source == BY_HAND or self._decided.excludes(key)

    def _witness_only(self, record: RecordId) -> bool:
        return keys.witnesses_only(self.key(record), self._witness.weighed(record))

    def _finds(self, subject: Subject) -> Iterator[tuple[str, str, Identifier]]:
        """Keys, values and hashes over which a record reaches others."""
        scan = subject.key.source.kind == keys.SCAN
        for evidence in subject.timeline.nodes:
            if not scan or evidence.identifies_alone:
                yield from keys.finds(evidence)
        for visit in subject.timeline.visits:
            evidence = subject.timeline.evidence(visit)
            if scan and not evidence.identifies_alone:
                continue
            for identifier in keys.named_at(subject.key.scope, evidence, visit.addresses or ()):
                yield "name", "", identifier
        if subject.native is not None:
            yield "native key", "", keys.native(subject.family, subject.key)

    def _holders(self, name: str, value: str, identifier: Identifier) -> set[RecordId]:
        if value and (name, value) in self.ignored:
            return set()
        if (name, value) in self._decided.trusted:
            return set(self._ledger.holders(identifier, keys.EVERYONE))
        crowded = self._decided.crowded
        holders = self._ledger.holders(identifier, crowded + 1)
        if len(holders) > crowded:
            self.crossed |= self._crossed(identifier)
            if value:
                self.ignored.add((name, value))
            if name in {"system_serial", "board_serial"}:
                self.ignored |= {("system_serial", value), ("board_serial", value)}
            return set()
        return set(holders)

    def _crossed(self, identifier: Identifier) -> set[RecordId]:
        """Records that a value tied together until this transaction made it too common."""
        fresh = self._witness.fresh[identifier]
        if not fresh:
            return set()
        crowded = self._decided.crowded
        holders = self._ledger.holders(identifier, crowded + fresh + 1)
        return set(holders) if len(holders) - fresh <= crowded else set()


def _partners(rulings: Iterable[Ruling]) -> dict[RecordKey, set[RecordKey]]:
    found: dict[RecordKey, set[RecordKey]] = {}
    for ruling in rulings:
        one, two = ruling.records
        found.setdefault(one, set()).add(two)
        found.setdefault(two, set()).add(one)
    return found
