"""Installed programs in columns, as the contract lays them out.

BLAKE2b with a digest of 8 bytes, read as a little-endian number, orders the entries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from agent.facts.programs import Program, Programs
from stocktake.v1 import observation_pb2 as pb

HASH_BYTES = 8
MOST_PROGRAMS = 50_000
COLUMNS = ("name", "version", "architecture", "publisher", "install_date", "size_bytes")
_MOST_COLUMN = 1024


def fill_programs(body: pb.Programs, facts: Programs) -> tuple[str, ...]:
    """Fills the columns; returns what had to be left out, for people."""
    complaints = []
    entries: dict[int, str] = {}
    programs = facts.programs[:MOST_PROGRAMS]
    if len(programs) < len(facts.programs):
        complaints.append(f"only {MOST_PROGRAMS} of {len(facts.programs)} programs were kept.")
    for program in programs:
        text = entry(program)
        number = hash_of(text)
        if entries.setdefault(number, text) != text:
            complaints.append(f"the program {program.name} was left out: its hash is taken.")
    ordered = sorted(entries)
    body.package_system = facts.package_system
    body.hashes = b"".join(number.to_bytes(HASH_BYTES, "little") for number in ordered)
    body.entries = "".join(entries[number] + "\n" for number in ordered).encode()
    body.count = len(ordered)
    return tuple(complaints)


def entry(program: Program) -> str:
    """One line: the columns parted by tabs, without the empty ones at the end."""
    columns = (
        program.name,
        program.version,
        program.architecture,
        program.publisher,
        program.installed_on.isoformat() if program.installed_on else "",
        "" if program.size_bytes is None else str(program.size_bytes),
    )
    return "\t".join(_column(column) for column in columns).rstrip("\t")


def hash_of(text: str) -> int:
    """The entry's hash as a number."""
    digest = hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest, "little")


def rows(body: pb.Programs) -> Iterator[tuple[bytes, dict[str, str]]]:
    """The entries again, each with the eight bytes of its hash; empty columns are left out."""
    for index, line in enumerate(body.entries.decode().split("\n")[:-1]):
        columns = zip(COLUMNS, line.split("\t"), strict=False)
        start = index * HASH_BYTES
        digest = body.hashes[start : start + HASH_BYTES]
        yield digest, {name: value for name, value in columns if value}


def _column(text: str) -> str:
    """Without what would end the column or the line."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.encode("utf-8", "replace")[:_MOST_COLUMN].decode("utf-8", "ignore")
