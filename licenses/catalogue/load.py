"""Reads the catalogue: which products there are, and by which names inventories show them.

The product's own catalogue is products.toml beside this file; a user's is merged over it, product
by product. Knows nothing of inventories.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from licenses.errors import CatalogueError

FORM = 1
_MOST_PRODUCTS = 20_000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Product:
    """One product, as the catalogue declares it."""

    name: str
    publisher: str
    patterns: tuple[str, ...]
    """Words that open the name as installed; the publisher's words in front do not count."""
    excludes: tuple[str, ...] = ()
    """Words that make it something else: a viewer, a driver, a free edition."""
    packages: tuple[str, ...] = ()
    """Exact names in package systems of distributions and languages (deb, rpm, pip ...)."""
    publishers: tuple[str, ...] = ()
    """Other names under which the publisher appears."""
    aliases: tuple[str, ...] = ()
    """Other names that entitlements use."""
    licensed: bool = True
    """Whether an organisation needs a right to use it."""
    metric: str = "device"
    """What is counted where no entitlement says otherwise."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products by their names, with the words that never are a product of their own."""

    version: str
    """Its date, and the digest of the user's part if there is one."""
    products: tuple[Product, ...]
    never: tuple[str, ...]
    """Words that mark updates, language packs and the like, whatever the product."""

    def named(self, name: str) -> Product | None:
        """The product of that name or alias, without regard to case."""
        wanted = name.casefold().strip()
        for product in self.products:
            if wanted == product.name.casefold():
                return product
        for product in self.products:
            if wanted in (alias.casefold() for alias in product.aliases):
                return product
        return None


def load(user_file: Path | None = None) -> Catalogue:
    """The catalogue, with a user's own merged over it if there is such a file.

    Raises:
        CatalogueError: A file does not hold to the form, or cannot be read.
    """
    shipped = _shipped()
    if user_file is None or not user_file.exists():
        return shipped
    try:
        text = user_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{user_file} cannot be read: {error}") from error
    own = read(text, str(user_file))
    merged = {product.name.casefold(): product for product in shipped.products}
    merged |= {product.name.casefold(): product for product in own.products}
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return replace(
        shipped,
        version=f"{shipped.version}+{digest}",
        products=tuple(merged[name] for name in sorted(merged)),
        never=tuple(dict.fromkeys((*shipped.never, *own.never))),
    )


def read(text: str, where: str) -> Catalogue:
    """The catalogue of a TOML text.

    Raises:
        CatalogueError: It does not hold to the form; the message names the entry.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{where} is no TOML: {error}") from error
    if document.get("form", FORM) != FORM:
        raise CatalogueError(f"{where}: form is {document['form']!r}; this version reads {FORM}")
    entries = document.get("product", [])
    if not isinstance(entries, list) or len(entries) > _MOST_PRODUCTS:
        raise CatalogueError(f"{where}: at most {_MOST_PRODUCTS} [[product]] entries")
    products = [
        _product(entry, f"{where}, product {place}") for place, entry in enumerate(entries, 1)
    ]
    names = [product.name.casefold() for product in products]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise CatalogueError(f"{where}: {twice!r} is declared twice")
    never = _texts(document, "never", where)
    return Catalogue(str(document.get("version", "")), tuple(products), never)


@cache
def _shipped() -> Catalogue:
    file = resources.files("licenses.catalogue") / "products.toml"
    return read(file.read_text(encoding="utf-8"), "the shipped catalogue")


def _product(entry: object, where: str) -> Product:
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where} is no table")
    unknown = sorted(entry.keys() - _FIELDS)
    if unknown:
        raise CatalogueError(f"{where}: unknown field {unknown[0]!r}; there are {sorted(_FIELDS)}")
    product = Product(
        name=_text(entry, "name", where),
        publisher=_text(entry, "publisher", where),
        licensed=_truth(entry, where),
        metric=_text(entry, "metric", where) if "metric" in entry else "device",
        **{name: _texts(entry, name, where) for name in _LISTS},
    )
    if not product.patterns and not product.packages:
        raise CatalogueError(f"{where} ({product.name}): neither patterns nor packages")
    return product


_LISTS = ("patterns", "excludes", "packages", "publishers", "aliases")
_FIELDS = frozenset({"name", "publisher", "licensed", "metric", *_LISTS})


def _text(entry: Mapping[str, object], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
        raise CatalogueError(f"{where}: {name} must be a text of 1 to {_LONGEST} characters")
    return value.strip()


def _texts(entry: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    value = entry.get(name, [])
    if not isinstance(value, list):
        raise CatalogueError(f"{where}: {name} must be a list of texts")
    return tuple(_text({name: each}, name, where) for each in value)


def _truth(entry: Mapping[str, object], where: str) -> bool:
    value = entry.get("licensed", True)
    if not isinstance(value, bool):
        raise CatalogueError(f"{where}: licensed must be true or false")
    return value
