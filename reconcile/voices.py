"""Who speaks for an asset: of each linked record the words of the stretch that is about it.

A stretch that goes on speaks with what its record says now. One that has ended speaks with what
was said at its end, until its source says something newer about the same asset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cmdb.model.canonical import encode
from cmdb.model.observation import Json, SectionKind
from cmdb.store.last_words import Last, last_before, last_word, said_at
from cmdb.store.port import Ledger, LinkRow, RecordId, RecordRow, StoredSection
from cmdb.store.speaking import speaking
from reconcile.account import Account, Claim, read
from reconcile.sections import (
    NEVER,
    OVERLAID,
    Values,
    has_whole,
    read_values,
    stored,
    write_values,
)


class Voices:
    """Reads accounts; remembers those of one transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._accounts: dict[tuple[RecordId, datetime, datetime | None], Account] = {}

    def of(self, links: Sequence[LinkRow]) -> list[Account]:
        """The accounts of those who speak for an asset with these links."""
        rows = self._ledger.records({link.record for link in links})
        return [self.account(rows[link.record], link) for link in speaking(links, rows)]

    def account(self, row: RecordRow, link: LinkRow) -> Account:
        """What a record said in a stretch."""
        place = (row.id, link.since, link.until)
        if place not in self._accounts:
            self._accounts[place] = account_of(self._ledger, row, link)
        return self._accounts[place]


def account_of(ledger: Ledger, row: RecordRow, link: LinkRow) -> Account:
    """What a record said in a stretch of its time."""
    if link.until is None:
        sections = ledger.sections(row.id)
        if link.since > row.first_at:
            sections = _since(sections, link.since)
        account = read(row, sections)
    else:
        sections = sections_before(ledger, row.id, link.until)
        last = link.last or link.since
        account = read(replace(row, seen_at=last), _since(sections, link.since))
    return replace(account, since=link.since, claims=_claims_since(account, link, row))


def _claims_since(account: Account, link: LinkRow, row: RecordRow) -> dict[str, Claim]:
    if link.since <= row.first_at:
        return dict(account.claims)
    return {name: claim for name, claim in account.claims.items() if claim.said_at >= link.since}


def _since(
    sections: dict[SectionKind, StoredSection], since: datetime
) -> dict[SectionKind, StoredSection]:
    """Sections that were said, whole or in part, since a time."""
    return {
        kind: section
        for kind, section in sections.items()
        if max(section.confirmed_at, section.observed_at) >= since
    }


def sections_before(
    ledger: Ledger, record: RecordId, until: datetime
) -> dict[SectionKind, StoredSection]:
    """What a record said just before a time: of each section the last word."""
    found: dict[SectionKind, StoredSection] = {}
    for kind in SectionKind:
        section = section_before(ledger, record, kind, until)
        if section is not None:
            found[kind] = section
    return found


def section_before(
    ledger: Ledger, record: RecordId, kind: SectionKind, until: datetime
) -> StoredSection | None:
    """The last word of a section before a time, None where there was none.

    Values that were told in part stand beside what was told whole, each with its time: those
    told by then are gathered from all words, since a late one may have come after later ones.
    """
    current = ledger.section(record, kind)
    words = [*([current] if current else []), *ledger.past(record, kind)]
    if kind in OVERLAID:
        return gathered(words, until)
    return last_word(words, until)


def gathered(words: Sequence[StoredSection], until: datetime) -> StoredSection | None:
    """Values as they were said before a time, put together from all words of their section."""
    known = [(word, read_values(word.body)) for word in words]
    whole, values = _told_whole(known, until)
    told: dict[str, tuple[datetime, bytes, Json]] = {}
    for _, word in known:
        for name, at in word.overlaid.items():
            mark = (at, encode(word.values[name]), word.values[name])
            if at < until and (name not in told or mark[:2] > told[name][:2]):
                told[name] = mark
    since = whole.at if whole else NEVER
    told = {name: mark for name, mark in told.items() if mark[0] >= since}
    if whole is None and not told:
        return None
    values.update({name: value for name, (_, _, value) in told.items()})
    overlaid = {name: at for name, (at, _, _) in told.items()}
    body = write_values(Values(values, overlaid, whole.mark.decode() if whole else ""))
    # Had it been said again after its parts, they would not stand beside it any more.
    said = NEVER if whole is None else whole.at if told else whole.until
    return stored(body, max([said, *(at for at, _, _ in told.values())]), said)


def _told_whole(
    known: Sequence[tuple[StoredSection, Values]], until: datetime
) -> tuple[Last | None, dict[str, Json]]:
    """The last whole word before a time, and what of it stands in any word.

    A later word holds of it what was not overlaid, so what it said is put together from all that
    bear its mark.
    """
    whole = [(word, told) for word, told in known if has_whole(told, word.confirmed_at)]
    last = last_before(
        [
            (at, told.whole_digest.encode())
            for word, told in whole
            for at in ((word.confirmed_at,) if told.overlaid else said_at(word))
        ],
        until,
    )
    values: dict[str, Json] = {}
    for _, told in whole:
        if last is not None and told.whole_digest.encode() == last.mark:
            values |= {n: value for n, value in told.values.items() if n not in told.overlaid}
    return last, values
