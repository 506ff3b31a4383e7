"""Who once used a socket at an address, and does not any more.

What is said of connections is kept whole, and found by who said it; this is the way back from
whom it was said. One small row for each pair that ever came apart, of addresses inside the estate
alone: machines talk to no end of others.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable
from ipaddress import ip_address

from cmdb.store.sqlite.talkers import Talkers

_CHUNK = 500


def note(db: sqlite3.Connection, owner: int, sockets: Collection[int]) -> None:
    """An asset no longer uses these sockets, which are there still."""
    rows = set()
    wanted = sorted(sockets)
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        marks = ",".join("?" * len(chunk))
        sql = f"SELECT scope, address, resolved FROM endpoint WHERE asset IN ({marks})"
        for scope, address, resolved in db.execute(sql, chunk):
            if resolved is not None or _inside(address):
                rows.add((_place(scope, address), owner))
    db.executemany("INSERT OR IGNORE INTO parted VALUES (?, ?)", sorted(rows))


def callers(
    db: sqlite3.Connection, talkers: Talkers, places: Iterable[tuple[str, str]]
) -> set[int]:
    """Assets that use, or used, a socket at one of these scopes and addresses."""
    found: set[int] = set()
    sockets: list[int] = []
    for scope, address in places:
        sql = "SELECT owner FROM parted WHERE place=?"
        found.update(row[0] for row in db.execute(sql, (_place(scope, address),)))
        sql = "SELECT asset FROM endpoint WHERE scope=? AND address=?"
        sockets += [row[0] for row in db.execute(sql, (scope, address))]
    for users in talkers.of(sockets).values() if sockets else ():
        found.update(users)
    return found


def _place(scope: str, address: str) -> int:
    told = f"{scope}\0{address}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little", signed=True)


def _inside(address: str) -> bool:
    try:
        return ip_address(address).is_private
    except ValueError:
        return False
