"""The tables of record.db: ledger and view of one estate. Steps are only ever added.

Instants are microseconds since 1970. Bodies are zstd. The ledger's tables hang on records and
never on assets, so that join, split and undo move links and nothing else.
"""

from __future__ import annotations

import sqlite3

from cmdb.store.sqlite.connection import Migration

APPLICATION_ID = 0x53544B52  # "STKR"

_LEDGER = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tx (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL);
CREATE TABLE source (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, instance TEXT NOT NULL,
  UNIQUE (kind, instance));
CREATE TABLE scope (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record (id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL,
  scope INTEGER NOT NULL, native_key TEXT NOT NULL, first_at INTEGER NOT NULL,
  UNIQUE (source, scope, native_key));
CREATE TABLE seen (record INTEGER PRIMARY KEY, at INTEGER NOT NULL, full_at INTEGER);
CREATE TABLE section (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL,
  tx INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE confirmed (section INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE past (version INTEGER PRIMARY KEY, section INTEGER NOT NULL,
  base INTEGER NOT NULL, at INTEGER NOT NULL, confirmed INTEGER NOT NULL, tx INTEGER NOT NULL,
  ended_tx INTEGER NOT NULL, digest BLOB NOT NULL, patch BLOB NOT NULL);
CREATE INDEX past_section ON past (section, at);
CREATE TABLE identifier (hash INTEGER NOT NULL, record INTEGER NOT NULL,
  PRIMARY KEY (hash, record)) WITHOUT ROWID;
CREATE INDEX identifier_record ON identifier (record);
CREATE TABLE link (id INTEGER PRIMARY KEY AUTOINCREMENT, record INTEGER NOT NULL,
  asset INTEGER NOT NULL, rule TEXT NOT NULL, evidence BLOB NOT NULL, since INTEGER NOT NULL,
  tx INTEGER NOT NULL, decided_at INTEGER NOT NULL, ended_tx INTEGER, ended_at INTEGER);
CREATE INDEX link_record ON link (record);
CREATE INDEX link_asset ON link (asset) WHERE ended_tx IS NULL;
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, source INTEGER NOT NULL,
  scope INTEGER NOT NULL, event TEXT NOT NULL, state TEXT, body TEXT NOT NULL, at INTEGER NOT NULL,
  tx INTEGER NOT NULL);
CREATE INDEX run_name ON run (run);
CREATE TABLE aside (sequence INTEGER PRIMARY KEY, origin TEXT NOT NULL, reason TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE decision (id INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT NOT NULL, body TEXT NOT NULL,
  at INTEGER NOT NULL, tx INTEGER NOT NULL);
CREATE TABLE title (id INTEGER PRIMARY KEY AUTOINCREMENT, system TEXT NOT NULL, name TEXT NOT NULL,
  publisher TEXT NOT NULL, UNIQUE (system, name, publisher));
CREATE TABLE release (id INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL UNIQUE,
  title INTEGER NOT NULL, version TEXT NOT NULL, architecture TEXT NOT NULL);
CREATE INDEX release_title ON release (title);
CREATE TABLE tile (title INTEGER NOT NULL, block INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (title, block)) WITHOUT ROWID;
CREATE TABLE change (id INTEGER PRIMARY KEY AUTOINCREMENT, tx INTEGER NOT NULL, at INTEGER NOT NULL,
  asset INTEGER NOT NULL, what TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX change_asset ON change (asset, id);
"""

_VIEW = """
CREATE TABLE asset_id (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE asset (id INTEGER PRIMARY KEY, cls TEXT NOT NULL, state TEXT NOT NULL,
  parent INTEGER, local TEXT, scope TEXT NOT NULL, name TEXT COLLATE NOCASE NOT NULL,
  fqdn TEXT COLLATE NOCASE, vendor TEXT COLLATE NOCASE, model TEXT COLLATE NOCASE,
  os_name TEXT COLLATE NOCASE, os_version TEXT COLLATE NOCASE, memory_bytes INTEGER,
  cpu_cores INTEGER, owner TEXT COLLATE NOCASE, location TEXT COLLATE NOCASE,
  environment TEXT COLLATE NOCASE, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  stale_at INTEGER, kinds TEXT NOT NULL, demo INTEGER NOT NULL, hidden INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX asset_name ON asset (name);
CREATE INDEX asset_fqdn ON asset (fqdn) WHERE fqdn IS NOT NULL;
CREATE INDEX asset_class ON asset (cls, name);
CREATE UNIQUE INDEX asset_part ON asset (parent, local) WHERE parent IS NOT NULL;
CREATE INDEX asset_stale ON asset (stale_at) WHERE stale_at IS NOT NULL;
CREATE TABLE alias (old INTEGER PRIMARY KEY, new INTEGER NOT NULL);
CREATE INDEX alias_new ON alias (new);
CREATE TABLE relation (source INTEGER NOT NULL, type TEXT NOT NULL, target INTEGER NOT NULL,
  owner INTEGER NOT NULL, at INTEGER NOT NULL, detail TEXT,
  PRIMARY KEY (source, type, target)) WITHOUT ROWID;
CREATE INDEX relation_target ON relation (target);
CREATE INDEX relation_owner ON relation (owner);
CREATE TABLE address (scope TEXT NOT NULL, address TEXT NOT NULL, asset INTEGER NOT NULL,
  at INTEGER NOT NULL, witness TEXT NOT NULL, PRIMARY KEY (scope, address, asset)) WITHOUT ROWID;
CREATE INDEX address_asset ON address (asset);
CREATE TABLE endpoint (asset INTEGER PRIMARY KEY, scope TEXT NOT NULL, address TEXT NOT NULL,
  protocol TEXT NOT NULL, port INTEGER NOT NULL, resolved INTEGER,
  UNIQUE (scope, address, protocol, port));
CREATE INDEX endpoint_resolved ON endpoint (resolved) WHERE resolved IS NOT NULL;
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize="unicode61 remove_diacritics 2",
  prefix='2 3');
"""

_SECTIONS_AND_TILES = """
CREATE TABLE dictionary (id INTEGER NOT NULL UNIQUE, kind INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE identifiers (record INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE pend (id INTEGER PRIMARY KEY AUTOINCREMENT, record INTEGER NOT NULL,
  version INTEGER NOT NULL);
ALTER TABLE seen ADD COLUMN confirmed BLOB NOT NULL DEFAULT x'';
DROP TABLE tile;
CREATE TABLE tile (kind INTEGER NOT NULL, block INTEGER NOT NULL, page INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (kind, block, page)) WITHOUT ROWID;
CREATE TABLE bond (owner INTEGER PRIMARY KEY, revision INTEGER NOT NULL, at INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE unsealed (owner INTEGER PRIMARY KEY);
CREATE TABLE place (asset INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE phrase (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE phrases USING fts5 (text, content='phrase', content_rowid='id',
  tokenize="unicode61 remove_diacritics 2");
ALTER TABLE asset ADD COLUMN phrase INTEGER;
CREATE INDEX asset_phrase ON asset (phrase) WHERE phrase IS NOT NULL;
"""


_STRETCHES = """
ALTER TABLE link ADD COLUMN until INTEGER;
ALTER TABLE link ADD COLUMN last INTEGER;
ALTER TABLE link ADD COLUMN state TEXT NOT NULL DEFAULT 'linked';
CREATE TABLE timeline (record INTEGER PRIMARY KEY, last INTEGER NOT NULL,
  watched INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);
CREATE TABLE anchor (name TEXT PRIMARY KEY, asset INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX link_ended ON link (ended_tx) WHERE ended_tx IS NOT NULL;
CREATE INDEX title_name ON title (name COLLATE NOCASE);
CREATE INDEX run_ended ON run (source, scope, at) WHERE event='end' AND state='complete';
"""
"""Step 3: records are about assets by stretches of time, cut from their timelines."""

_CONTESTED = """
CREATE TABLE contested (asset INTEGER PRIMARY KEY);
INSERT INTO contested SELECT id FROM asset WHERE parent IS NULL;
"""
"""Step 5: assets of which a repeated word may change a value; all, until each is next projected."""


def _step_2(db: sqlite3.Connection) -> None:
    from cmdb.store.sqlite.upgrade_2 import upgrade

    for statement in filter(str.strip, _SECTIONS_AND_TILES.split(";")):
        db.execute(statement)
    upgrade(db)


_NARROW = """
DROP TABLE tile;
CREATE TABLE program_tile (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE socket_tile (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
DROP INDEX asset_name;
DROP INDEX asset_class;
CREATE INDEX asset_inside ON asset (cls, name) WHERE parent IS NOT NULL AND hidden=0;
CREATE INDEX asset_whole ON asset (name, cls, state, scope, os_name, os_version, vendor, model)
  WHERE parent IS NULL AND hidden=0;
"""
"""Step 4: tiles by groups of keys; indexes of what is shown alone."""


def _step_4(db: sqlite3.Connection) -> None:
    from cmdb.store.sqlite.upgrade_4 import upgrade

    for statement in filter(str.strip, _NARROW.split(";")):
        db.execute(statement)
    upgrade(db)


_PARTED = """
CREATE TABLE parted (place INTEGER NOT NULL, owner INTEGER NOT NULL,
  PRIMARY KEY (place, owner)) WITHOUT ROWID;
"""
"""Step 6: who used a socket at an address, and does not any more."""


_SILENCES = """
CREATE TABLE silence (record INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  ended_tx INTEGER, PRIMARY KEY (record, since, until)) WITHOUT ROWID;
INSERT INTO meta (key, value) SELECT 'silences_from', max(at) FROM seen HAVING count(*) > 0;
"""
"""Step 8: when records were not heard; before this nobody noted it."""


def _step_7(db: sqlite3.Connection) -> None:
    from cmdb.store.sqlite.upgrade_4 import sockets_anew

    sockets_anew(db)


_CHAINED = """
CREATE TABLE past_9 (id INTEGER PRIMARY KEY, older INTEGER NOT NULL, aside INTEGER,
  at INTEGER NOT NULL, confirmed INTEGER NOT NULL, tx INTEGER NOT NULL, ended INTEGER, digest BLOB,
  patch BLOB NOT NULL);
ALTER TABLE section RENAME COLUMN version TO past;
ALTER TABLE pend RENAME COLUMN version TO past;
"""
"""Step 9: the past of a section as a chain that begins at its row, without an index; times as
differences from that of the transaction, or from the word's own."""


def _step_9(db: sqlite3.Connection) -> None:
    from cmdb.store.sqlite.upgrade_9 import upgrade

    for statement in filter(str.strip, _CHAINED.split(";")):
        db.execute(statement)
    upgrade(db)


_TOLD = """
CREATE TABLE change_10 (id INTEGER PRIMARY KEY AUTOINCREMENT, tx INTEGER NOT NULL,
  asset INTEGER NOT NULL, older INTEGER NOT NULL, what NOT NULL, body BLOB NOT NULL);
INSERT INTO sqlite_sequence SELECT 'change_10', seq FROM sqlite_sequence WHERE name='change';
INSERT INTO change_10 SELECT id, tx, asset, lag(id, 1, 0) OVER (PARTITION BY asset ORDER BY id),
  CASE what WHEN 'changed' THEN 0 WHEN 'created' THEN 1 WHEN 'joined' THEN 2
  WHEN 'dissolved' THEN 3 WHEN 'erased' THEN 4 ELSE what END, body FROM change ORDER BY id;
CREATE TABLE told (asset INTEGER PRIMARY KEY, newest INTEGER NOT NULL);
INSERT INTO told SELECT asset, max(id) FROM change GROUP BY asset;
DROP TABLE change;
ALTER TABLE change_10 RENAME TO change;
"""
"""Step 10: the feed of an asset as a chain that `told` begins, without an index; its times are
those of its transactions."""

_OTHER_NAMES = """
CREATE TABLE other_name (name TEXT COLLATE NOCASE NOT NULL, asset INTEGER NOT NULL,
  PRIMARY KEY (name, asset)) WITHOUT ROWID;
CREATE INDEX other_name_asset ON other_name (asset);
UPDATE asset SET stale_at=0 WHERE id IN
  (SELECT asset FROM link WHERE ended_tx IS NULL GROUP BY asset HAVING count(DISTINCT record) > 1);
"""
"""Step 11: names that a record of an asset says and that lost. Assets with several records are due
to be projected anew, in the background, which fills it."""

_SEEN = """
CREATE INDEX asset_seen ON asset (id, last_seen, first_seen) WHERE parent IS NULL AND hidden=0;
"""
"""Step 12: a text that thousands of things contain is read in order of time from an index of its
own; their rows are so wide that each lies on another page."""


MIGRATIONS: tuple[Migration, ...] = (
    _LEDGER + _VIEW,
    _step_2,
    _STRETCHES,
    _step_4,
    _CONTESTED,
    _PARTED,
    _step_7,
    _SILENCES,
    _step_9,
    _TOLD,
    _OTHER_NAMES,
    _SEEN,
)

COLUMNS = (
    "name", "fqdn", "vendor", "model", "os_name", "os_version", "memory_bytes", "cpu_cores",
    "owner", "location", "environment",
)  # fmt: skip
"""Attributes with a column of their own; tests hold them to those declared with `column`."""
