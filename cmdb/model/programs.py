"""Lists of programs in columns, as they travel and are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cmdb.model.observation import ProgramColumns, Programs


def entry_hash(entry: bytes) -> bytes:
    """BLAKE2b-64 of an entry's UTF-8 text."""
    return hashlib.blake2b(entry, digest_size=8).digest()


def columns_of(programs: Programs | ProgramColumns) -> ProgramColumns:
    """The columns of a list."""
    if isinstance(programs, ProgramColumns):
        return programs
    days = programs.installed_days or (0,) * len(programs.entries)
    texts = [entry.encode("utf-8", "surrogatepass") for entry in programs.entries]
    rows = sorted(
        zip(map(entry_hash, texts), texts, days, strict=True),
        key=lambda row: int.from_bytes(row[0], "little"),
    )
    return ProgramColumns(
        programs.package_system,
        b"".join(row[0] for row in rows),
        b"".join(row[1] + b"\n" for row in rows),
        tuple(row[2] for row in rows) if programs.installed_days else (),
    )


def content_of(programs: Iterable[Programs | ProgramColumns]) -> bytes:
    """What lists of programs say, whatever numbers their releases have in a store."""
    columns = map(columns_of, programs)
    return joined(content_part(c.package_system, c.hashes, c.installed_days) for c in columns)


def content_part(system: str, hashes: bytes, days: Sequence[int]) -> bytes:
    """What one list says: its hashes as they travel, and the days in their order."""
    name = system.encode("utf-8", "surrogatepass")
    dated = ",".join(map(str, days)) if any(days) else ""
    return b"\0".join((name, hashes, dated.encode()))


def joined(parts: Iterable[bytes]) -> bytes:
    """What several lists say."""
    return b"\n".join(sorted(parts))
