"""Tables that leave the product: CSV and XLSX, safe to open in a spreadsheet.

Names come from endpoints and are hostile: a cell that a spreadsheet would take for a formula is
made plain text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cmdb.model.observation import Json
from cmdb.query.encode import instant

Cell = Json | datetime

# OWASP "CSV injection": also behind leading blanks, and full-width forms of the same signs.
_FORMULA = re.compile(r"^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20|%]")
# Characters that XML 1.0 cannot hold, so neither can a workbook.
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What moves a terminal's cursor, or turns the direction of text round; line breaks may stay.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_CELL_MOST = 32_767


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The table as CSV (RFC 4180), line by line, with a byte order mark for spreadsheets."""
    yield "\ufeff"
    yield _csv_line(header)
    for row in rows:
        yield _csv_line([_text(cell) for cell in row])


def workbook(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as XLSX, with a fixed header row; numbers stay numbers."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet(_plain(title)[:31])
    sheet.freeze_panes = "A2"
    heads = []
    for name in header:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font = Font(bold=True)
        heads.append(cell)
    sheet.append(heads)
    for row in rows:
        sheet.append([_xlsx_cell(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def neutral(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would compute it."""
    return f"'{text}" if _FORMULA.match(text) else text


def visible(text: str) -> str:
    """The text, with a sign in place of each character that shows nothing and does something."""
    return _CONTROLS.sub("\ufffd", text)


def _csv_line(row: Sequence[Cell]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(row)
    return out.getvalue()


def _text(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case int() | float():
            return cell
        case datetime():
            return instant(cell)
        case str():
            return neutral(visible(cell))
    return neutral(visible(str(cell)))


def _xlsx_cell(cell: Cell) -> str | int | float:
    value = _text(cell)
    return _plain(value)[:_CELL_MOST] if isinstance(value, str) else value


def _plain(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
