PRAGMA application_id=1398033226;
PRAGMA user_version=1;
CREATE TABLE entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, form TEXT NOT NULL,
  received_us INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE batch (
  sender TEXT NOT NULL, batch_id TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  unmet TEXT NOT NULL, note BLOB NOT NULL, received_us INTEGER NOT NULL,
  PRIMARY KEY (sender, batch_id)) STRICT, WITHOUT ROWID;
CREATE TABLE held (
  sender TEXT NOT NULL, record TEXT NOT NULL, sections BLOB NOT NULL,
  PRIMARY KEY (sender, record)) STRICT, WITHOUT ROWID
;
CREATE TABLE token (
  id TEXT PRIMARY KEY, secret_sha256 BLOB NOT NULL UNIQUE, body TEXT NOT NULL) STRICT
;
CREATE TABLE observer (
  id TEXT PRIMARY KEY, token_id TEXT NOT NULL, key_sha256 BLOB NOT NULL, body TEXT NOT NULL)
  STRICT
;
CREATE TABLE job (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE setting (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT
;
INSERT INTO entry VALUES (3, 'import/cmdb', 'jsonl.v1', 1772370000250000, X'7B2276223A327D');
INSERT INTO entry VALUES (4, 'observer/obs-hqmrkznusc', 'item.v1', 1772370000250000, X'666F75727468');
INSERT INTO batch VALUES ('obs-hqmrkznusc', 'b1', 1, 1, '', X'6E6F74652D31', 1772366400250000);
INSERT INTO batch VALUES ('obs-hqmrkznusc', 'b2', 4, 4, '', X'', 1772370000250000);
INSERT INTO held VALUES ('obs-hqmrkznusc', 'r1', X'000000017692C3AD3540BB803C020B3AEE66CD8887123234EA0C6E7143C0ADD73FF431ED000000023FC4CCFE745870E2C0D99F71F30FF0656C8DEDD41CC1D7D3D376B0DBE685E2F3');
INSERT INTO token VALUES ('tok-7d0a66d996', X'76C56987913646397EB5371E077FD0B3F35951CA66A2F970D073BD7713FC92ED', '{"id":"tok-7d0a66d996","grants":{"kinds":["agent"],"scope":"site","scan_prefixes":[]},"made_at":"2026-03-01T12:00:00.250000+00:00","expires_at":"2026-03-02T12:00:00.250000+00:00","made_by":"admin","note":"first","max_uses":2,"uses":1,"revoked_at":null}');
INSERT INTO token VALUES ('tok-3271b94b1b', X'D5695A537B9AF39A1C86ED8DA7F933030A25AB2250D074334486521296730780', '{"id":"tok-3271b94b1b","grants":{"kinds":["scan"],"scope":"site","scan_prefixes":["192.0.2.0/24"]},"made_at":"2026-03-01T12:00:00.250000+00:00","expires_at":"2026-03-01T13:00:00.250000+00:00","made_by":"admin","note":"","max_uses":1,"uses":0,"revoked_at":null}');
INSERT INTO observer VALUES ('obs-hqmrkznusc', 'tok-7d0a66d996', X'C6AA9603AE77DC63A656592C90621EEEEEBEF19F33AEDD442EF6AE0F7BC11CAE', '{"id":"obs-hqmrkznusc","kinds":["agent"],"key_prefix":"obs-hqmrkznusc","scope":"site","enrolled_at":"2026-03-01T12:00:00.250000+00:00","certificate_serial":"226e2292c3bae5a3c9761dfc6d6a56750fd04ebf","certificate_sha256":"3bfc31305b1a06cc1115476e8c27c75fdfa83cf398427556cde61267419c93a8","certificate_ends_at":"2026-03-31T12:00:00+00:00","scan_prefixes":[],"hostname":"host-1","agent_version":"0.1.0","sealing_key":"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=","last_seen":"2026-03-01T13:00:00.250000+00:00","clock_offset":2.0,"outbox_batches":3,"complaints":["dmi: no permission"],"capabilities":["scan"],"revoked_at":null}');
INSERT INTO job VALUES ('job-567f2fca8b07', '{"id":"job-567f2fca8b07","wanted":{"made_by":"admin","lasts":86400.0,"observer_id":"obs-hqmrkznusc","report_now":{"full":true},"scan":null},"made_at":"2026-03-01T12:00:00.250000+00:00","expires_at":"2026-03-02T12:00:00.250000+00:00","updated_at":"2026-03-01T12:00:00.250000+00:00","state":"queued","taken_by":null,"cancel":false,"done":0,"total":0,"message":""}');
INSERT INTO setting VALUES ('observers', '{"report_every":7200.0,"check_in_every":60.0,"outbox_bytes":268435456,"sections":null}');
INSERT INTO setting VALUES ('addresses', '{"collectors":["collector.example:8441"],"enrolment":["collector.example:8442"]}');
DELETE FROM sqlite_sequence WHERE name='entry';
INSERT INTO sqlite_sequence VALUES ('entry', 4);
CREATE INDEX batch_age ON batch (received_us);
