"""Restoring what is no whole backup: one sentence, and the home as it was."""

import gzip
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cmdb.store.sqlite.record import open_record
from collector.backup import BackupError, restore_backup, write_backup
from collector.home import Home
from collector.intake_desk import IntakeDesk
from collector.journal.port import Entry

Change = Callable[[dict[str, Any], dict[str, bytes]], object]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    home = Home(tmp_path / "first").create()
    open_record(home.record_path).close()
    home.authority_dir.mkdir()
    (home.authority_dir / "root.pem").write_text("root")
    return Path(write_backup(home, str(tmp_path / "whole.tar"))[0])


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as archive:
        return {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]


def write(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:") as archive:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return path


def add(name: str) -> Change:
    def change(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
        files[name] = b"x"
        manifest["files"][name] = hashlib.sha256(b"x").hexdigest()

    return change


def replace(name: str, body: bytes) -> Change:
    def change(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
        files[name] = body
        manifest["files"][name] = hashlib.sha256(body).hexdigest()

    return change


def another_database(*, application: int = 0x53544B52, version: int = 1) -> bytes:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA application_id={application}")
        db.execute(f"PRAGMA user_version={version}")
        db.execute("CREATE TABLE other (id INTEGER PRIMARY KEY)")
        return db.serialize()


def test_a_whole_backup_is_restored_and_nothing_is_left_beside_it(
    whole: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "again" / "home")
    home.path.mkdir(parents=True)
    assert restore_backup(str(whole), home).keys() == {"applied", "records", "assets"}
    assert home.record_path.exists()
    assert (home.authority_dir / "root.pem").read_text() == "root"
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in home.path.parent.iterdir()] == ["home"]


CHANGES: dict[str, Change] = {
    "files is a list": lambda manifest, _: manifest.update(files=["record.db"]),
    "files is a number": lambda manifest, _: manifest.update(files=3),
    "no files": lambda manifest, _: manifest.update(files={}),
    "files left out": lambda manifest, _: manifest.pop("files"),
    "digest is a number": lambda manifest, _: manifest["files"].update({"record.db": 5}),
    "no record": lambda manifest, _: manifest["files"].pop("record.db"),
    "record not in the file": lambda _, files: files.pop("record.db"),
    "no counts": lambda manifest, _: manifest.update(counts={}),
    "counts left out": lambda manifest, _: manifest.pop("counts"),
    "unknown count": lambda manifest, _: manifest["counts"].update(moons=0),
    "count is a text": lambda manifest, _: manifest["counts"].update(records="0"),
    "count is a truth": lambda manifest, _: manifest["counts"].update(records=False),
    "another count": lambda manifest, _: manifest["counts"].update(records=7),
    "format": lambda manifest, _: manifest.update(format=[1]),
    "outside": add("../evil"),
    "absolute": add("/tmp/evil"),
    "below authority": add("authority/a/b"),
    "above authority": add("authority/.."),
    "another name": add("run/intake.lock"),
    "record is no database": replace("record.db", b"no database at all" * 99),
    "journal is no database": replace("journal.db", b"no database at all" * 99),
    "record of another program": replace("record.db", another_database(application=7)),
    "record of a later version": replace("record.db", another_database(version=999)),
    "record of no program": replace("record.db", another_database(application=0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("there", [True, False])
def test_a_backup_that_was_altered_leaves_the_home_as_it_was(
    whole: Path, tmp_path: Path, change: Change, *, there: bool
) -> None:
    files = read(whole)
    manifest = json.loads(files["manifest.json"])
    change(manifest, files)
    files["manifest.json"] = json.dumps(manifest).encode()
    refused(write(tmp_path / "altered.tar", files), tmp_path / "again", there=there)


@pytest.mark.parametrize(
    "text",
    [b"[]", b"3", b"null", b"", b"\xff", b"{", b"[" * 200_000, b'{"format": 1, "files": null}'],
    ids=["list", "number", "null", "empty", "bytes", "cut", "deep", "null files"],
)
def test_a_manifest_that_is_none_is_refused(whole: Path, tmp_path: Path, text: bytes) -> None:
    files = {**read(whole), "manifest.json": text}
    refused(write(tmp_path / "altered.tar", files), tmp_path / "again", there=True)


def test_a_link_under_a_known_name_is_refused(whole: Path, tmp_path: Path) -> None:
    files = read(whole)
    digest = hashlib.sha256(files["record.db"]).hexdigest()
    manifest = json.loads(files["manifest.json"])
    manifest["files"]["desk.db"] = digest
    path = write(tmp_path / "l.tar", {**files, "manifest.json": json.dumps(manifest).encode()})
    with tarfile.open(path, "a:") as archive:
        entry = tarfile.TarInfo("desk.db")
        entry.type, entry.linkname = tarfile.SYMTYPE, "record.db"
        archive.addfile(entry)
    refused(path, tmp_path / "again", there=False)


@pytest.mark.parametrize("part", [0, 1, 300, 512, 700, 0.3, 0.6, 0.95])
def test_a_backup_that_was_cut_is_refused(whole: Path, tmp_path: Path, part: float) -> None:
    body = whole.read_bytes()
    kept = int(part * len(body)) if isinstance(part, float) else part
    (tmp_path / "cut.tar").write_bytes(body[:kept])
    refused(tmp_path / "cut.tar", tmp_path / "again", there=True)


def test_what_is_no_backup_at_all_is_refused(whole: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.tar", {"etc/passwd": b"root", "record.db": b"x"})
    packed = tmp_path / "packed.tar.gz"
    packed.write_bytes(gzip.compress(whole.read_bytes()))
    base = tmp_path / "a-database"
    base.write_bytes(another_database())
    for place, path in enumerate((other, packed, base, tmp_path, tmp_path / "nowhere")):
        refused(path, tmp_path / f"again-{place}", there=True)


def test_a_home_that_is_in_use_stays_as_it_is(whole: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "used").create()
    open_record(home.record_path).close()
    before = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    with pytest.raises(BackupError, match="is not empty"):
        restore_backup(str(whole), home)
    after = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    assert after == before


def test_journal_and_record_of_different_backups_are_refused(tmp_path: Path) -> None:
    """What lies between them was acknowledged, and is in neither."""
    home = Home(tmp_path / "first").create()
    open_record(home.record_path).close()
    desk = IntakeDesk(home)
    entry = Entry("agent/a", "form", datetime.now(UTC), b"{}")
    desk.journal.append([entry] * 5)
    desk.journal.trim(3)
    desk.close()
    path = Path(write_backup(home, str(tmp_path / "b.tar"))[0])
    message = refused(path, tmp_path / "again", there=False)
    assert "ends at 0, its journal goes on at 4" in message


def refused(backup: Path, folder: Path, *, there: bool) -> str:
    folder.mkdir()
    home = Home(folder / "home")
    if there:
        home.path.mkdir()
    with pytest.raises(BackupError) as caught:
        restore_backup(str(backup), home)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == (["home"] if there else [])
    assert not there or list(home.path.iterdir()) == []
    return str(caught.value)
