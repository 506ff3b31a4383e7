"""What is owned: entitlements out of a CSV file into the import form, and out of the record.

An entitlement is a CI like any other, so that its history, its reasons and its state at a time
come with it. A row that is not in order is named with its line and column and takes no other
with it. Knows no database and no transport.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cmdb.model.instants import read_day
from cmdb.model.observation import Json
from cmdb.store.port import AssetId, View
from licenses.errors import UnreadableFile
from licenses.metrics import METRIC_BY_NAME

CLASS, SCOPE = "Entitlement", "licences"
MOST_BYTES = 32 * 1024 * 1024
MOST_QUANTITY = 100_000_000
_MOST_ROWS = 200_000
_LONGEST_CELL = 1_000
_YEARS = range(1970, 2201)
_RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was not taken, and why."""

    file: str
    line: int
    column: str
    """Header of the column; empty when the row as a whole is meant."""
    value: str
    reason: str
    """What is wrong, and what to write instead."""

    def __str__(self) -> str:
        """One sentence for people."""
        where = f"{self.file} line {self.line}" + (f", {self.column}" if self.column else "")
        return (
            f"{where}: {self.value!r} {self.reason}" if self.column else f"{where}: {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds."""

    lines: tuple[str, ...]
    """Good rows in the import form, one observation each."""
    problems: tuple[Problem, ...]
    """Rows that were not taken."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A right that is owned, as the record has it."""

    asset: AssetId
    name: str
    product: str
    publisher: str
    metric: str
    quantity: int
    start: date | None
    end: date | None
    contract: str
    demo: bool = False
    """Of the sample estate."""

    def holds(self, day: date) -> bool:
        """Whether it is valid on that day, first and last day included."""
        return (self.start is None or self.start <= day) and not self.ended(day)

    def ended(self, day: date) -> bool:
        """Whether its last day is past."""
        return self.end is not None and self.end < day


def read_csv(data: bytes, name: str, at: datetime) -> Reading:
    """The entitlements of a CSV file, in the import form.

    Args:
        data: UTF-8, with or without a byte order mark; parted by commas, semicolons or tabs; the
            first line names the columns, in any order and under any of the names in ALIASES.
        name: Name of the file; it names the source, so that the same file read again replaces
            what it said before.
        at: When it is read.

    Raises:
        UnreadableFile: It is no such file at all.
    """
    rows = _rows(data, name)
    header = next(rows, None)
    if header is None:
        raise UnreadableFile(f"{name} is empty; its first line must name the columns")
    columns = _columns(header[1], name)
    seen: Counter[str] = Counter()
    lines: list[str] = []
    problems: list[Problem] = []
    for number, cells in rows:
        if not any(cells):
            continue
        try:
            attributes = _attributes(columns, cells)
        except _Bad as bad:
            problems.append(Problem(name, number, bad.column, bad.value, bad.reason))
        else:
            lines.append(_line(attributes, name, seen, at))
    return Reading(tuple(lines), tuple(problems))


def entitlements(view: View) -> tuple[Entitlement, ...]:
    """Every right in the record, by id; those without a product or a quantity are left out."""
    found = []
    for row in view.all_assets(CLASS):
        said = row.attributes
        quantity = said.get("quantity")
        if (
            row.state == _RETIRED
            or not said.get("product")
            or not isinstance(quantity, int)
            or quantity <= 0
        ):
            continue
        found.append(
            Entitlement(
                asset=row.id,
                name=row.name,
                product=str(said["product"]),
                publisher=str(said.get("publisher") or ""),
                metric=str(said.get("metric") or "device"),
                quantity=quantity,
                start=_day(said.get("start")),
                end=_day(said.get("end")),
                contract=str(said.get("contract") or ""),
                demo=row.demo,
            )
        )
    return tuple(found)


class _Bad(Exception):
    """A cell that is not in order."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.reason = column, value, reason


def _rows(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the line at which each row starts, and its cells."""
    text = _text(data, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    start = 1
    try:
        for count, cells in enumerate(reader):
            if count > _MOST_ROWS:
                raise UnreadableFile(f"{name} has more than {_MOST_ROWS} rows; part it")
            yield start, [_cell(cell) for cell in cells]
            start = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(
            f"{name} line {start}: {error}; a quote that opens a cell must close it"
        ) from error


def _text(data: bytes, name: str) -> str:
    if len(data) > MOST_BYTES:
        raise UnreadableFile(f"{name} is larger than {MOST_BYTES >> 20} MiB; part it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"{name} line {line} is not UTF-8; save it as 'CSV UTF-8' and import it again"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableFile(f"{name} line {line} holds a NUL; it is no text file, or UTF-16")
    return text


def _delimiter(text: str) -> str:
    """The sign that parts the header; a comma if it has but one column."""
    first = text.partition("\n")[0]
    return max((",", ";", "\t"), key=lambda sign: (first.count(sign), sign == ","))


def _cell(text: str) -> str:
    return " ".join(text.split())


def _columns(header: Sequence[str], name: str) -> tuple[tuple[str, str], ...]:
    """Of each column its header and the attribute that it is; an unknown one has none."""
    found = tuple((text, _BY_ALIAS.get(_plain(text), "")) for text in header)
    known = [attribute for _, attribute in found if attribute]
    for attribute in REQUIRED:
        if attribute not in known:
            raise UnreadableFile(
                f"{name} line 1 names no column {attribute!r} but {', '.join(header) or 'nothing'};"
                f" the first line must name the columns: {', '.join(ALIASES)}"
            )
    twice = next((each for each in known if known.count(each) > 1), None)
    if twice:
        raise UnreadableFile(f"{name} line 1 has two columns for {twice!r}; remove one")
    return found


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[^a-z0-9]+", "", decomposed)


def _attributes(columns: tuple[tuple[str, str], ...], cells: Sequence[str]) -> dict[str, Json]:
    if len(cells) > len(columns):
        raise _Bad(
            "", "", f"{len(cells)} cells under {len(columns)} columns; quote what holds a sign"
        )
    found: dict[str, Json] = {}
    for (header, attribute), value in zip(columns, cells, strict=False):
        if len(value) > _LONGEST_CELL:
            raise _Bad(header, value[:40] + "...", f"is longer than {_LONGEST_CELL} characters")
        if attribute and value:
            found[attribute] = _READERS.get(attribute, _as_text)(header, value)
    for attribute in REQUIRED:
        if attribute not in found:
            header = next(text for text, known in columns if known == attribute)
            raise _Bad(header, "", "is missing; every row needs it")
    start, end = found.get("start"), found.get("end")
    if isinstance(start, str) and isinstance(end, str) and end < start:
        header = next(text for text, known in columns if known == "end")
        raise _Bad(header, end, f"is before the start, {start}")
    found.setdefault("metric", "device")
    return found


def _as_text(_header: str, value: str) -> Json:
    return value


def _as_quantity(header: str, value: str) -> Json:
    if not re.fullmatch(r"\d{1,12}", value) or not value.isascii():
        raise _Bad(header, value, "must be a whole number such as 250, without signs in it")
    quantity = int(value)
    if not 1 <= quantity <= MOST_QUANTITY:
        raise _Bad(header, value, f"must be from 1 to {MOST_QUANTITY}")
    return quantity


def _as_day(header: str, value: str) -> Json:
    day = _day(value)
    if day is None or value != day.isoformat():
        raise _Bad(header, value, "is no date; write it as 2026-01-31")
    if day.year not in _YEARS:
        raise _Bad(
            header, value, f"must be from {_YEARS[0]} to {_YEARS[-1]}; empty means without end"
        )
    return value


def _as_cost(header: str, value: str) -> Json:
    if not re.fullmatch(r"\d{1,12}([.,]\d{1,4})?", value) or not value.isascii():
        raise _Bad(header, value, "must be a number such as 1250.00, without signs for thousands")
    return float(value.replace(",", "."))


def _as_metric(header: str, value: str) -> Json:
    metric = value.casefold()
    if metric not in METRIC_BY_NAME:
        raise _Bad(header, value, f"is no metric; there are {', '.join(METRIC_BY_NAME)}")
    return metric


def _as_currency(header: str, value: str) -> Json:
    if not re.fullmatch("[A-Za-z]{3}", value):
        raise _Bad(header, value, "is no currency; write its three letters, such as EUR")
    return value.upper()


def _line(attributes: dict[str, Json], file: str, seen: Counter[str], at: datetime) -> str:
    contract, product = str(attributes.get("contract") or ""), str(attributes["product"])
    number = str(attributes.pop("line", "") or "")
    base = "/".join((contract.casefold(), product.casefold(), number.casefold()))
    seen[base] += 1
    key = base if seen[base] == 1 else f"{base}/{seen[base]}"
    attributes.setdefault("name", " ".join(filter(None, (contract, number, product))))
    stamp = at.astimezone(UTC).isoformat()
    return json.dumps({
        "type": "observation", "at": stamp, "observed_at": stamp,
        "source": {"kind": "import", "instance": _instance(file)}, "scope": SCOPE,
        "native_key": _bounded(key), "full": True, "class": CLASS, "attributes": attributes,
    }, ensure_ascii=False)  # fmt: skip


def _instance(file: str) -> str:
    """The file's name without folders and ending."""
    last = re.split(r"[\\/]", file)[-1]
    return last.rpartition(".")[0][:200] or last[:200] or "entitlements"


def _bounded(key: str) -> str:
    if len(key.encode()) <= 400:  # noqa: PLR2004 - a native key is 512 bytes at most
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _day(value: Json) -> date | None:
    try:
        return read_day(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


REQUIRED = ("product", "quantity")
"""Columns that every row needs."""
ALIASES: Mapping[str, tuple[str, ...]] = {
    "product": ("product", "product name", "software", "title", "Produkt", "Produit"),
    "quantity": ("quantity", "qty", "rights", "licenses", "licences", "count", "Anzahl", "Menge"),
    "publisher": ("publisher", "vendor", "manufacturer", "Hersteller"),
    "metric": ("metric", "license metric", "licence metric", "license type", "Metrik"),
    "start": ("start", "start date", "valid from", "from", "Beginn", "gültig ab"),
    "end": ("end", "end date", "valid until", "valid to", "expires", "expiry", "until", "Ende"),
    "contract": ("contract", "contract number", "agreement", "purchase order", "po", "Vertrag"),
    "line": ("line", "contract line", "item", "position", "line item"),
    "name": ("name", "entitlement"),
    "cost": ("cost", "price", "total cost", "Kosten", "Preis"),
    "currency": ("currency", "Währung"),
    "owner": ("owner", "responsible", "cost center", "cost centre", "Verantwortlich"),
    "note": ("note", "notes", "remark", "comment", "Bemerkung"),
}
"""Names under which each column is known; case, spaces and accents do not count."""
_BY_ALIAS = {_plain(alias): name for name, aliases in ALIASES.items() for alias in aliases}
_READERS: Mapping[str, Callable[[str, str], Json]] = {
    "quantity": _as_quantity,
    "start": _as_day,
    "end": _as_day,
    "cost": _as_cost,
    "metric": _as_metric,
    "currency": _as_currency,
}
