"""What people decided about identity, as identification takes it.

Acts: `same` and `different` speak of records, the last word about a pair counts; `exclude` takes
records or a whole source out and `include` takes them in again; `retire` and `reinstate` speak
of what records are about; `distrust` and `trust` speak of a value, `crowded` of how many records
may carry one; `undo` takes another decision back as if it had never been made. Decisions are kept
forever, so that each can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import product

from cmdb.model.observation import Decision, RecordKey, Source
from cmdb.store.port import Ledger, RecordId
from reconcile import keys
from reconcile.instants import to_micros
from reconcile.objections import Ruling, Rulings, latest
from reconcile.rules.model import CROWDED, DEFAULTS, Rules

ACTS = (
    "same", "different", "exclude", "include", "retire", "reinstate", "distrust",
    "trust", "crowded", "rules", "undo",
)  # fmt: skip
SIDES = "sides"
"""In `extra` of `same` and `different`: how many of the records, from the first, are one side."""
UNDOES = "undoes"
"""In `extra` of `undo`: number of the decision that is taken back."""
SOURCE = "source"
"""In `extra` of `exclude` and `include`: kind/instance of a whole source."""
KEY, VALUE = "key", "value"
"""In `extra` of `distrust` and `trust`: name of a key, and a value in normal form."""
LIMIT = "n"
"""In `extra` of `crowded`: a value that more records than this carry no longer identifies."""
RULES, FILE = "rules", "file"
"""In `extra` of `rules`: the text of the rules file that holds from now on, and its name."""
BY_HAND = Source("manual", "by-hand")
"""Whose word values are that people set. Its records say nothing of identity: each follows the
record with which a person's `same` binds it."""


@dataclass(frozen=True)
class Decided:
    """Everything that people decided, as it holds now."""

    rulings: Rulings = field(default_factory=Rulings)
    records: frozenset[RecordKey] = frozenset()
    """Records that are excluded."""
    sources: frozenset[Source] = frozenset()
    """Sources that are excluded."""
    follows: Mapping[RecordKey, tuple[RecordKey, int]] = field(default_factory=dict)
    """Records of values that people set: whom each follows, and since when."""
    followers: Mapping[RecordKey, tuple[RecordKey, ...]] = field(default_factory=dict)
    """The other way round."""
    retired: Mapping[RecordKey, tuple[datetime, str]] = field(default_factory=dict)
    """Records of what a person retired: when, and who with which reason."""
    distrusted: frozenset[tuple[str, str]] = frozenset()
    """Keys and values that identify nobody, because a person said so."""
    trusted: frozenset[tuple[str, str]] = frozenset()
    """Keys and values that identify, however many records carry them."""
    crowded: int = CROWDED
    """A value that more records than this carry no longer identifies."""
    rules: Rules = DEFAULTS
    """Everything else by which the engine decides."""

    def excludes(self, key: RecordKey) -> bool:
        """Whether nothing that this record says counts."""
        return key in self.records or key.source in self.sources


def decided(decisions: Iterable[tuple[int, Decision]]) -> Decided:
    """What holds of all decisions, oldest first with their numbers."""
    decisions = tuple(decisions)
    holding = standing(decisions)
    if not holding:
        return Decided()
    rulings = latest((d.act, ruling) for number, d in holding for ruling in _rulings(number, d))
    records, sources = _excluded(holding)
    values = _values(holding)
    follows = dict(_follows(rulings))
    limits = [int(d.extra[LIMIT]) for _, d in holding if d.act == "crowded"]
    rules = _rules(decisions)
    return Decided(
        rulings,
        records,
        sources,
        follows,
        _turned(follows),
        _retired(holding),
        frozenset(pair for pair, act in values.items() if act == "distrust"),
        frozenset(pair for pair, act in values.items() if act == "trust"),
        limits[-1] if limits else rules.crowded,
        rules,
    )


