"""The steps to schema 4 and 7 of record.db: tiles by group, and first words of the open block."""

from __future__ import annotations

import sqlite3

from cmdb.store.sqlite import bonds, programs
from cmdb.store.sqlite.bodies import Bodies
from cmdb.store.sqlite.bonds import Bonds
from cmdb.store.sqlite.programs import ProgramIndex


def upgrade(db: sqlite3.Connection) -> None:
    """To 4: writes every block of programs anew from what its owners say."""
    index = ProgramIndex(db)
    for block in range(programs.sealed(db)):
        index.seal(block)
    programs.tell_open(db)


def sockets_anew(db: sqlite3.Connection) -> None:
    """To 7: the same with the blocks of sockets, whose groups are addresses from now on."""
    talkers = Bonds(db, Bodies(db))
    for block in range(bonds.sealed(db)):
        talkers.seal(block)
