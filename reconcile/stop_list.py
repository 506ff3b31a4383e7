"""Values that lost their weight, and the number of records beyond which one does.

A thing is told of by as many records as there are sources that look at it, a few more where a
source gives it a new key. So the limit is learned from values that stand on one asset alone: twice
the number of records that 999 of 1,000 of them do not exceed, and never less than `LEAST`. Values
that stand on several assets are what the limit is to catch, and say nothing of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from cmdb.model.declare import KeyForm
from cmdb.model.observation import Decision
from cmdb.query.identity import Learned, Spread, StopList, StopValue
from cmdb.store.port import AssetId, Identifier, Ledger, Record, RecordId
from reconcile import keys
from reconcile.deciding import DecisionRefused, Word
from reconcile.decisions import KEY, LIMIT, VALUE, Decided, decided, standing
from reconcile.evidence import KEYS, LENT
from reconcile.normalise.forms import FORMS, mac
from reconcile.witness import Witness

LEAST = 12
_FEW = 100
"""Values on several records of one asset from which on something can be learned."""
_SHARE = 0.999
_MOST_SHOWN = 500
_AT_ONCE = 1_000
_SEVERAL = AssetId(-1)
_EDITED = frozenset({KeyForm.ATTRIBUTE, KeyForm.MAC})
"""Forms of keys of which people edit values; others hold a scope or more besides."""


def stop_list(record: Record) -> StopList:
    """Values that identify nobody because too many carry them, or because a person said so."""
    every = record.ledger.decisions()
    holding = decided(every)
    values = [*_crowded(record.ledger, holding), *_said(record.ledger, standing(every))]
    numbers = [number for number, decision in standing(every) if decision.act == "crowded"]
    origin = holding.rules.origin("stop_list", "limit")
    if numbers:
        origin = f"decision {numbers[-1]}"
    ordered = sorted(values, key=lambda value: (-value.records, value.key, value.value))
    shown = tuple(ordered[:_MOST_SHOWN])
    return StopList(holding.crowded, bool(numbers), origin, shown)


def distrust(record: Record, key: str, value: str, word: Word) -> Decision:
    """A value identifies nobody from now on.

    Raises:
        DecisionRefused: There is no such key, the value is none of its, or it is so already.
    """
    form = normal(key, value)
    if (key, form) in decided(record.ledger.decisions()).distrusted:
        raise DecisionRefused(f"{key} {value} is on the stop-list already")
    return word.says("distrust", (), **{KEY: key, VALUE: form})


def trust(record: Record, key: str, value: str, word: Word) -> Decision:
    """A value identifies, however many records carry it.

    Raises:
        DecisionRefused: There is no such key, the value is none of its, or it is so already.
    """
    form = normal(key, value)
    if (key, form) in decided(record.ledger.decisions()).trusted:
        raise DecisionRefused(f"{key} {value} was taken off the stop-list already")
    return word.says("trust", (), **{KEY: key, VALUE: form})


def crowded(record: Record, limit: int, word: Word) -> Decision:
    """A value that more records than this carry identifies nobody.

    Raises:
        DecisionRefused: That is the limit already.
    """
    if decided(record.ledger.decisions()).crowded == limit:
        raise DecisionRefused(f"the limit is {limit} already")
    return word.says("crowded", (), **{LIMIT: str(limit)})


def normal(key: str, value: str) -> str:
    """A typed value as identification compares it.

    Raises:
        DecisionRefused: There is no such key, or the value is none of its.
    """
    declared = KEYS.get(key)
    if declared is None or declared.form not in _EDITED:
        allowed = [name for name, each in KEYS.items() if each.form in _EDITED]
        raise DecisionRefused(f"there is no key {key!r}; there are {', '.join(allowed)}")
    form = (mac if declared.form is KeyForm.MAC else FORMS[declared.normal])(value)
    if not form:
        raise DecisionRefused(f"{value!r} is no {key}, or a placeholder that never identifies")
    return form


def learn(record: Record) -> Learned:
    """The limit that this estate suggests; see the rule above."""
    counted = _Counted()
    every = record.ledger.all_records()
    while lot := list(islice(every, _AT_ONCE)):
        ids = [row.id for row in lot]
        links = record.ledger.links(ids)
        witness = Witness(record.ledger)
        for row in lot:
            link = links.get(row.id)
            counted.add(witness, row.id, link.asset if link else _SEVERAL)
    now = decided(record.ledger.decisions()).crowded
    own = sorted(counted.of_one_asset())
    spreads = tuple(counted.spreads())
    if len(own) < _FEW:
        why = f"only {len(own)} values stand on several records of one asset: too few to learn from"
        return Learned(now, now, why, spreads)
    usual = own[min(len(own) - 1, int(_SHARE * len(own)))]
    limit = max(LEAST, 2 * usual)
    why = (
        f"of {len(own)} values that several records of one asset carry, {_SHARE:.1%} are on "
        f"{usual} records or fewer; the limit is twice that, and {LEAST} at least"
    )
    return Learned(limit, now, why, spreads)


@dataclass
class _Counted:
    """How many records carry each value, and whether they are about one asset."""

    records: Counter[Identifier] = field(default_factory=Counter)
    asset: dict[Identifier, AssetId] = field(default_factory=dict)
    key: dict[Identifier, str] = field(default_factory=dict)

    def add(self, witness: Witness, record: RecordId, asset: AssetId) -> None:
        """Counts the values of a record."""
        told = {
            identifier: name
            for node in witness.timeline(record).nodes
            for name, _, identifier in keys.finds(node)
        }
        self.records.update(told.keys())
        for identifier, name in told.items():
            self.key.setdefault(identifier, name)
            if self.asset.setdefault(identifier, asset) != asset:
                self.asset[identifier] = _SEVERAL

    def of_one_asset(self) -> Iterator[int]:
        """Numbers of records of values that stand on several of one asset alone."""
        for identifier, count in self.records.items():
            if count > 1 and self.asset[identifier] != _SEVERAL:
                yield count

    def spreads(self) -> Iterator[Spread]:
        """The distribution of each key."""
        by_key: dict[str, list[int]] = {}
        for identifier, count in self.records.items():
            by_key.setdefault(self.key[identifier], []).append(count)
        for name in (*KEYS, LENT):
            counts = by_key.get(name)
            if counts:
                steps = Counter(_step(count) for count in counts)
                shown = {_label(step): steps[step] for step in sorted(steps)}
                yield Spread(name, len(counts), shown, max(counts))


def _step(count: int) -> int:
    return (count - 1).bit_length()


def _label(step: int) -> str:
    least, most = (2 ** (step - 1) + 1 if step else 1), 2**step
    return str(most) if least == most else f"{least}-{most}"


def _crowded(ledger: Ledger, holding: Decided) -> Iterator[StopValue]:
    """Values that too many records carry, unless a person trusts them."""
    witness = Witness(ledger)
    for identifier, count, record in ledger.common(holding.crowded + 1):
        for name, value in _written(witness, record, identifier):
            if (name, value) not in holding.trusted and (name, value) not in holding.distrusted:
                why = f"on {count} records; from {holding.crowded + 1} on it identifies nobody"
                yield StopValue(name, value.rpartition("\0")[2], count, why)


def _written(
    witness: Witness, record: RecordId, identifier: Identifier
) -> Iterable[tuple[str, str]]:
    """The key and value of a hash, from a record that carries it; nothing for other hashes."""
    return dict.fromkeys(
        (name, value)
        for node in witness.timeline(record).nodes
        for name, value, found in keys.finds(node)
        if found == identifier and name != LENT
    )


def _said(ledger: Ledger, holding: Iterable[tuple[int, Decision]]) -> Iterator[StopValue]:
    """Values of which people said something, the last word about each."""
    last = {
        (d.extra[KEY], d.extra[VALUE]): (number, d)
        for number, d in holding
        if d.act in {"distrust", "trust"}
    }
    if not last:
        return
    wanted = {keys.carried_as(*pair): pair for pair in last}
    counts = {
        wanted[identifier]: count
        for identifier, count, _ in ledger.common(1)
        if identifier in wanted
    }
    for pair, (number, decision) in last.items():
        verb = "identifies nobody" if decision.act == "distrust" else "identifies, however many"
        note = f": {decision.note}" if decision.note else ""
        why = f"{decision.by or 'a person'} said that it {verb}{note}"
        yield StopValue(pair[0], pair[1].rpartition("\0")[2], counts.get(pair, 0), why, number)
