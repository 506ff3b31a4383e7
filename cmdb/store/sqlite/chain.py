"""The table `past`: earlier words of a section as a chain, the one that went last first.

A word rests on the one that took its place, one that came late on what was current then. So what a
difference is from, and mostly when its word ceased to be believed, is told by its place in the
chain and kept nowhere. What a word means is for words.py.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeVar, overload

from cmdb.store.sqlite import codec, packed

CURRENT, NOTHING = 0, -1
"""What a word may rest on beside an earlier one: what is said now, or no other word."""
LATE, LATE_WHOLE = 0, -1
"""In the column `ended`: never believed; the second rests on nothing. NULL is for the rule."""
_STEPS = (
    "WITH RECURSIVE step(id) AS (SELECT ? UNION ALL"
    " SELECT p.older FROM step JOIN past p ON p.id = step.id)"
)
_CHAIN = _STEPS + (
    " SELECT p.id, p.at + coalesce(t.at, 0), p.confirmed, p.tx, p.ended, p.digest, p.patch"
    " FROM step JOIN past p ON p.id = step.id LEFT JOIN tx t ON t.id = p.tx"
)
_ADD = (
    "INSERT INTO past (older, aside, at, confirmed, tx, ended, digest, patch)"
    " VALUES (?1, ?2, ?3 - coalesce((SELECT at FROM tx WHERE id=?5), 0), ?4, ?5, ?6, ?7, ?8)"
)
_Weight = tuple[int, ...]
_Row = tuple[int, int, int, int, int | None, bytes | None, bytes]
_Any = TypeVar("_Any")


class Earlier(NamedTuple):
    """One earlier word."""

    id: int
    rests_on: int
    """The number of the earlier word that its patch is a difference from, CURRENT or NOTHING."""
    at: int
    confirmed: int
    tx: int
    ended_tx: int
    digest: bytes | None
    """None: that of its body."""
    patch: bytes
    aside: bool = False
    """Whether it came late: others never rest on it."""


@dataclass(frozen=True, slots=True)
class New:
    """A word to be kept."""

    at: int
    confirmed: int
    tx: int
    digest: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands in its chain."""

    older: int
    """The next, 0 for none."""
    aside: int | None
    """Its section where it is out of order: it came late, or was seen later than the word that took
    its place."""
    ended: int | None = None
    """LATE or LATE_WHOLE; else when it ceased to be believed, NULL: when that other came."""


def newest_aside(db: sqlite3.Connection, first: int, last: int) -> dict[int, int]:
    """Of a range of sections those that have words out of their order, and the newest of these.

    Where nothing is said now, it is where the chain begins.
    """
    sql = "SELECT aside, max(id) FROM past WHERE aside BETWEEN ? AND ? GROUP BY aside"
    return dict(db.execute(sql, (first, last)))


class Chain(Sequence[Earlier]):
    """The words of a chain, newest first; each is made when it is asked for."""

    def __init__(self, rows: list[_Row], current_tx: int) -> None:
        self._rows = rows
        self._current_tx = current_tx
        self._aside = {
            place for place, row in enumerate(rows) if row[4] is not None and row[4] <= 0
        }
        """Places of words on which no other rests."""

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Earlier: ...
    @overload
    def __getitem__(self, place: slice) -> list[Earlier]: ...
    def __getitem__(self, place: int | slice) -> Earlier | list[Earlier]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        id_, at, confirmed, tx, ended, digest, patch = self._rows[place]
        base, ended_by, before = CURRENT, self._current_tx, place - 1
        while before in self._aside:
            before -= 1
        if before >= 0:
            base, ended_by = self._rows[before][0], self._rows[before][3]
        if place not in self._aside:
            return Earlier(id_, base, at, at + confirmed, tx, ended or ended_by, digest, patch)
        base = NOTHING if ended == LATE_WHOLE else base
        return Earlier(id_, base, at, at + confirmed, tx, tx, digest, patch, aside=True)

    def known(self, tx: int, until: int) -> list[Earlier]:
        """Those known by a transaction and said by a time."""
        rows = enumerate(self._rows)
        return [self[place] for place, row in rows if row[1] <= until and row[3] <= tx]

    def way(self, wanted: int) -> tuple[bool, list[bytes]]:
        """The patches that lead to a word, and whether they begin at what is said now."""
        place = next(place for place, row in enumerate(self._rows) if row[0] == wanted)
        if self._rows[place][4] == LATE_WHOLE:
            return False, [self._rows[place][6]]
        between = enumerate(self._rows[:place])
        patches = [row[6] for each, row in between if each not in self._aside]
        return True, [*patches, self._rows[place][6]]

    def bodies(self, current: bytes) -> dict[int, bytes]:
        """What all of them say, by their numbers."""
        found = {CURRENT: current, NOTHING: b""}
        for word in self:
            found[word.id] = walk(found[word.rests_on], [word.patch])
        return found


