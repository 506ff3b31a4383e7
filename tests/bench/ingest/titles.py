"""What programs there are, and which of them a machine has: 20,000 titles with a realistic skew.

All of it follows from a seed. Popularity is Zipf's; a title has one to twelve versions, and
machines lag behind the newest by an amount of their own. Knows nothing of the product but how the
contract hashes an entry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

TITLES = 20_000
PROGRAMS = 1_500
PACKAGE_SYSTEM = "deb"
_MOST_VERSIONS = 12
_SKEW = 0.9
"""Exponent of Zipf's law: the tenth title is on most machines, the last on very few."""
_HEAD = 60.0
"""The first so many titles are about equally popular: the base system."""
_MOST_LIKELY = 0.97
_SPARE = 1.08
_KINDS = ("lib", "python3-", "node-", "golang-", "fonts-", "ruby-", "texlive-", "", "", "")
_WORDS = ("net", "core", "data", "sync", "mail", "font", "crypt", "image", "audio", "query", "log",
          "proto", "graph", "cache", "shell", "disk", "text", "time", "print", "cloud")  # fmt: skip

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """Programs of one machine, as the contract lays them out."""

    hashes: bytes
    entries: bytes
    count: int


class Titles:
    """Every release there is, in the order of the contract's hashes."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self.names = [_name(rng, number) for number in range(TITLES)]
        self.counts: Numbers = np.minimum(rng.geometric(0.25, TITLES), _MOST_VERSIONS)
        self._starts: Numbers = np.concatenate(([0], np.cumsum(self.counts)))[:-1]
        texts = [
            f"{name}\t{version}\tamd64"
            for name, count in zip(self.names, self.counts.tolist(), strict=True)
            for version in _versions(rng, count)
        ]
        hashes = np.array([_hash(text) for text in texts], dtype=np.uint64)
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._entries = [f"{texts[place]}\n".encode() for place in order.tolist()]
        self._place = np.empty(len(texts), dtype=np.int64)
        self._place[order] = np.arange(len(texts))
        self._odds = _odds()

    def pick(self, rng: np.random.Generator) -> dict[int, int]:
        """1,500 titles for a machine, and of each the place of its version."""
        titles = np.flatnonzero(rng.random(TITLES, dtype=np.float32) < self._odds)
        while len(titles) < PROGRAMS:
            titles = np.union1d(titles, rng.integers(TITLES, size=PROGRAMS - len(titles)))
        titles = rng.permutation(titles)[:PROGRAMS]
        lag = rng.exponential(0.3 + 2 * rng.random(), PROGRAMS).astype(np.int64)
        places = np.maximum(self.counts[titles] - 1 - lag, 0)
        return dict(zip(titles.tolist(), places.tolist(), strict=True))

    def change(self, held: dict[int, int], rng: np.random.Generator) -> None:
        """One program goes, one comes, one is another version."""
        titles = list(held)
        gone, moved = rng.choice(len(titles), 2, replace=False)
        del held[titles[gone]]
        title, count = titles[moved], int(self.counts[titles[moved]])
        if count == 1:
            # It has no other version: another title takes its place.
            del held[title]
            title = self._absent(held, rng)
            held[title] = int(self.counts[title]) - 1
        else:
            held[title] = (held[title] + 1) % count
        come = self._absent(held, rng)
        held[come] = int(self.counts[come]) - 1

    def _absent(self, held: dict[int, int], rng: np.random.Generator) -> int:
        while (title := int(rng.integers(TITLES))) in held:
            continue
        return title

    def columns(self, held: dict[int, int]) -> Columns:
        """These programs as the contract wants them."""
        titles = np.fromiter(held.keys(), np.int64, len(held))
        places = np.fromiter(held.values(), np.int64, len(held))
        rows = np.sort(self._place[self._starts[titles] + places])
        entries = itemgetter(*rows.tolist())(self._entries)
        hashes = self._hashes[rows].astype("<u8").tobytes()
        return Columns(hashes, b"".join(entries), len(rows))

    def difference(self, before: dict[int, int], after: dict[int, int]) -> tuple[Columns, bytes]:
        """What came from one list to the next, as columns, and the hashes of what went."""
        come = {title: place for title, place in after.items() if before.get(title) != place}
        gone = {title: place for title, place in before.items() if after.get(title) != place}
        return self._columns(come), self._columns(gone).hashes

    def _columns(self, held: dict[int, int]) -> Columns:
        rows = sorted(
            int(self._place[self._starts[title] + place]) for title, place in held.items()
        )
        entries = b"".join(self._entries[row] for row in rows)
        return Columns(self._hashes[rows].astype("<u8").tobytes(), entries, len(rows))

    def version(self, title: int, place: int) -> str:
        """A version's text."""
        row = int(self._place[self._starts[title] + place])
        return self._entries[row].decode().split("\t")[1]


def _odds() -> NDArray[np.float32]:
    """How likely each title is on a machine: Zipf's law, cut at the top, a few too many in all."""
    weights = 1.0 / (np.arange(TITLES) + _HEAD) ** _SKEW
    odds = weights / weights.sum() * PROGRAMS
    for _ in range(20):
        odds = np.minimum(odds * (PROGRAMS * _SPARE / odds.sum()), _MOST_LIKELY)
    found: NDArray[np.float32] = odds.astype(np.float32)
    return found


def _name(rng: np.random.Generator, number: int) -> str:
    kind = _KINDS[int(rng.integers(len(_KINDS)))]
    one, other = rng.integers(len(_WORDS), size=2)
    return f"{kind}{_WORDS[one]}{_WORDS[other]}{number}"


def _versions(rng: np.random.Generator, count: int) -> list[str]:
    """Ascending; Debian's form, some with an epoch."""
    epoch = "1:" if rng.random() < 0.05 else ""
    major, minor = int(rng.integers(0, 12)), int(rng.integers(0, 8))
    found = []
    for _ in range(count):
        minor += int(rng.integers(1, 4))
        found.append(f"{epoch}{major}.{minor}.{int(rng.integers(10))}-{int(rng.integers(1, 6))}")
    return found


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
