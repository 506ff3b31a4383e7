"""Which product a program name is about.

A name is cut into words; the publisher's words in front, versions, languages and bit widths do not
count. The product whose declared words open the name, and are the most, is meant. Deterministic:
among equals the first by name. Most names are about no product of the catalogue.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from cmdb.store.port import Title
from licenses.catalogue.load import Catalogue, Product

BY_PACKAGE_NAME = frozenset(
    {"deb", "rpm", "apk", "pacman", "snap", "pip", "npm", "gem", "cargo", "maven", "conda"}
)
"""Systems whose names are exact: words inside them mean other things (python3-excel)."""

_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_NO_WORD = frozenset({"the", "r", "tm", "c"})
_LONGEST_NAME = 400

_MOST_KNOWN = 300_000
"""Names kept in memory with their products, about 60 MB."""

Words = tuple[str, ...]


class Recogniser:
    """Products of a catalogue, found by the names of programs."""

    def __init__(self, catalogue: Catalogue, extra: Iterable[Product] = ()) -> None:
        """Prepares the look-up; `extra` are products that only entitlements name."""
        self._never = [words(text) for text in catalogue.never]
        self._by_first: dict[str, list[tuple[Words, Product]]] = defaultdict(list)
        self._packages: dict[str, Product] = {}
        self._known: dict[tuple[str, str, str], Product | None] = {}
        for product in (*catalogue.products, *extra):
            for pattern in product.patterns:
                phrase = words(pattern)
                if phrase:
                    self._by_first[phrase[0]].append((phrase, product))
            for package in product.packages:
                self._packages.setdefault(package.casefold(), product)
        for found in self._by_first.values():
            found.sort(key=lambda entry: (-len(entry[0]), entry[1].name.casefold()))

    def product_of(self, title: Title) -> Product | None:
        """The product that a title is about; None for all that the catalogue does not know."""
        key = (title.package_system, title.name, title.publisher)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._recognise(title)
        return self._known[key]

    def _recognise(self, title: Title) -> Product | None:
        if title.package_system in BY_PACKAGE_NAME:
            return self._packages.get(title.name.casefold().strip())
        name = words(title.name[:_LONGEST_NAME])
        publisher = words(title.publisher[:_LONGEST_NAME])
        for start in range(min(len(name), 4)):
            found = self._opening(name, start, publisher)
            if found is not None:
                return found
            # Only the publisher's own words may stand in front.
            if not self._is_makers(name[start], publisher):
                return None
        return None

    def _opening(self, name: Words, start: int, publisher: Words) -> Product | None:
        for phrase, product in self._by_first.get(name[start], ()):
            rest = name[start + len(phrase) :]
            if name[start : start + len(phrase)] == phrase and _fits(product, publisher):
                return None if self._excluded(product, rest) else product
        return None

    def _excluded(self, product: Product, rest: Words) -> bool:
        banned = (*self._never, *(words(text) for text in product.excludes))
        return any(_holds(rest, phrase) for phrase in banned)

    def _is_makers(self, word: str, publisher: Words) -> bool:
        return word in publisher or word in _MAKERS


@lru_cache(maxsize=4)
def recogniser(catalogue: Catalogue, extra: tuple[Product, ...] = ()) -> Recogniser:
    """The recogniser of a catalogue; one that was used before still knows its names."""
    return Recogniser(catalogue, extra)


def words(text: str) -> Words:
    """The words of a name in one form: no case, no accents, no signs."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(word for word in _WORD.findall(plain) if word not in _NO_WORD)


_MAKERS = frozenset(
    {"microsoft", "adobe", "oracle", "autodesk", "jetbrains", "vmware", "ibm", "sap", "mathworks"}
)
_NO_MAKER = frozenset(
    {"inc", "corp", "corporation", "co", "ltd", "limited", "gmbh", "llc", "ag", "sa", "srl", "bv",
     "software", "technologies", "systems", "group", "com", "and", "s", "o", "b", "v", "pty", "kg"}
)  # fmt: skip


@lru_cache(maxsize=4096)
def _maker_words(product: Product) -> frozenset[str]:
    names = (product.publisher, *product.publishers)
    return frozenset(word for name in names for word in words(name)) - _NO_MAKER


def _fits(product: Product, publisher: Words) -> bool:
    """Whether the title's publisher may be the product's; one that is not told may be."""
    makers = _maker_words(product)
    return not publisher or not makers or not makers.isdisjoint(publisher)


def _holds(name: Words, phrase: Words) -> bool:
    length = len(phrase)
    return any(name[at : at + length] == phrase for at in range(len(name) - length + 1))
