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
from itertools import combinations, product

from cmdb.model.observation import Decision, RecordKey, Source
from cmdb.query.identity import ref_of
from cmdb.store.port import Ledger
from reconcile import keys
from reconcile.instants import to_micros
from reconcile.rules.model import CROWDED, DEFAULTS, Rules
from reconcile.rulings import Ruling, Rulings, latest
from reconcile.times import At, Named, Span, Time, instants, read

ACTS = (
    "same", "different", "exclude", "include", "retire", "reinstate", "set", "distrust",
    "trust", "crowded", "rules", "undo",
)  # fmt: skip
SIDES = "sides"
"""In `extra` of `same` and `different`: how many of the records, from the first, are one side;
all of them in `same`: each is one with each, so that taking one out leaves the others together."""
TIMES = "times"
"""In `extra` of `same`, `different`, `retire` and `reinstate`: of which time of each record they
speak, in their order (reconcile/times.py). Without it they speak of whole records."""
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


@dataclass(frozen=True, slots=True)
class LifeWord:
    """A person's word that what a record is about is retired, or not."""

    retires: bool
    at: datetime
    why: str
    time: Time
    """Of which time of the record it speaks."""


@dataclass(frozen=True)
class Decided:
    """Everything that people decided, as it holds now."""

    rulings: Rulings = field(default_factory=Rulings)
    records: frozenset[RecordKey] = frozenset()
    """Records that are excluded."""
    sources: frozenset[Source] = frozenset()
    """Sources that are excluded."""
    cuts: Mapping[RecordKey, tuple[int, ...]] = field(default_factory=dict)
    """Records of which people say that they were about other things before and after some times."""
    begins: Mapping[RecordKey, int] = field(default_factory=dict)
    """Records of which people speak from a time on: the latest such time."""
    follows: Mapping[RecordKey, tuple[RecordKey, int]] = field(default_factory=dict)
    """Records of values that people set: whom each follows, as that was at which time."""
    followers: Mapping[RecordKey, tuple[RecordKey, ...]] = field(default_factory=dict)
    """The other way round."""
    retired: Mapping[RecordKey, tuple[LifeWord, ...]] = field(default_factory=dict)
    """Records of what people retired and reinstated: their words, in order of time."""
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
        _cuts(rulings),
        _begins(rulings),
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


def named(decision: Decision) -> tuple[Named, ...]:
    """The records of a decision, with the time of each of which it speaks."""
    times = _times(decision.extra[TIMES]) if TIMES in decision.extra else ()
    return tuple(
        Named(key, times[place] if place < len(times) else None)
        for place, key in enumerate(decision.records)
    )


_times = lru_cache(maxsize=256)(read)


def _rulings(number: int, decision: Decision) -> Iterable[Ruling]:
    if decision.act not in {"same", "different"}:
        return
    why = told_by(number, decision)
    sides = int(decision.extra.get(SIDES, "1"))
    about = named(decision)
    every = sides == len(about) and decision.act == "same"
    pairs = combinations(about, 2) if every else product(about[:sides], about[sides:])
    for left, right in pairs:
        if left != right and not (every and left.key == right.key):
            yield Ruling(
                (left.key, right.key),
                to_micros(decision.at),
                why + in_words([left, right]),
                (left.time, right.time),
            )


def in_words(about: Iterable[Named]) -> str:
    """Of which times of records a word speaks, to be put behind it; nothing for whole records."""
    told = [f"{ref_of(each.key)} {each.time.told()}" for each in about if each.time]
    return f" ({', '.join(told)})" if told else ""


def _cuts(rulings: Rulings) -> dict[RecordKey, tuple[int, ...]]:
    """Where a record is parted from itself."""
    found: dict[RecordKey, set[int]] = {}
    for ruling in rulings.different:
        one, two = ruling.records
        if one == two:
            found.setdefault(one, set()).update(instants(ruling.times))
    return {key: tuple(sorted(times)) for key, times in found.items()}


def _begins(rulings: Rulings) -> dict[RecordKey, int]:
    found: dict[RecordKey, int] = {}
    for ruling in (*rulings.same, *rulings.different):
        for key, time in zip(ruling.records, ruling.times, strict=True):
            if isinstance(time, Span) and time.since is not None:
                found[key] = max(time.since, found.get(key, time.since))
    return found


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
            time = ruling.time_of(leader)
            at = time.at if isinstance(time, At) else ruling.at
            if not any(_parts(each, ruling, leader, at) for each in rulings.different):
                yield follower, (leader, at)


def _parts(later: Ruling, same: Ruling, leader: RecordKey, at: int) -> bool:
    """Whether a later word speaks of two records, as one of them was at a moment."""
    if set(later.records) != set(same.records) or later.at <= same.at:
        return False
    time = later.time_of(leader)
    return time.holds(at, at) if isinstance(time, Span) else time in {None, At(at)}


def _turned(
    follows: Mapping[RecordKey, tuple[RecordKey, int]],
) -> dict[RecordKey, tuple[RecordKey, ...]]:
    found: dict[RecordKey, tuple[RecordKey, ...]] = {}
    for follower, (leader, _) in sorted(follows.items()):
        found[leader] = (*found.get(leader, ()), follower)
    return found


def _retired(holding: Iterable[tuple[int, Decision]]) -> dict[RecordKey, tuple[LifeWord, ...]]:
    found: dict[RecordKey, tuple[LifeWord, ...]] = {}
    for number, decision in holding:
        if decision.act in {"retire", "reinstate"}:
            note = f": {decision.note}" if decision.note else ""
            for each in named(decision):
                why = told_by(number, decision) + in_words([each]) + note
                word = LifeWord(decision.act == "retire", decision.at, why, each.time)
                found[each.key] = (*found.get(each.key, ()), word)
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
