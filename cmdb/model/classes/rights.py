"""What the organisation is entitled to."""

from cmdb.model.classes.authority import STATED
from cmdb.model.declare import Attribute, CIClass, Key, KeyForm, Span, ValueType

_TEXT = ValueType.TEXT

ENTITLEMENT = CIClass(
    name="Entitlement",
    plural="Entitlements",
    summary="A right to use a product, with its quantity, metric and term",
    symbol="right",
    attributes=(
        Attribute(
            "name", _TEXT, "Contract and line", STATED, normal="name", searched=True, column=True
        ),
        Attribute(
            "product",
            _TEXT,
            "Product, by its catalogue name",
            STATED,
            normal="words",
            searched=True,
        ),
        Attribute(
            "publisher", _TEXT, "Publisher", STATED, normal="words", searched=True, column=False
        ),
        Attribute("metric", _TEXT, "What is counted: device ...", STATED, normal="words"),
        Attribute(
            "quantity",
            ValueType.WHOLE,
            "Rights owned",
            STATED,
            unit="right",
            normal="number",
            span=Span(1, 100_000_000),
        ),
        Attribute("start", _TEXT, "First day, YYYY-MM-DD", STATED),
        Attribute("end", _TEXT, "Last day, YYYY-MM-DD; empty for perpetual", STATED),
        Attribute(
            "contract",
            _TEXT,
            "Contract or purchase reference",
            STATED,
            normal="words",
            searched=True,
        ),
        Attribute(
            "cost",
            ValueType.REAL,
            "Price paid, in its currency",
            STATED,
            normal="number",
            span=Span(0, 10**12),
        ),
        Attribute("currency", _TEXT, "ISO 4217 code", STATED),
        Attribute(
            "owner", _TEXT, "Who answers for it", STATED, normal="words", searched=True, column=True
        ),
        Attribute("note", _TEXT, "Remarks", STATED, normal="words", searched=True),
    ),
    keys=(Key("native key", KeyForm.NATIVE, sole=True, scoped=True),),
)

CLASSES = (ENTITLEMENT,)
