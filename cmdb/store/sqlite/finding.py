"""Finding assets: by id, by name, and by search with stable pages."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from cmdb.model.classes import CLASSES
from cmdb.store.port import (
    AssetId,
    AssetRow,
    BadSearch,
    Headline,
    Page,
    Search,
    UnknownAsset,
)
from cmdb.store.sqlite import codec, rows
from cmdb.store.sqlite.schema import COLUMNS

SORTED_BY = (*COLUMNS, "cls", "state", "scope", "first_seen", "last_seen", "id")
_INSTANTS = frozenset({"first_seen", "last_seen"})
"""Columns that are always there."""
STATES = ("present", "missing", "retired")
_ID = re.compile(r"(?:ci-)?(\d{1,15})", re.IGNORECASE | re.ASCII)
_SHOWN_CANDIDATES = 5
_CHUNK = 500
_SHOWN = "a.hidden=0"
_OLDS = (
    "SELECT old FROM alias WHERE new=? AND NOT EXISTS (SELECT 1 FROM asset WHERE id=old)"
    " ORDER BY old"
)
_INSIDE = f"a.parent IS NOT NULL AND a.cls IN ({','.join(repr(each.name) for each in CLASSES)})"
"""Parts are found by class, then by name."""


def by_id(db: sqlite3.Connection, asset: AssetId) -> AssetRow | None:
    """The asset with that id or alias."""
    row = db.execute(rows.SELECT + "WHERE a.id=?", (asset,)).fetchone()
    if row is None:
        meant = "WHERE a.id=(SELECT new FROM alias WHERE old=?)"
        row = db.execute(rows.SELECT + meant, (asset,)).fetchone()
    if row is None:
        return None
    found = rows.read(db, row)
    olds = db.execute(_OLDS, (found.id,)).fetchall()
    if not olds:
        return found
    return replace(found, aliases=tuple(AssetId(old[0]) for old in olds))


def by_name(db: sqlite3.Connection, text: str) -> AssetRow:
    """The asset that an id, a name or a qualified name means.

    The names that assets go by come first, then those that one of their records says, then parts.
    """
    if match := _ID.fullmatch(text.strip()):
        found = by_id(db, AssetId(int(match[1])))
        if found is not None:
            return found
    name = text.strip()
    whole = _named(db, "a.parent IS NULL", name) or _said(db, name) or _named(db, _INSIDE, name)
    if len(whole) == 1:
        return by_id(db, AssetId(whole[0][0])) or rows.read(db, whole[0])
    if not whole:
        told = f"no asset is called {text!r}; 'stocktake assets {text}' searches"
        raise UnknownAsset(told, called=text)
    shown = ", ".join(f"ci-{row[0]} ({row[1]}, {row[5]})" for row in whole[:_SHOWN_CANDIDATES])
    raise UnknownAsset(f"{text!r} means several assets: {shown}; name one by its id")


def _named(db: sqlite3.Connection, where: str, name: str) -> list[Any]:
    return db.execute(
        f"{rows.SELECT} WHERE a.id IN (SELECT a.id FROM asset a WHERE {where} AND a.hidden=0 AND"
        f" a.name=?1 UNION SELECT a.id FROM asset a WHERE {where} AND a.hidden=0 AND a.fqdn=?1)"
        " ORDER BY a.id LIMIT ?2",
        (name, _SHOWN_CANDIDATES + 1),
    ).fetchall()


def _said(db: sqlite3.Connection, name: str) -> list[Any]:
    """Assets that go by another name, while one of their records says this one."""
    return db.execute(
        f"{rows.SELECT} WHERE a.id IN (SELECT asset FROM other_name WHERE name=?) AND a.hidden=0"
        " ORDER BY a.id LIMIT ?",
        (name, _SHOWN_CANDIDATES + 1),
    ).fetchall()


def headlines(db: sqlite3.Connection, assets: Iterable[AssetId]) -> dict[AssetId, Headline]:
    """What others show of these assets; an alias stands for its asset."""
    wanted = sorted(set(assets))
    found: dict[AssetId, Headline] = {}
    for start in range(0, len(wanted), _CHUNK):
        marks = ",".join(map(str, wanted[start : start + _CHUNK]))
        for asked, parent, *row in db.execute(
            f"SELECT a.id, a.parent, a.id, a.cls, a.name, a.state, a.scope, {rows.LAST_SEEN}"
            f" FROM asset a WHERE a.id IN ({marks})"
            " UNION ALL SELECT s.old, a.parent, a.id, a.cls, a.name,"
            f" a.state, a.scope, {rows.LAST_SEEN} FROM alias s JOIN asset a ON a.id = s.new"
            f" WHERE s.old IN ({marks})"
        ):
            asset, cls, name, state, scope, seen = row
            host = None if parent is None else AssetId(parent)
            found[AssetId(asked)] = Headline(
                AssetId(asset), cls, name, state, host, scope, codec.from_micros(seen)
            )
    return found


def class_filter(cls: str | None) -> tuple[str, list[object]]:
    """SQL that keeps a class and those that extend it."""
    if cls is None:
        return "", []
    names = [declared.name for declared in CLASSES if cls in declared.lineage()]
    if not names:
        known = ", ".join(declared.name for declared in CLASSES)
        raise BadSearch(f"there is no class {cls!r}; there are {known}")
    return f"AND a.cls IN ({','.join('?' * len(names))})", list(names)


def page(db: sqlite3.Connection, search: Search) -> Page:
    """One page, in an order that no change of other assets upsets."""
    column, descending = search.order.lstrip("-"), search.order.startswith("-")
    if column not in SORTED_BY:
        raise BadSearch(f"cannot sort by {column!r}; there are {', '.join(SORTED_BY)}")
    order = _Order(column, descending=descending)
    matching, values = _matching(search, order)
    beyond, more = order.after(search.after) if search.after else ("1", [])
    # Once through what matches: to count it, and for the first of it in order.
    found = db.execute(
        f"WITH m AS MATERIALIZED ({matching}) SELECT n.total, p.* FROM"
        " (SELECT count(*) AS total FROM m) n LEFT JOIN"
        f" (SELECT id, missing, key FROM m WHERE {beyond} ORDER BY {order.sql} LIMIT ?) p"
        f" ORDER BY {order.sql}",
        [*values, *more, search.limit + 1],
    ).fetchall()
    total = found[0][0]
    told = [row[1:] for row in found if row[1] is not None]
    shown = told[: search.limit]
    cursor = _make_cursor(*shown[-1]) if len(told) > search.limit else None
    return Page(tuple(_rows(db, [row[0] for row in shown])), cursor, total)


class _Order:
    """An order of rows: without regard to case, missing values last, ties by id."""

    def __init__(self, column: str, *, descending: bool) -> None:
        self._column = column
        self.by_time = column in _INSTANTS
        direction, self._beyond = ("DESC", "<") if descending else ("ASC", ">")
        self.sql = f"missing, key COLLATE NOCASE {direction}, id"

    def columns(self, *, parts: bool) -> str:
        """SQL of what orders: of parts, or of things."""
        if self.by_time:
            seen = rows.LAST_SEEN if parts and self._column == "last_seen" else f"a.{self._column}"
            return f"a.id, 0 AS missing, {seen} AS key"
        value = f"a.{self._column}"
        missing = f"{value} IS NULL OR {value} = ''"
        return f"a.id, {missing} AS missing, coalesce({value}, '') AS key"

    def after(self, cursor: str) -> tuple[str, list[object]]:
        """SQL that keeps what comes after a row."""
        asset, missing, key = _cursor(cursor)
        clause = (
            f"(missing > ? OR (missing = ? AND (key COLLATE NOCASE {self._beyond} ?"
            " OR (key COLLATE NOCASE = ? AND id > ?))))"
        )
        return clause, [missing, missing, key, key, asset]


def _rows(db: sqlite3.Connection, ids: list[int]) -> Iterator[AssetRow]:
    marks = ",".join("?" * len(ids))
    found = {row[0]: row for row in db.execute(f"{rows.SELECT} WHERE a.id IN ({marks})", ids)}
    return (rows.read(db, found[asset]) for asset in ids)


def _matching(search: Search, order: _Order) -> tuple[str, list[object]]:
    """SQL of what matches, with what orders it: things and their parts, each by an own index."""
    clauses, values = _where(search)
    words = _match(search.text)
    sides = [(False, "a.id IN (SELECT rowid FROM words WHERE words MATCH ?)")]
    if search.cls or search.parts:
        sides.append((True, "a.phrase IN (SELECT rowid FROM phrases WHERE phrases MATCH ?)"))
    selects, bound = [], list[object]()
    for parts, text in sides:
        side = "a.parent IS NOT NULL" if parts else "a.parent IS NULL"
        where = " AND ".join([side, *clauses, *([text] if words else [])])
        # Left to choose, SQLite looks each thing up by its id: in a row of two kilobytes.
        narrow = words and not parts and order.by_time and clauses == [_SHOWN]
        by = " INDEXED BY asset_seen" if narrow else ""
        selects.append(f"SELECT {order.columns(parts=parts)} FROM asset a{by} WHERE {where}")
        bound += [*values, *([words] if words else [])]
    return " UNION ALL ".join(selects), bound


def _where(search: Search) -> tuple[list[str], list[object]]:
    clauses, values = [_SHOWN], list[object]()
    class_sql, class_values = class_filter(search.cls)
    if class_sql:
        clauses.append(class_sql.removeprefix("AND "))
        values += class_values
    if search.source_kind:
        clauses.append("(',' || a.kinds || ',') LIKE ? ESCAPE '\\'")
        values.append(f"%,{_like(search.source_kind)},%")
    for column, wanted in _equal(search):
        clauses.append(f"a.{column}=?")
        values.append(wanted)
    return clauses, values


def _equal(search: Search) -> Iterator[tuple[str, str]]:
    for column, wanted in (("state", search.state), ("scope", search.scope)):
        if wanted:
            yield column, wanted
    if search.state and search.state not in STATES:
        raise BadSearch(f"there is no state {search.state!r}; there are {', '.join(STATES)}")
    for attribute, wanted in search.where:
        if attribute not in COLUMNS:
            raise BadSearch(f"cannot filter by {attribute!r}; there are {', '.join(COLUMNS)}")
        yield attribute, wanted


def _match(text: str) -> str:
    """Every word as a prefix, quoted: nothing in it is an operator."""
    quoted = (word.replace('"', '""') for word in text.split()[:16])
    return " ".join(f'"{word}"*' for word in quoted if re.search(r"\w", word))


def _like(text: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", text)


def _make_cursor(asset: int, missing: int, key: object) -> str:
    text = json.dumps([asset, missing, key])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cursor(text: str) -> tuple[int, int, object]:
    refused = BadSearch("the cursor is not one that a page gave; start at the first")
    try:
        padded = text + "=" * (-len(text) % 4)
        asset, missing, key = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, TypeError) as error:
        raise refused from error
    if (
        not isinstance(asset, int)
        or missing not in (0, 1)
        or not isinstance(key, str | int | float)
    ):
        raise refused
    return asset, missing, key