class Holding:
    """What holds by all decisions of a ledger; worked out anew only when there are others."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: tuple[object, Decided] | None = None

    def now(self) -> Decided:
        """What holds."""
        decisions = self._ledger.decisions()
        if self._known is None or self._known[0] is not decisions:
            self._known = decisions, decided(decisions)
        return self._known[1]


def standing(decisions: Iterable[tuple[int, Decision]]) -> list[tuple[int, Decision]]:
    """Decisions that were not taken back, without the takings back."""
    every = list(decisions)
    gone = undone(every)
    return [(n, d) for n, d in every if d.act != "undo" and n not in gone]


def undone(decisions: Iterable[tuple[int, Decision]]) -> dict[int, int]:
    """Decisions that were taken back, with the number of what took each back."""
    found: dict[int, int] = {}
    # An undo can itself be undone, by a later one only: the newest decides.
    for number, decision in sorted(decisions, key=lambda each: each[0], reverse=True):
        if decision.act == "undo" and number not in found:
            target = int(decision.extra[UNDOES])
            if target < number:
                found.setdefault(target, number)
    return found


def versions(decisions: Iterable[tuple[int, Decision]]) -> dict[int, int]:
    """The number of each decision by which rules were put in force, with its version, from 1.

    In order of time, as the decisions are given.
    """
    found = [number for number, decision in decisions if decision.act == RULES]
    return {number: version for version, number in enumerate(found, 1)}


def rules_in_force(
    decisions: Iterable[tuple[int, Decision]],
) -> tuple[int, Decision] | None:
    """The decision by which rules were put in force last and that holds; None: the defaults do."""
    found = [(number, each) for number, each in standing(decisions) if each.act == RULES]
    return found[-1] if found else None


def text_in_force(decisions: Iterable[tuple[int, Decision]]) -> str | None:
    """The file of those rules."""
    last = rules_in_force(decisions)
    return None if last is None else last[1].extra[RULES]


def _rules(every: Sequence[tuple[int, Decision]]) -> Rules:
    last = rules_in_force(every)
    return DEFAULTS if last is None else rules_of(last[1].extra[RULES], versions(every)[last[0]])


@lru_cache(maxsize=16)
def rules_of(text: str, version: int) -> Rules:
    """The rules of a text that was put in force; what is wrong in it by now is left out."""
    from reconcile.rules.read import load

    return replace(load(text).rules, version=version)


def spoken_of(decision: Decision, every: Mapping[int, Decision]) -> Decision | None:
    """What a decision is about in the end: taking back is about what it takes back."""
    last = max(every, default=0) + 1
    while decision.act == "undo":
        number = int(decision.extra[UNDOES])
        if number >= last or number not in every:
            return None
        last, decision = number, every[number]
    return decision


def told_by(number: int, decision: Decision) -> str:
    """A decision as a reason: which, and who made it."""
    why = f"decision {number}: {decision.act}"
    return why + (f", said {decision.by}" if decision.by else "")


def excluding(
    decisions: Iterable[tuple[int, Decision]], key: RecordKey
) -> tuple[int, Decision] | None:
    """The decision by which nothing counts that a record says; None: it counts."""
    named: tuple[int, Decision] | None = None
    whole: tuple[int, Decision] | None = None
    for number, each in standing(decisions):
        if each.act in {"exclude", "include"}:
            made = (number, each) if each.act == "exclude" else None
            named = made if key in each.records else named
            of = each.extra.get(SOURCE)
            whole = made if of is not None and source_of(of) == key.source else whole
    return named or whole


def _rulings(number: int, decision: Decision) -> Iterable[Ruling]:
    if decision.act not in {"same", "different"}:
        return
    why = told_by(number, decision)
    sides = int(decision.extra.get(SIDES, "1"))
    for left, right in product(decision.records[:sides], decision.records[sides:]):
        if left != right:
            yield Ruling((left, right), to_micros(decision.at), why)


def _excluded(
    holding: Iterable[tuple[int, Decision]],
) -> tuple[frozenset[RecordKey], frozenset[Source]]:
    records: dict[RecordKey, bool] = {}
    sources: dict[Source, bool] = {}
    for _, decision in holding:
        if decision.act in {"exclude", "include"}:
            out = decision.act == "exclude"
            records.update(dict.fromkeys(decision.records, out))
            if SOURCE in decision.extra:
                sources[source_of(decision.extra[SOURCE])] = out
    return (
        frozenset(key for key, out in records.items() if out),
        frozenset(source for source, out in sources.items() if out),
    )


def _follows(rulings: Rulings) -> Iterable[tuple[RecordKey, tuple[RecordKey, int]]]:
    for ruling in rulings.same:
        one, two = ruling.records
        if (one.source == BY_HAND) is not (two.source == BY_HAND):
            follower, leader = (one, two) if one.source == BY_HAND else (two, one)
            yield follower, (leader, ruling.at)


def _turned(
    follows: Mapping[RecordKey, tuple[RecordKey, int]],
) -> dict[RecordKey, tuple[RecordKey, ...]]:
    found: dict[RecordKey, tuple[RecordKey, ...]] = {}
    for follower, (leader, _) in sorted(follows.items()):
        found[leader] = (*found.get(leader, ()), follower)
    return found


def _retired(
    holding: Iterable[tuple[int, Decision]],
) -> dict[RecordKey, tuple[datetime, str]]:
    found: dict[RecordKey, tuple[datetime, str]] = {}
    for number, decision in holding:
        if decision.act == "retire":
            why = told_by(number, decision) + (f": {decision.note}" if decision.note else "")
            found.update(dict.fromkeys(decision.records, (decision.at, why)))
        elif decision.act == "reinstate":
            for key in decision.records:
                found.pop(key, None)
    return found


def _values(holding: Iterable[tuple[int, Decision]]) -> dict[tuple[str, str], str]:
    return {
        (name, decision.extra[VALUE]): decision.act
        for _, decision in holding
        if decision.act in {"distrust", "trust"}
        for name in keys.of_one_space(decision.extra[KEY])
    }


def source_of(text: str) -> Source:
    """The source that is written as kind/instance."""
    kind, _, instance = text.partition("/")
    return Source(kind, instance)


def concern_rules(ledger: Ledger, decisions: Iterable[Decision]) -> bool:
    """Whether other rules may hold since these were made."""
    known = dict(ledger.decisions())
    about = (spoken_of(decision, known) for decision in decisions)
    return any(each is not None and each.act == RULES for each in about)


def concerned(ledger: Ledger, decisions: Iterable[Decision]) -> set[RecordId]:
    """Records that may be about something else since these were made."""
    known = dict(ledger.decisions())
    found: set[RecordId] = set()
    for decision in decisions:
        about = spoken_of(decision, known)
        if about is None:
            continue
        rows = (ledger.record(key) for key in about.records)
        found |= {row.id for row in rows if row is not None}
        if SOURCE in about.extra:
            source = source_of(about.extra[SOURCE])
            found |= {row.id for row in ledger.all_records() if row.key.source == source}
        found |= _carrying(ledger, about, known)
    return found


def _carrying(ledger: Ledger, decision: Decision, every: Mapping[int, Decision]) -> set[RecordId]:
    """Records with the value, or with any of the values, of which a decision speaks."""
    if decision.act in {"distrust", "trust"}:
        name, value = decision.extra[KEY], decision.extra[VALUE]
        hashes = {keys.carried_as(name, value)}
        if name in {"mac", "lent_mac"}:
            hashes.add(keys.seen_mac(value))
        return {record for each in hashes for record in ledger.holders(each, keys.EVERYONE)}
    if decision.act == "crowded":
        usual = decided(every.items()).rules.crowded
        least = min(int(decision.extra[LIMIT]), usual, CROWDED) + 1
        return {
            record
            for identifier, _, _ in ledger.common(least)
            for record in ledger.holders(identifier, keys.EVERYONE)
        }
    return set()
