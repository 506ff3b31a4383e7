PRAGMA application_id=1398033220;
PRAGMA user_version=1;
CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL,
    action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
INSERT INTO setting VALUES ('alerts', '{"remind_hours": 24}');
INSERT INTO setting VALUES ('retention', 'null');
INSERT INTO audit VALUES (1, 1772366400.25, 'system', 'account.create', 'admin', '{}');
INSERT INTO audit VALUES (2, 1772370000.25, 'admin', 'session.start', 'admin', '{"address": "192.0.2.1"}');
DELETE FROM sqlite_sequence WHERE name='audit';
INSERT INTO sqlite_sequence VALUES ('audit', 2);
