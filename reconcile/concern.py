"""Which records a decision may move: those that it names, those with the value that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cmdb.model.observation import Decision
from cmdb.store.port import Ledger, RecordId
from reconcile import keys
from reconcile.decisions import KEY, LIMIT, RULES, SOURCE, VALUE, decided, source_of, spoken_of
from reconcile.rules.model import CROWDED


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
