"""The step from schema 1 to 2 of record.db: the same words, in the layout of ADR 0013."""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from cmdb.model.observation import Programs, SectionKind
from cmdb.model.programs import columns_of, content_of, entry_hash
from cmdb.store.sqlite import bonds as bonds_module
from cmdb.store.sqlite import codec, packed, programs
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.bonds import Bond, Bonds
from cmdb.store.sqlite.numbers import Numbers
from cmdb.store.sqlite.parts import Parts
from cmdb.store.sqlite.places import Places
from cmdb.store.sqlite.records import packed_confirmations
from cmdb.store.sqlite.releases import release_key
from cmdb.store.sqlite.rows import Rows, text_of

_PROGRAMS = SectionKind.PROGRAMS.value


def upgrade(db: sqlite3.Connection) -> None:
    """Moves what the tables of schema 1 hold; those of schema 2 are there and empty."""
    _versions(db)
    _confirmations(db)
    _identifiers(db)
    _releases(db)
    _programs(db)
    _numbers(db)
    _places(db)
    _bonds(db)
    _phrases(db)
    _words(db)


def _versions(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT OR REPLACE INTO meta SELECT 'version', max("
        "(SELECT coalesce(max(version), 0) FROM section),"
        " (SELECT coalesce(max(version), 0) FROM past))"
    )


def _confirmations(db: sqlite3.Connection) -> None:
    told = db.execute("SELECT section >> 4, section & 15, at FROM confirmed ORDER BY section")
    for record, rows in groupby(told.fetchall(), key=lambda row: row[0]):
        row = db.execute("SELECT at FROM seen WHERE record=?", (record,)).fetchone()
        if row:
            body = packed_confirmations(row[0], ((kind, at) for _, kind, at in rows))
            db.execute("UPDATE seen SET confirmed=? WHERE record=?", (body, record))
    db.execute("DROP TABLE confirmed")


def _identifiers(db: sqlite3.Connection) -> None:
    told = db.execute("SELECT record, hash FROM identifier ORDER BY record, hash").fetchall()
    for record, rows in groupby(told, key=lambda row: row[0]):
        values = array("q", (value for _, value in rows))
        db.execute("INSERT INTO identifiers VALUES (?, ?)", (record, values.tobytes()))
    db.execute("DROP TABLE identifier")


def _releases(db: sqlite3.Connection) -> None:
    """A release is found by the hash that travels."""
    for release, system, entry in _entries(db):
        key = release_key(system, entry_hash(entry.encode("utf-8", "surrogatepass")))
        # Entries with more columns than were kept may have become one.
        db.execute("UPDATE OR IGNORE release SET hash=? WHERE id=?", (key, release))


def _entries(db: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    rows = db.execute(
        "SELECT r.id, t.system, t.name, r.version, r.architecture, t.publisher"
        " FROM release r JOIN title t ON t.id = r.title"
    ).fetchall()
    for release, system, *columns in rows:
        yield release, system, "\t".join(columns).rstrip("\t")


def _programs(db: sqlite3.Connection) -> None:
    """Lists of programs are compared by what they say; their index is made of tiles."""
    texts = {release: (system, entry) for release, system, entry in _entries(db)}
    rows = db.execute(
        "SELECT id, body FROM section WHERE id & 15 = ? ORDER BY id", (_PROGRAMS,)
    ).fetchall()
    for key, body in rows:
        ids, days = packed.unpack(codec.decompress(body))
        told = days.tolist() if days is not None else [0] * len(ids)
        lists: dict[str, tuple[list[str], list[int]]] = defaultdict(lambda: ([], []))
        for release, day in zip(ids.tolist(), told, strict=True):
            system, entry = texts[release]
            lists[system][0].append(entry)
            lists[system][1].append(day)
        said = [
            columns_of(Programs(system, tuple(entries), tuple(dated) if any(dated) else ()))
            for system, (entries, dated) in lists.items()
        ]
        db.execute("UPDATE section SET digest=? WHERE id=?", (codec.digest(content_of(said)), key))
    newest = db.execute("SELECT coalesce(max(id), 0) FROM record").fetchone()[0]
    _seal(db, "programs_sealed", newest >> programs.BITS)


def _seal(db: sqlite3.Connection, key: str, blocks: int) -> None:
    """Says which blocks are to be there; the step to schema 4 writes them."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(blocks)))


def _numbers(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO meta SELECT 'assets', coalesce(max(id), 0) FROM asset_id")
    db.execute("DROP TABLE asset_id")


def _places(db: sqlite3.Connection) -> None:
    places = Places(db)
    rows = db.execute(
        "SELECT asset, scope, address, at, witness FROM address ORDER BY asset, scope, address"
    ).fetchall()
    for asset, told in groupby(rows, key=lambda row: row[0]):
        places.replace(
            asset,
            [(scope, address, codec.from_micros(at), who) for _, scope, address, at, who in told],
        )
    db.execute("DROP TABLE address")


def _bonds(db: sqlite3.Connection) -> None:
    """Relations inside an asset and to sockets move; stated ones stay where they are."""
    sockets = {row[0] for row in db.execute("SELECT asset FROM endpoint")}
    moving = (
        "FROM relation WHERE target = owner OR target IN (SELECT asset FROM endpoint)"
        " OR target IN (SELECT id FROM asset WHERE parent = owner)"
    )
    rows = db.execute(f"SELECT owner, source, type, target, at, detail {moving} ORDER BY owner")
    bonds = Bonds(db, Bodies(db))
    for owner, told in groupby(rows.fetchall(), key=lambda row: row[0]):
        found = [Bond(*row[1:]) for row in told]
        bonds.put(owner, found, sockets & {bond.target for bond in found})
    db.execute(f"DELETE {moving}")
    newest = db.execute("SELECT coalesce(max(owner), 0) FROM bond").fetchone()[0]
    _seal(db, "sockets_sealed", newest >> bonds_module.BITS)


def _phrases(db: sqlite3.Connection) -> None:
    """The words of parts are shared by all that have the same."""
    parts = Parts(db, Rows(db, Bodies(db), Numbers(db)))
    rows = db.execute(
        "SELECT id, cls, scope, doc FROM asset WHERE parent IS NOT NULL ORDER BY id"
    ).fetchall()
    for asset, cls, scope, doc in rows:
        attributes = codec.parse(codec.decompress(doc))
        assert isinstance(attributes, dict)
        phrase = parts.phrase(text_of(cls, scope, attributes))
        db.execute("UPDATE asset SET phrase=? WHERE id=?", (phrase, asset))


def _words(db: sqlite3.Connection) -> None:
    """The full text of all but parts moves to an index without prefixes, half as large."""
    db.execute("ALTER TABLE words RENAME TO words_1")
    db.execute(
        'CREATE VIRTUAL TABLE words USING fts5 (text, tokenize="unicode61 remove_diacritics 2")'
    )
    db.execute(
        "INSERT INTO words (rowid, text) SELECT w.rowid, w.text FROM words_1 w"
        " JOIN asset a ON a.id = w.rowid WHERE a.parent IS NULL"
    )
    db.execute("DROP TABLE words_1")
