"""Parts inside a thing, each once, however many sources list it.

A part is known inside its parent: an adapter by its address and name, a disk by its serial number
and name, any other by its kind, serial number and slot. Spelling does not count. What one source
leaves out another may know; where nothing contradicts, they speak of one part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cmdb.model.observation import Json
from cmdb.query.models import SectionView

_KNOWN_BY: Mapping[str, tuple[str, ...]] = {
    "interfaces": ("mac", "name"),
    "disks": ("serial", "name"),
    "components": ("serial", "slot"),
}
"""Columns by which a part is known, the strongest first."""
_SAME_ALWAYS: Mapping[str, tuple[str, ...]] = {"components": ("kind",), "disks": ("kind",)}
"""Columns in which one part does not differ."""

Row = Mapping[str, Json]
_Mark = tuple[str, ...]
_SIGNS = re.compile(r"[^0-9a-z]")
_SIGNS_LEFT_OUT = frozenset({"mac", "serial"})


def each_once(sections: Sequence[SectionView]) -> tuple[SectionView, ...]:
    """The same lists without parts that an earlier one has; those lend what the earlier leaves out.

    A list of which nothing is left is left out, too; one that was empty says so.
    """
    known: dict[str, _Parts] = {}
    places: list[tuple[SectionView, list[int] | None]] = []
    for section in sections:
        if section.kind not in _KNOWN_BY:
            places.append((section, None))
            continue
        parts = known.setdefault(section.kind, _Parts(section.kind))
        places.append((section, parts.take(section.rows)))
    found = []
    for section, numbers in places:
        if numbers is None:
            found.append(section)
        elif numbers or not section.rows:
            rows = tuple(known[section.kind].rows[number] for number in numbers)
            found.append(replace(section, rows=rows))
    return tuple(found)


class _Parts:
    """The parts of one kind, in the order in which they were told of."""

    def __init__(self, kind: str) -> None:
        self._columns = _KNOWN_BY[kind]
        self._names = (*self._columns, *_SAME_ALWAYS.get(kind, ()))
        self.rows: list[Row] = []
        self._marks: list[_Mark] = []
        self._by_value: dict[tuple[int, str], list[int]] = {}

    def take(self, rows: Iterable[Row]) -> list[int]:
        """Takes a source's rows; the numbers of those that are new."""
        new = []
        for row in rows:
            mark = tuple([_plain(row.get(name), name) for name in self._names])
            number = self._same(mark)
            if number is None:
                new.append(len(self.rows))
                self._add(row, mark)
            else:
                lent = {name: value for name, value in row.items() if value not in (None, "", [])}
                self.rows[number] = {**lent, **self.rows[number]}
        return new

    def _same(self, mark: _Mark) -> int | None:
        for place in range(len(self._columns)):
            for number in self._by_value.get((place, mark[place]), ()) if mark[place] else ():
                if _agree(mark, self._marks[number]):
                    return number
        return None

    def _add(self, row: Row, mark: _Mark) -> None:
        number = len(self.rows)
        self.rows.append(row)
        self._marks.append(mark)
        for place in range(len(self._columns)):
            if mark[place]:
                self._by_value.setdefault((place, mark[place]), []).append(number)


def _agree(one: _Mark, other: _Mark) -> bool:
    return all(a == b or not a or not b for a, b in zip(one, other, strict=True))


def _plain(value: Json, name: str) -> str:
    text = str(value or "").casefold()
    if name not in _SIGNS_LEFT_OUT:
        return text.strip()
    return text if text.isascii() and text.isalnum() else _SIGNS.sub("", text)
