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
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cmdb.store.sqlite.copying import check_database, copy_database
from cmdb.store.sqlite.record import open_record
from collector.home import Home

_FORMAT = 1
_MANIFEST = "manifest.json"
_MOST_MANIFEST_BYTES = 1024 * 1024


class BackupError(Exception):
    """The backup cannot be written or restored; the message says why and what to do."""


def write_backup(home: Home, path: str) -> tuple[str, int, str, int]:
    """Writes a backup while everything runs.

    Returns:
        Its path, size in bytes, SHA-256, and the place in the journal up to which it is applied.

    Raises:
        BackupError: The file is there already, or cannot be written.
    """
    target = Path(path).expanduser().absolute()
    if target.exists():
        raise BackupError(f"{target} is there already; name another file")
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent}; make it first")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".stocktake-") as folder:
            applied = _collect(home, Path(folder))
            partial = Path(folder) / "backup.tar"
            _pack(Path(folder), partial)
            os.link(partial, target)
    except OSError as error:
        raise BackupError(f"cannot write {target}: {error.strerror or error}") from error
    return str(target), target.stat().st_size, _sha256(target), applied


def restore_backup(path: str, home: Home) -> dict[str, int]:
    """Restores a backup into a home that does not exist yet or is empty.

    Returns:
        Records and assets, as the manifest says and as the restored store counts.

    Raises:
        BackupError: It is no backup, was altered, or the home is in use.
    """
    if home.path.exists() and any(home.path.iterdir()):
        raise BackupError(f"{home.path} is not empty; name another home (--home) or move it away")
    home.create()
    try:
        with tarfile.open(Path(path).expanduser(), "r:") as archive:
            manifest = _read_manifest(archive)
            for name, expected in manifest["files"].items():
                _extract(archive, name, str(expected), home.path)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise BackupError(f"{path} is no whole backup: {error}") from error
    return _prove(home, manifest["counts"])


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


def _read_manifest(archive: tarfile.TarFile) -> dict[str, dict[str, int | str]]:
    stream = archive.extractfile(_MANIFEST)
    text = stream.read(_MOST_MANIFEST_BYTES) if stream else b""
    manifest = json.loads(text)
    if manifest.get("format") != _FORMAT:
        raise BackupError(
            f"backup of format {manifest.get('format')}; this version reads {_FORMAT}"
        )
    return {"files": dict(manifest["files"]), "counts": dict(manifest["counts"])}


def _extract(archive: tarfile.TarFile, name: str, expected: str, folder: Path) -> None:
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise BackupError(f"the backup names {name!r}, which lies outside the home")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    stream = archive.extractfile(name)
    if stream is None:
        raise BackupError(f"the backup lacks {name}")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while block := stream.read(1024 * 1024):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if _sha256(target) != expected:
        raise BackupError(f"{name} in the backup is not what was written; it was altered or cut")


def _prove(home: Home, counts: dict[str, int | str]) -> dict[str, int]:
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
            desk.journal.ensure_sequence(applied)
        finally:
            desk.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
