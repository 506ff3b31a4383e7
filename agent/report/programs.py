"""Installed programs in columns, as the contract lays them out.

BLAKE2b with a digest of 8 bytes, read as a little-endian number, orders the entries.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from datetime import date, timedelta

from agent.facts.programs import Program, Programs
from stocktake.v1 import observation_pb2 as pb

HASH_BYTES = 8
MOST_PROGRAMS = 50_000
COLUMNS = ("name", "version", "architecture", "publisher")
_MOST_COLUMN = 1024
_EPOCH = date(1970, 1, 1)


def fill_programs(body: pb.Programs, facts: Programs) -> tuple[str, ...]:
    """Fills the columns; returns what had to be left out, for people."""
    complaints = []
    entries: dict[int, tuple[str, int]] = {}
    programs = facts.programs[:MOST_PROGRAMS]
    if len(programs) < len(facts.programs):
        complaints.append(f"only {MOST_PROGRAMS} of {len(facts.programs)} programs were kept.")
    for program in programs:
        text = entry(program)
        number = hash_of(text)
        if entries.setdefault(number, (text, _day(program)))[0] != text:
            complaints.append(f"the program {program.name} was left out: its hash is taken.")
    ordered = sorted(entries)
    body.package_system = facts.package_system
    body.hashes = b"".join(number.to_bytes(HASH_BYTES, "little") for number in ordered)
    body.entries = "".join(entries[number][0] + "\n" for number in ordered).encode()
    body.count = len(ordered)
    days = [entries[number][1] for number in ordered]
    body.installed_days.extend(days if any(days) else ())
    return tuple(complaints)


def entry(program: Program) -> str:
    """One line: the columns parted by tabs, without the empty ones at the end."""
    columns = (program.name, program.version, program.architecture, program.publisher)
    return "\t".join(_column(column) for column in columns).rstrip("\t")


def hash_of(text: str) -> int:
    """The entry's hash as a number."""
    digest = hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest, "little")


def rows(body: pb.Programs) -> Iterator[tuple[bytes, dict[str, str]]]:
    """The entries again, each with the eight bytes of its hash; empty columns are left out."""
    days = list(body.installed_days) or [0] * body.count
    for index, line in enumerate(body.entries.decode().split("\n")[:-1]):
        columns = zip(COLUMNS, line.split("\t"), strict=False)
        start = index * HASH_BYTES
        digest = body.hashes[start : start + HASH_BYTES]
        found = {name: value for name, value in columns if value}
        if days[index]:
            found["install_date"] = (_EPOCH + timedelta(days=days[index])).isoformat()
        yield digest, found


def outline(body: pb.Programs) -> bytes:
    """What of a whole list must be remembered to tell later how another differs from it."""
    count = len(body.hashes) // HASH_BYTES
    days = list(body.installed_days) or [0] * count
    return struct.pack("<I", count) + body.hashes + struct.pack(f"<{count}I", *days)


def difference(body: pb.Programs, known: bytes) -> pb.Programs | None:
    """How a whole list differs from the one of an outline; None where that is no outline."""
    before = _outlined(known)
    if before is None:
        return None
    now = _outlined(outline(body)) or {}
    lines = dict(zip(now, body.entries.split(b"\n"), strict=False))
    come = [found for found, day in now.items() if before.get(found) != day]
    changed = pb.Programs(package_system=body.package_system, count=len(come))
    changed.hashes = b"".join(come)
    changed.entries = b"".join(lines[found] + b"\n" for found in come)
    if len(body.installed_days):
        changed.installed_days.extend(now[found] for found in come)
    changed.gone = b"".join(found for found in before if found not in now)
    changed.whole_hash = hashlib.blake2b(body.hashes, digest_size=HASH_BYTES).digest()
    return changed


def _outlined(known: bytes) -> dict[bytes, int] | None:
    """The day of each hash, in their order."""
    if len(known) < 4 or len(known) != 4 + 12 * struct.unpack_from("<I", known)[0]:  # noqa: PLR2004
        return None
    (count,) = struct.unpack_from("<I", known)
    end = 4 + HASH_BYTES * count
    hashes = [known[start : start + HASH_BYTES] for start in range(4, end, HASH_BYTES)]
    return dict(zip(hashes, struct.unpack_from(f"<{count}I", known, end), strict=True))


def _day(program: Program) -> int:
    """Days since 1970; 0 where it is not known."""
    return max(0, (program.installed_on - _EPOCH).days) if program.installed_on else 0


def _column(text: str) -> str:
    """Without what would end the column or the line."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.encode("utf-8", "replace")[:_MOST_COLUMN].decode("utf-8", "ignore")
