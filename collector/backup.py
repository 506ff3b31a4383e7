"""Backup and restore of a home: the three databases, the authority, and a manifest.

The journal is copied before the record: what the record has beyond the journal's copy was applied
already, and a restored journal goes on after the record's place. A restore proves that what it
wrote is what was backed up, and never writes over a home.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cmdb.store.port import StoreError
from cmdb.store.sqlite.copying import check_database, copy_database
from cmdb.store.sqlite.record import open_record
from collector.files import check_files
from collector.home import Home, HomeError, HomeForeign
from collector.journal.port import JournalError

Told = Callable[[int, int], None]
"""Hears how much is done, and of how much."""
_FORMAT = 1
_MANIFEST = "manifest.json"
_MOST_MANIFEST_BYTES = 1024 * 1024
_RECORD = "record.db"
_DATABASES = frozenset({"journal.db", _RECORD, "desk.db"})
_AUTHORITY_FILE = re.compile(r"authority/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COUNTED = frozenset({"applied", "records", "assets"})
_STAGE = ".stocktake-restore-"
_MALFORMED = (
    OSError, tarfile.TarError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    RecursionError, StoreError, JournalError, HomeError,
)  # fmt: skip
"""What a file that is no whole backup makes the libraries raise that read it."""


class BackupError(Exception):
    """The backup cannot be written or restored; the message says why and what to do."""


@dataclass(frozen=True)
class _Manifest:
    """What a backup says of itself: the digest of each file, and what the record counts."""

    files: dict[str, str]
    counts: dict[str, int]


class _Work:
    """Counts what is done."""

    def __init__(self, whole: int, told: Told) -> None:
        self._whole = max(whole, 1)
        self._done = 0
        self._told = told

    def add(self, done: int) -> None:
        """So much more is done."""
        self._done += done
        self._told(self._done, self._whole)

    def finish(self) -> None:
        """All of it is."""
        self._told(self._whole, self._whole)


def write_backup(home: Home, path: str) -> tuple[str, int, str, int]:
    """Writes a backup while everything runs.

    Returns:
        Its path, size in bytes, SHA-256, and the place in the journal up to which it is applied.

    Raises:
        BackupError: The file is there already, or cannot be written.
        HomeForeign: A file of the home is of a newer version: it could not be restored.
    """
    target = Path(path).expanduser().absolute()
    if target.exists():
        raise BackupError(f"{target} is there already; name another file")
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent}; make it first")
    check_files(home)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".stocktake-") as folder:
            applied = _collect(home, Path(folder))
            partial = Path(folder) / "backup.tar"
            _pack(Path(folder), partial)
            os.link(partial, target)
    except OSError as error:
        raise BackupError(f"cannot write {target}: {error.strerror or error}") from error
    return str(target), target.stat().st_size, _sha256(target), applied


def restore_backup(path: str, home: Home, told: Told = lambda _done, _all: None) -> dict[str, int]:
    """Restores a backup into a home that does not exist yet or is empty.

    `told` hears of the bytes that are written, and of how many they will be.

    Returns:
        Records and assets, as the manifest says and as the restored store counts.

    Raises:
        BackupError: It is no backup, was altered, or the home is in use. The home is as it was.
    """
    target, file = home.path.resolve(), Path(path).expanduser()
    try:
        if target.exists() and any(target.iterdir()):
            raise BackupError(
                f"{home.path} is not empty; name another home (--home) or move it away"
            )
        with _staging(target) as stage:
            with tarfile.open(file, "r:") as archive:
                manifest = _read_manifest(archive)
                # What is written is read once more: to prove it takes as long.
                work = _Work(2 * sum(_size(archive, name) for name in manifest.files), told)
                for name, expected in manifest.files.items():
                    _extract(archive, name, expected, stage, work)
            found = _prove(Home(stage), manifest.counts)
            _publish(stage, target)
            work.finish()
    except _MALFORMED as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        if isinstance(error, tarfile.TarError):
            said = "it is no backup, or was cut"
        elif isinstance(error, OSError) and error.strerror:
            about = f"{error.filename}: " if error.filename not in (None, str(file)) else ""
            said = about + error.strerror
        raise BackupError(f"{path} cannot be restored: {said}") from error
    return found


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A folder to restore into, gone at the end unless it took the home's place."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A mounted volume cannot be renamed over, and a service's user may own its home alone.
    inside = target.is_mount() or not os.access(target.parent, os.W_OK)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=target if inside else target.parent))
    try:
        yield stage
    finally:
        door = Home(stage).door_path.parent
        shutil.rmtree(stage, ignore_errors=True)
        if not door.is_relative_to(stage):
            shutil.rmtree(door, ignore_errors=True)


def _publish(stage: Path, target: Path) -> None:
    """Puts what was proven in the home's place; record.db comes last where it takes steps."""
    shutil.rmtree(stage / "run", ignore_errors=True)
    if stage.parent != target:
        stage.rename(target)
        _sync(target.parent)
    else:
        for entry in sorted(stage.iterdir(), key=lambda entry: entry.name == _RECORD):
            entry.rename(target / entry.name)
    _sync(target)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _collect(home: Home, folder: Path) -> int:
    for source in (home.journal_path, home.record_path, home.desk_path):
        if source.exists():
            copy_database(source, folder / source.name)
    authority = folder / "authority"
    authority.mkdir(mode=0o700)
    for file in sorted(home.authority_dir.iterdir()) if home.authority_dir.is_dir() else ():
        if file.is_file():
            (authority / file.name).write_bytes(file.read_bytes())
    counts = _counts(folder / home.record_path.name)
    names = [file.relative_to(folder).as_posix() for file in _files(folder)]
    manifest = {
        "format": _FORMAT,
        "made_at": datetime.now(UTC).isoformat(),
        "files": {name: _sha256(folder / name) for name in names},
        "counts": counts,
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return counts["applied"]


def _counts(path: Path) -> dict[str, int]:
    record = open_record(path, readonly=True)
    try:
        return {
            "applied": record.ledger.applied(),
            "records": record.ledger.count(),
            "assets": sum(record.view.counts().values()),
        }
    finally:
        record.close()


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.endswith(("-wal", "-shm", ".tar")):
            yield file


def _pack(folder: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w:") as archive:
            manifest = (folder / _MANIFEST).read_bytes()
            entry = tarfile.TarInfo(_MANIFEST)
            entry.size = len(manifest)
            archive.addfile(entry, io.BytesIO(manifest))
            for file in _files(folder):
                if file.name != _MANIFEST:
                    archive.add(file, file.relative_to(folder).as_posix(), recursive=False)
        stream.flush()
        os.fsync(stream.fileno())


def _read_manifest(archive: tarfile.TarFile) -> _Manifest:
    with _member(archive, _MANIFEST) as stream:
        found = json.loads(stream.read(_MOST_MANIFEST_BYTES))
    if not isinstance(found, dict):
        raise BackupError("the backup's manifest is no JSON object; it was altered")
    if found.get("format") != _FORMAT:
        raise BackupError(f"the backup's format is not {_FORMAT}, which this version reads")
    files, counts = found.get("files"), found.get("counts")
    if not isinstance(files, dict) or not all(_is_file(*item) for item in files.items()):
        raise BackupError("the backup's manifest names files that are none of a home")
    if _RECORD not in files:
        raise BackupError(f"the backup lacks {_RECORD}, the estate itself")
    if not isinstance(counts, dict) or counts.keys() != _COUNTED:
        raise BackupError(f"the backup's manifest does not count {', '.join(sorted(_COUNTED))}")
    if not all(type(count) is int and count >= 0 for count in counts.values()):
        raise BackupError("the backup's manifest counts with what are no numbers")
    return _Manifest(files, counts)


def _is_file(name: str, digest: object) -> bool:
    known = name in _DATABASES or _AUTHORITY_FILE.fullmatch(name) is not None
    return known and isinstance(digest, str)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = archive.getmember(name)
    except KeyError as error:
        raise BackupError(f"the backup lacks {name}") from error
    # A link shows another file under this name, and a sparse one fills the disk out of nothing.
    stream = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise BackupError(f"{name} in the backup is no ordinary file")
    return stream


def _size(archive: tarfile.TarFile, name: str) -> int:
    try:
        return archive.getmember(name).size
    except KeyError as error:
        raise BackupError(f"the backup lacks {name}") from error


def _extract(archive: tarfile.TarFile, name: str, expected: str, folder: Path, work: _Work) -> None:
    target = folder / name
    target.parent.mkdir(mode=0o700, exist_ok=True)
    stream = _member(archive, name)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while block := stream.read(1024 * 1024):
            out.write(block)
            work.add(len(block))
        out.flush()
        os.fsync(out.fileno())
    if _sha256(target) != expected:
        raise BackupError(f"{name} in the backup is not what was written; it was altered or cut")


def _prove(home: Home, counts: dict[str, int]) -> dict[str, int]:
    try:
        check_files(home)
    except HomeForeign as error:
        # The folder into which it was unpacked is nobody's business.
        said = str(error).replace(f"{home.path}/", "its ")
        raise BackupError(f"the backup cannot be restored: {said}") from error
    for path in (home.journal_path, home.record_path, home.desk_path):
        wrong = check_database(path) if path.exists() else None
        if wrong:
            raise BackupError(f"{path.name} of the backup is damaged: {wrong}")
    found = _counts(home.record_path)
    for name, value in counts.items():
        if found[name] != value:
            raise BackupError(f"restored {found[name]} {name}, the backup says {value}")
    _go_on_after(home, found["applied"])
    return found


def _go_on_after(home: Home, applied: int) -> None:
    from collector.intake_desk import IntakeDesk

    with home.lock("intake"):
        desk = IntakeDesk(home)
        try:
            waiting = desk.journal.read(applied, 1, 1)
            if waiting and waiting[0].sequence != applied + 1:
                raise BackupError(
                    f"the record of the backup ends at {applied}, its journal goes on at"
                    f" {waiting[0].sequence}: they are of different backups"
                )
            desk.journal.ensure_sequence(applied)
        finally:
            desk.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