def read(db: sqlite3.Connection, newest: int, current_tx: int) -> Chain:
    """The words from one on.

    Args:
        db: The file.
        newest: Where the chain begins, 0 for nowhere.
        current_tx: The transaction of what is said now; anything where nothing is.
    """
    return Chain(db.execute(_CHAIN, (newest,)).fetchall(), current_tx)


def add(db: sqlite3.Connection, word: New, patch: bytes, place: Place) -> int:
    """Puts a word before the newest of a chain; its number.

    Args:
        db: The file.
        word: What was said.
        patch: The same as a difference from what it rests on.
        place: Where it stands.
    """
    digest = None if word.digest == codec.digest(word.body) else word.digest
    said = word.at, word.confirmed - word.at, word.tx
    cursor = db.execute(_ADD, (place.older, place.aside, *said, place.ended, digest, patch))
    return int(cursor.lastrowid or 0)


def places(section: int, at: int, tx: int, words: Sequence[Earlier]) -> Iterator[tuple[int, Place]]:
    """What words rest on and where they stand, as a chain that ends at what is said now.

    Args:
        section: Whose they are.
        at: When what is said now was said.
        tx: Since when it is believed.
        words: The newest first.
    """
    base = CURRENT
    for word, older in zip(words, [*(word.id for word in words[1:]), 0], strict=True):
        if word.aside:
            whole = word.rests_on == NOTHING
            yield (
                NOTHING if whole else base,
                Place(older, section, LATE_WHOLE if whole else LATE),
            )
            continue
        ended = None if word.ended_tx == tx else word.ended_tx
        yield base, Place(older, section if word.at > at else None, ended)
        base, at, tx = word.id, word.at, word.tx


def relink(
    db: sqlite3.Connection,
    current: tuple[int, int, int],
    words: Sequence[Earlier],
    difference: Callable[[int, int], bytes],
) -> None:
    """Makes a chain of those of its words that stay.

    Args:
        db: The file.
        current: Section, time and transaction of what is said now.
        words: Those that stay, newest first.
        difference: The patch to a word from another.
    """
    for word, (base, place) in zip(words, places(*current, words), strict=True):
        patch = word.patch if base == word.rests_on else difference(word.id, base)
        db.execute(
            "UPDATE past SET older=?, aside=?, ended=?, patch=? WHERE id=?",
            (place.older, place.aside, place.ended, patch, word.id),
        )


def difference(older: bytes, newer: bytes, *, programs: bool) -> tuple[bytes, bool]:
    """What leads from a newer body to an older; whether it tells what programs came and went."""
    patch = packed.make_patch(older, newer) if programs else None
    return (codec.compress(older, newer), False) if patch is None else (patch, True)


def digest_of(word: Earlier, body: bytes) -> bytes:
    """The digest of a word that says this."""
    return codec.digest(body) if word.digest is None else word.digest


def walk(body: bytes, patches: Sequence[bytes]) -> bytes:
    """What is left of a body after patches that each rest on the one before."""
    for ours, run in groupby(patches, packed.is_patch):
        if ours:
            for patch in run:
                body = packed.apply_patch(patch, body)
        else:
            body = codec.decompress_chain(body, list(run))
    return body


def by_weight(
    words: Sequence[_Any], weight: Callable[[_Any], _Weight], digest: Callable[[_Any], bytes]
) -> list[_Any]:
    """Words by weight, those of one weight by digest: these are asked for only where it counts."""
    if len(words) <= 1:
        return [*words]
    weights = [weight(word) for word in words]
    shared = Counter(weights)
    keys = [
        (mine, digest(word) if shared[mine] > 1 else b"")
        for mine, word in zip(weights, words, strict=True)
    ]
    order = sorted(range(len(words)), key=keys.__getitem__)
    return [words[place] for place in order]


def remove(db: sqlite3.Connection, newest: int) -> None:
    """Takes out a whole chain."""
    db.execute(_STEPS + " DELETE FROM past WHERE id IN (SELECT id FROM step)", (newest,))
