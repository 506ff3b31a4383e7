PRAGMA application_id=1398033220;
PRAGMA user_version=2;
CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL,
    action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE TABLE account(
    name TEXT PRIMARY KEY, password_hash TEXT NOT NULL, roles TEXT NOT NULL,
    created_at REAL NOT NULL, password_at REAL NOT NULL, disabled INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE session(
    digest BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name), csrf TEXT NOT NULL,
    started_at REAL NOT NULL, seen_at REAL NOT NULL, address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE token(
    id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES account(name), roles TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL, revoked_at REAL
) STRICT;
CREATE TABLE failure(
    key TEXT PRIMARY KEY, count INTEGER NOT NULL, last_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO setting VALUES ('alerts', '{"remind_hours": 24}');
INSERT INTO setting VALUES ('retention', 'null');
INSERT INTO audit VALUES (1, 1772366400.25, 'system', 'account.create', 'admin', '{}');
INSERT INTO audit VALUES (2, 1772370000.25, 'admin', 'session.start', 'admin', '{"address": "192.0.2.1"}');
INSERT INTO account VALUES ('admin', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA', 'administrator', 1772366400.25, 1772370000.25, 0);
INSERT INTO account VALUES ('viewer', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$b3RoZXI', 'viewer', 1772366400.25, 1772366400.25, 1);
INSERT INTO session VALUES (X'0101010101010101010101010101010101010101010101010101010101010101', 'admin', 'csrf-1', 1772370000.25, 1772373600.25, '192.0.2.1');
INSERT INTO token VALUES (1, 'gone', X'0202020202020202020202020202020202020202020202020202020202020202', 'admin', 'viewer', 1772366400.25, 1772452800.25, NULL, 1772370000.25);
INSERT INTO token VALUES (2, 'nightly', X'0303030303030303030303030303030303030303030303030303030303030303', 'admin', 'viewer licence_manager', 1772366400.25, 1772539200.25, 1772373600.25, NULL);
INSERT INTO failure VALUES ('viewer|192.0.2.9', 3, 1772370000.25);
DELETE FROM sqlite_sequence WHERE name='audit';
INSERT INTO sqlite_sequence VALUES ('audit', 2);
DELETE FROM sqlite_sequence WHERE name='token';
INSERT INTO sqlite_sequence VALUES ('token', 2);
CREATE INDEX session_account ON session(account);
