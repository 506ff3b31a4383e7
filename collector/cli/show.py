"""How answers look in a terminal: tables, ages, sizes. Text of others is never markup."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from cmdb.model.sizes import size

_LONG_ROWS = 100
"""Rows from which on a table is laid out here and cut, as rich needs a millisecond for two."""
_CONTROLS = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LONGEST_CELL = 400
_LEAST_CELL = 4
_LEAST_NAME = 20
CUT = frozenset({"name"})
"""Columns that are cut where others are folded: what is long there is told by another, too."""
_BETWEEN = "  "
ARROW = "→"
NONE = "nothing"


def print_json(answer: object) -> None:
    """The answer, for scripts."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    # What moves a terminal's cursor or turns its text is written as an escape.
    typer.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Rows in columns; numbers to the right.

    On a terminal, or where COLUMNS says how wide it is, no line is longer; in a pipe all are whole.
    """
    texts = [[_clipped(clean(cell)) for cell in row] for row in rows]
    width = _width()
    if width is None or len(texts) > _LONG_ROWS:
        _plain_table(headers, texts, title, width)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left")
    for header in headers:
        right = header.endswith("#")
        shown.add_column(
            header.removesuffix("#").strip(), justify="right" if right else "left", overflow="fold"
        )
    most = {
        place: max(_LEAST_NAME, width // 3) for place, each in enumerate(headers) if each in CUT
    }
    for row in texts:
        cut = (_cut(cell, most[at]) if at in most else cell for at, cell in enumerate(row))
        shown.add_row(*(Text(cell) for cell in cut))
    _console(width).print(shown)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line, aligned."""
    known = [(name, clean(value)) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        typer.echo(f"{name:<{width}}  {value}")


def heading(text: str) -> None:
    """A line that opens a part of the answer."""
    typer.echo("")
    typer.secho(text, bold=True)


def past(answer: dict[str, Any]) -> None:
    """Says of which moment an answer is, if it is about the past, and what of that is not whole."""
    note = answer.get("past")
    if note:
        typer.secho(clean(note["said"]), fg="yellow")
        for more in note["notes"]:
            typer.echo(clean(more))


def clean(value: object) -> str:
    """A value as text in which nothing can move the cursor or change colours."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(clean(item) for item in value)
    text = str(value)
    return "".join(char if _is_plain(char) else "�" for char in text)


def age(instant: str | None, now: str | None = None) -> str:
    """How long ago, in words: 4 min, 3 h, 12 d; as of the clock of an answer if one is given."""
    if not instant:
        return "never"
    clock = datetime.fromisoformat(now) if now else datetime.now(UTC)
    seconds = (clock - datetime.fromisoformat(instant)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def counted(count: int, one: str, verb: str = "") -> str:
    """A number of things: 1 asset was, 2 assets were; `verb` is its form for one."""
    many = {"was": "were", "is": "are"}.get(verb, verb)
    told = f"{count} {one}" if count == 1 else f"{count} {one}s"
    return f"{told} {verb if count == 1 else many}".rstrip()


def minute(instant: str) -> str:
    """When something was, to the minute: 2026-01-31 12:00, in UTC."""
    return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y-%m-%d %H:%M}"


def quantity(value: Any, unit: str | None) -> str:  # noqa: ANN401 - JSON
    """A value with its unit; bytes in powers of 1024."""
    if unit == "byte" and isinstance(value, int | float):
        return size(value)
    return clean(value)


def value(name: str, held: Any) -> str:  # noqa: ANN401 - JSON
    """A value of an attribute; its name tells the unit, and what is none is said so."""
    if held is None or held in ("", []):
        return NONE
    return quantity(held, "byte" if name.endswith("_bytes") else None)


def change(name: str, before: Any, after: Any) -> str:  # noqa: ANN401 - JSON
    """What a value was, and what it is after."""
    return f"{value(name, before)} {ARROW} {value(name, after)}"


def _plain_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], title: str, most: int | None
) -> None:
    """The same look without folding: lines are as long as they are, or cells are cut."""
    from rich.cells import cell_len

    names = [header.removesuffix("#").strip() for header in headers]
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    if most is not None:
        widths = _narrowed(widths, most)
    if title:
        typer.echo(title)
    for row in [names, ["─" * width for width in widths], *rows]:
        cells = []
        for header, text, width in zip(headers, row, widths, strict=True):
            cell = text if most is None else _cut(text, width)
            room = " " * (width - cell_len(cell))
            cells.append(room + cell if header.endswith("#") else cell + room)
        sys.stdout.write(" " + _BETWEEN.join(cells).rstrip() + "\n")


def _width() -> int | None:
    """Columns of the terminal, or as many as COLUMNS says; None: nothing bounds a line."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdecimal() and int(said) > 0:
        return int(said)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrowed(widths: Sequence[int], most: int) -> list[int]:
    """The widths with the widest made smaller until a line fits, as far as they can be."""
    found = list(widths)
    room = most - 1 - len(_BETWEEN) * (len(found) - 1)
    while sum(found) > room and max(found) > _LEAST_CELL:
        found[found.index(max(found))] -= 1
    return found


def _cut(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it is wider."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}


def _console(width: int) -> Any:  # noqa: ANN401 - rich is imported where it is used
    from rich.console import Console

    return Console(width=width)
