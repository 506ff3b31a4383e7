"""Positions: of each product the rights required and owned, with the proof for each right.

A product is listed when there is a right to it, or when it is installed and the catalogue says
that an organisation needs one. Retired assets need none; missing ones still do. Knows no faces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum

from cmdb.query.assets import asset_name
from cmdb.query.past import PastNote
from cmdb.store.port import AssetId, AssetRow, Record, Title, View
from licenses.catalogue.load import Catalogue, Product, load
from licenses.entitlements import Entitlement, entitlements
from licenses.errors import UnknownProduct
from licenses.metrics import METRIC_BY_NAME, Installation, RequiredRight
from licenses.products import Recogniser, recogniser

_RETIRED = "retired"


SAMPLE = " (sample estate)"
"""Marks positions of the sample estate."""


class PositionState(Enum):
    """How a product stands, worst first."""

    EXPIRED = "expired"
    """Short, and rights whose term is over would have covered some of it."""
    SHORT = "short"
    """Fewer rights than are required."""
    UNLICENSED = "unlicensed"
    """Required, and no right to it was ever recorded."""
    NOT_COUNTED = "not counted"
    """Rights of a metric that is not counted yet."""
    OK = "ok"


@dataclass(frozen=True, slots=True)
class OwnedRight:
    """An entitlement that speaks of the product."""

    entitlement: str
    """Its id, such as ci-12."""
    name: str
    contract: str
    quantity: int
    metric: str
    start: str | None
    """First day, YYYY-MM-DD."""
    end: str | None
    """Last day; None for perpetual."""
    counts: str
    """owned, expired, or not yet: whether its term holds."""


@dataclass(frozen=True, slots=True)
class Position:
    """How one product stands."""

    product: str
    publisher: str
    metric: str
    state: PositionState
    required: int
    owned: int
    expired: int
    """Rights whose term is over."""
    surplus: int
    shortfall: int
    required_by: tuple[RequiredRight, ...]
    owned_by: tuple[OwnedRight, ...]
    as_of: datetime
    catalogue: str
    """Version of the catalogue by which names became products."""
    past: PastNote | None = None
    """Of which moment this is; None: it is so now."""


def positions(
    record: Record, at: datetime, catalogue: Catalogue | None = None
) -> tuple[Position, ...]:
    """Positions of all products that matter, worst first, then by name.

    Args:
        record: Of one moment.
        at: The day on which rights must hold.
        catalogue: By which names become products; None takes the shipped one.
    """
    known = catalogue or load()
    found = [*_positions(record, at, known, demo=False), *_positions(record, at, known, demo=True)]
    order = list(PositionState)
    return tuple(sorted(found, key=lambda each: (order.index(each.state), each.product.casefold())))


def _positions(record: Record, at: datetime, known: Catalogue, *, demo: bool) -> list[Position]:
    """Of the sample estate or of all else: what is owned in one covers nothing in the other."""
    rights = [right for right in entitlements(record.view) if right.demo is demo]
    owned = _by_product(rights, known)
    products = {product.name: product for product in known.products if product.licensed}
    products |= {product.name: product for product, _ in owned.values()}
    extra = tuple(product for name, product in products.items() if known.named(name) is None)
    by_name = recogniser(known, extra)
    installed = _installations(record.view, by_name, products, demo=demo)
    names = sorted(owned.keys() | installed.keys(), key=str.casefold)
    found = [
        _position(
            products[name], owned[name][1] if name in owned else [], installed.get(name, []),
            at, known,
        )
        for name in names
    ]  # fmt: skip
    return [replace(each, product=each.product + SAMPLE) for each in found] if demo else found


def position(
    record: Record, product: str, at: datetime, catalogue: Catalogue | None = None
) -> Position:
    """The position of one product, by its name or an alias.

    Raises:
        UnknownProduct: There is neither a right to it nor an installation that needs one.
    """
    known = catalogue or load()
    named = known.named(product)
    wanted = (named.name if named else product).casefold().strip()
    found = positions(record, at, known)
    for each in found:
        if each.product.casefold() == wanted:
            return each
    listed = ", ".join(each.product for each in found[:10]) or "none"
    raise UnknownProduct(f"there is no position for {product!r}; there are: {listed}")


def _by_product(
    rights: Iterable[Entitlement], catalogue: Catalogue
) -> dict[str, tuple[Product, list[Entitlement]]]:
    by_name = recogniser(catalogue)
    found: dict[str, tuple[Product, list[Entitlement]]] = {}
    made: dict[str, Product] = {}
    for right in rights:
        title = Title(0, "", right.product, right.publisher)
        product = catalogue.named(right.product) or by_name.product_of(title)
        if product is None:
            # Owned and in no catalogue: recognised by the name that the contract gives it.
            product = made.setdefault(
                right.product.casefold(),
                Product(right.product, right.publisher, patterns=(right.product,)),
            )
        found.setdefault(product.name, (product, []))[1].append(right)
    return found


def _installations(
    view: View, by_name: Recogniser, products: Mapping[str, Product], *, demo: bool
) -> dict[str, list[Installation]]:
    found: dict[str, list[Installation]] = defaultdict(list)
    assets: dict[AssetId, AssetRow | None] = {}
    for title in view.titles():
        product = by_name.product_of(title)
        if product is None or product.name not in products:
            continue
        for asset, versions in view.holders_of(title.id).items():
            if asset not in assets:
                assets[asset] = view.asset(asset)
            row = assets[asset]
            if row is not None and row.demo is demo and row.state != _RETIRED:
                found[product.name].append(
                    Installation(asset_name(row.id), row.name, row.cls, title.name, versions)
                )
    return found


def _position(
    product: Product,
    rights: Sequence[Entitlement],
    installed: Sequence[Installation],
    at: datetime,
    catalogue: Catalogue,
) -> Position:
    metrics = [right.metric for right in rights] or [product.metric]
    name = next((each for each in metrics if each in METRIC_BY_NAME), metrics[0])
    metric = METRIC_BY_NAME.get(name)
    day = at.date()
    counted = [right for right in rights if right.metric == name]
    required = metric.required(installed) if metric else ()
    needed = sum(each.rights for each in required)
    owned = sum(right.quantity for right in counted if right.holds(day))
    expired = sum(right.quantity for right in counted if right.ended(day))
    short = max(0, needed - owned)
    return Position(
        product=product.name,
        publisher=product.publisher,
        metric=name,
        state=_state(short, expired, any_right=bool(rights), counted=metric is not None),
        required=needed,
        owned=owned,
        expired=expired,
        surplus=max(0, owned - needed),
        shortfall=short,
        required_by=required,
        owned_by=tuple(_owned(right, day) for right in rights),
        as_of=at,
        catalogue=catalogue.version,
    )


def _state(short: int, expired: int, *, any_right: bool, counted: bool) -> PositionState:
    if not counted:
        return PositionState.NOT_COUNTED
    if not short:
        return PositionState.OK
    if not any_right:
        return PositionState.UNLICENSED
    return PositionState.EXPIRED if expired else PositionState.SHORT


def _owned(right: Entitlement, day: date) -> OwnedRight:
    term = "expired" if right.ended(day) else "owned" if right.holds(day) else "not yet"
    return OwnedRight(
        asset_name(right.asset), right.name, right.contract, right.quantity, right.metric,
        right.start.isoformat() if right.start else None,
        right.end.isoformat() if right.end else None, term,
    )  # fmt: skip
